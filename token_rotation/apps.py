from importlib import import_module

from django.apps import AppConfig
from django.db.models.signals import post_migrate, pre_migrate


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
        from token_rotation.declare.watching.watch import watch  # noqa: PLC0415
        from token_rotation.makemigrations import autodetector  # noqa: PLC0415
        from token_rotation.owners.registry import every_notice  # noqa: PLC0415
        from token_rotation.retired import late_keeping  # noqa: PLC0415
        from token_rotation.retired.validating import watch_validation  # noqa: PLC0415
        from token_rotation.schema import outside_transactions, taking_back  # noqa: PLC0415

        import_module("token_rotation.declare.on_sqlite")
        import_module("token_rotation.distributed.actions")
        if every_notice():
            import_module("token_rotation.owners.job").register_jobs()
        autodetector.install()
        migrating.install()
        outside_transactions.install()
        read_back_what_the_guard_stores()
        watch()
        watch_validation()
        pre_migrate.connect(taking_back.refuse_to_take_others_along, sender=self)
        pre_migrate.connect(late_keeping.look_before, sender=self)
        post_migrate.connect(late_keeping.record_after, sender=self)
