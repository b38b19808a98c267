from django.contrib import admin
from django.urls import path

from tests.projects.old_application.views import new_ticket, ticket_page

urlpatterns = [
    path("tickets/", new_ticket),
    path("t/<uuid:token>/", ticket_page),
    path("admin/", admin.site.urls),
]
