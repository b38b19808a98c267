"""``manage.py check`` for the storage of failure counts."""

from typing import Any

from django.core.checks import CheckMessage, Error, Tags, register


@register(Tags.security)
def check_storage(**_: Any) -> list[CheckMessage]:
    # Imported here because it is slow, and few commands run checks.
    from tickets.lookup_limit.limiter import UNUSABLE, make_limiter  # noqa: PLC0415

    try:
        make_limiter()
    except UNUSABLE:  # its message quotes the URI, which may hold a password
        return [
            Error(
                "LOOKUP_LIMIT_STORAGE names no storage that can be used: failed look-ups would "
                "not be limited.",
                hint="Use database:// or redis://host:port/number (with the package redis).",
                id="lookup_limit.E001",
            )
        ]
    return []
