"""``manage.py check``: what is installed beside this library."""

from __future__ import annotations

from typing import Any

import django
from django.core.checks import CheckMessage, Tags, Warning, register  # noqa: A004

NEWEST_DJANGO = (6, 1)
"""The newest one that the tests of this release ran on."""


@register(Tags.compatibility)
def check_installed(**_: Any) -> list[CheckMessage]:
    """Return one message for each package whose version this release does not know."""
    messages: list[CheckMessage] = []
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
