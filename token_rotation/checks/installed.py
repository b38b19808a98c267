"""``manage.py check``: what is installed beside this library."""

from __future__ import annotations

from typing import Any

import django
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004
from django.db.backends.postgresql.psycopg_any import is_psycopg3  # type: ignore[import-untyped]

NEWEST_DJANGO = (6, 1)
"""The newest one that the tests of this release ran on."""


@register(Tags.compatibility)
def check_installed(**_: Any) -> list[CheckMessage]:
    """Return one message for each package whose version this release does not know."""
    messages: list[CheckMessage] = []
    if is_psycopg3:
        messages.append(
            Error(
                "Django uses psycopg 3 here, and a rotation needs psycopg 2.",
                hint="Uninstall psycopg; psycopg2 is installed.",
                id="token_rotation.E016",
            )
        )
    if django.VERSION[:2] > NEWEST_DJANGO:
        newest = ".".join(map(str, NEWEST_DJANGO))
        messages.append(
            Warning(
                f"Django {django.__version__} is newer than {newest}, the newest that this release "
                "was tested on. The guard in the database does not depend on Django. What save() "
                "does with a token may.",
                hint="Look for a newer release of django-token-rotation.",
                id="token_rotation.W011",
            )
        )
    return messages
