from django.apps import AppConfig


class RotationConfig(AppConfig):
    name = "tickets.rotation"
    label = "rotation"
    verbose_name = "Token rotation"

    def ready(self) -> None:
        from tickets.rotation import checks  # noqa: F401, PLC0415 (importing registers them)
