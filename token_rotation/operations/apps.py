from importlib import import_module

from django.apps import AppConfig
from django.utils.module_loading import autodiscover_modules


class BatchConfig(AppConfig):
    name = "tickets.batch"
    label = "batch"
    verbose_name = "Batch operations"
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Register the system checks, and the groups in the ``actions`` modules of all apps."""
        import_module("tickets.batch.checks")
        autodiscover_modules("actions")
