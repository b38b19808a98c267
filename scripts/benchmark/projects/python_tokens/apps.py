"""Let the rotation of the tickets take its tokens from Python."""

from django.apps import AppConfig

from token_rotation.tokens.random_uuids import random_uuids
from token_rotation.triggers.guard_triggers import UpdateGuard


class PythonTokensConfig(AppConfig):
    name = "benchmark.projects.python_tokens"

    def ready(self) -> None:
        from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)

        for trigger in Ticket._meta.triggers:  # type: ignore[attr-defined]
            if isinstance(trigger, UpdateGuard):
                trigger.make_tokens = random_uuids
