from django.apps import AppConfig


class LookupLimitConfig(AppConfig):
    name = "tickets.lookup_limit"
    label = "lookup_limit"

    def ready(self) -> None:
        from tickets.lookup_limit import checks  # noqa: F401, PLC0415  (registers itself)
