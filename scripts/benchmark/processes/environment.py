"""The environment of the programs that are measured."""

import os

_LEFT_OUT = ("DATABASE_", "DJANGO_", "TICKETS_", "PG")


def environment(**added: str) -> dict[str, str]:
    """This process's environment, without what would choose another database or settings."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_LEFT_OUT)}
    return {**kept, **added}
