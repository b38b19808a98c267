from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class OperationsConfig(AppConfig):
    name = "token_rotation.operations"
    label = "token_rotation_operations"
    verbose_name = "Operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks and the action groups.

        The groups are in the ``actions`` modules of all apps.
        """
        import_module("token_rotation.operations.checks")
        autodiscover_modules("actions")
