"""The tickets' guard, as if it had been given the make_tokens that MAKE_TOKENS names."""

import os

from django.apps import AppConfig

from token_rotation.triggers.guard_triggers import UpdateGuard


class PythonTokensConfig(AppConfig):
    name = "tests.projects.python_tokens"

    def ready(self) -> None:
        from tickets.models import Ticket  # noqa: PLC0415  (models are not there any earlier)

        for trigger in Ticket._meta.triggers:
            if isinstance(trigger, UpdateGuard):
                trigger.make_tokens = os.environ["MAKE_TOKENS"]
