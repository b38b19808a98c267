from django.apps import AppConfig


class OldTicketsConfig(AppConfig):
    name = "tests.projects.old_application"
    label = "tickets"
    default_auto_field = "django.db.models.BigAutoField"
