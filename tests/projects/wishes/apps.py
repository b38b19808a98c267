"""Models whose applications change tokens themselves."""

from django.apps import AppConfig


class WishesConfig(AppConfig):
    name = "tests.projects.wishes"
    default_auto_field = "django.db.models.BigAutoField"
