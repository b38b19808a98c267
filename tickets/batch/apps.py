from django.apps import AppConfig


class BatchConfig(AppConfig):
    name = "tickets.batch"
    label = "batch"
    verbose_name = "Batch operations"
    default_auto_field = "django.db.models.BigAutoField"
