"""The tickets' triggers, as if their model had asked for keep_retired() too."""

from django.apps import AppConfig

from token_rotation.triggers.retired import keep_retired


class RetiredTokensConfig(AppConfig):
    name = "benchmark.projects.retired_tokens"

    def ready(self) -> None:
        from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)

        for trigger in keep_retired():
            Ticket._meta.triggers.append(trigger)  # type: ignore[attr-defined]
            trigger.register(Ticket)  # type: ignore[arg-type]
