"""``manage.py check``: the settings of the intake of leaked tokens."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from django.conf import settings as django_settings
from django.core.checks import CheckMessage, Error, Tags, Warning, register  # noqa: A004

from token_rotation.errors import RotationError
from token_rotation.intake import settings
from token_rotation.intake.columns import intake_columns

HOW_TO = "docs/how-to/receive-leak-reports.md says more."
PER_PROCESS = ("locmem.LocMemCache", "dummy.DummyCache")


@register(Tags.security)
def check_intake(**_: Any) -> list[CheckMessage]:
    """Return one message for each mistake; none while no door is open."""
    mistakes = [
        Error(f"{name} {what}.", hint=HOW_TO, id="token_rotation.E070")
        for name, what in settings.mistakes()
    ]
    if mistakes or not (settings.is_webhook_open() or settings.is_revocation_open()):
        return list(mistakes)
    return [*_extra(), *_unsearched(), *_cache()]


def _extra() -> Iterator[CheckMessage]:
    if not settings.is_webhook_open():
        return
    try:
        from token_rotation.intake.partner.signature import has_signed  # noqa: PLC0415
    except ModuleNotFoundError:
        what = "Signed reports need a library that is not installed."
        hint = "Run: pip install 'django-token-rotation[intake]'"
        yield Error(what, hint=hint, id="token_rotation.E071")
        return
    for key_id, pem in settings.public_keys().items():
        try:
            has_signed(pem, "", b"")
        except ValueError as error:
            what = f"TOKEN_ROTATION_INTAKE_PUBLIC_KEYS: {key_id} is {error}."
            yield Error(what, hint=HOW_TO, id="token_rotation.E070")


def _unsearched() -> Iterator[CheckMessage]:
    try:
        columns = intake_columns()
    except RotationError:  # another check says what is wrong with the declaration
        return
    for column in columns:
        if not column.is_searchable:
            yield Warning(
                f"{column.target.label} holds hashes: a reported token is not looked up there.",
                hint="Name the function that makes them in TOKEN_ROTATION_INTAKE_HASHES.",
                id="token_rotation.W070",
            )


def _cache() -> Iterator[CheckMessage]:
    backend = str(django_settings.CACHES.get("default", {}).get("BACKEND", ""))
    if settings.is_revocation_open() and backend.endswith(PER_PROCESS):
        yield Warning(
            "The default cache is one for each process, or none, so the limit of calls of the "
            "revocation endpoint is too.",
            hint="Set CACHES to a cache that all processes share.",
            id="token_rotation.W071",
        )
