from django.apps import AppConfig


class RotationConfig(AppConfig):
    name = "tickets.rotation"
    label = "rotation"
    verbose_name = "Token rotation"
