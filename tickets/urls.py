"""URLs of the ticket application."""

from django.urls import path

from tickets.views import new_ticket, ticket_page

app_name = "tickets"
urlpatterns = [
    path("tickets/", new_ticket, name="new"),
    # "path", not "uuid", and with or without the slash: whatever is below /t/ gets the same answer.
    path("t/<path:token>/", ticket_page, name="ticket"),
    path("t/<path:token>", ticket_page),
]
