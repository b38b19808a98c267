from importlib import import_module

from django.apps import AppConfig


class TokenRotationConfig(AppConfig):
    name = "token_rotation"
    verbose_name = "Token rotation"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register system checks and actions, and install the hooks.

        The hooks go into Django's ORM, makemigrations and migrations.
        """
        from token_rotation.checks import migrating  # noqa: PLC0415
        from token_rotation.declare.returning import read_back_what_the_guard_stores  # noqa: PLC0415
        from token_rotation.declare.watching import watch  # noqa: PLC0415
        from token_rotation.makemigrations import autodetector  # noqa: PLC0415
        from token_rotation.retired.validating import watch_validation  # noqa: PLC0415
        from token_rotation.schema import outside_transactions  # noqa: PLC0415

        import_module("token_rotation.declare.on_sqlite")
        import_module("token_rotation.distributed.actions")
        autodetector.install()
        migrating.install()
        outside_transactions.install()
        read_back_what_the_guard_stores()
        watch()
        watch_validation()
