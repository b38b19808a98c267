"""The tickets' guard, as if it kept the SHA-256 of the token in the subject."""

from django.apps import AppConfig

from token_rotation.triggers.guard_triggers import InsertGuard, UpdateGuard

SHA256 = "encode(sha256(convert_to({token}::text, 'UTF8')), 'hex')"


class DerivedColumnsConfig(AppConfig):
    name = "benchmark.projects.derived_columns"

    def ready(self) -> None:
        from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)

        for trigger in Ticket._meta.triggers:  # type: ignore[attr-defined]
            if isinstance(trigger, InsertGuard | UpdateGuard):
                trigger.derived = {"subject": SHA256}
