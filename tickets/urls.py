"""URLs of the ticket application."""

from django.urls import path

from tickets.views import index, new_ticket, ticket_page

app_name = "tickets"
urlpatterns = [
    path("", index, name="index"),
    path("tickets/", new_ticket, name="new"),
    # "path", not "uuid", and with or without the slash: everything below /t/ gets the same answer.
    path("t/<path:token>/", ticket_page, name="ticket"),
    path("t/<path:token>", ticket_page),
]
