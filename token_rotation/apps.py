from django.apps import AppConfig


class RotationConfig(AppConfig):
    name = "tickets.rotation"
    label = "rotation"
    verbose_name = "Token rotation"

    def ready(self) -> None:
        from tickets.rotation import checks, model_checks  # noqa: F401, PLC0415 (registers them)
        from tickets.rotation.adoption import autodetector  # noqa: PLC0415
        from tickets.rotation.read_back import read_back_foreign_tokens  # noqa: PLC0415

        autodetector.install()
        read_back_foreign_tokens()
