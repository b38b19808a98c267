"""Django settings of the intake, read at each report; without any, no door is open."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.http import HttpRequest
from django.utils.module_loading import import_string

LEAST_SECRET_CHARACTERS = 32
LOOPBACK = ("localhost", "127.0.0.1", "::1")


def public_keys() -> Mapping[str, str]:
    """The keys in PEM of those who may sign, by their id."""
    found: Mapping[str, str] = getattr(settings, "TOKEN_ROTATION_INTAKE_PUBLIC_KEYS", {})
    return found


def public_keys_url() -> str | None:
    """Return where more keys are published."""
    found: str | None = getattr(settings, "TOKEN_ROTATION_INTAKE_PUBLIC_KEYS_URL", None)
    return found


def bearer() -> str:
    """The secret of those who may revoke; empty: nobody has one."""
    return str(getattr(settings, "TOKEN_ROTATION_INTAKE_BEARER", ""))


def authenticate() -> Callable[[HttpRequest], Any] | None:
    """Return the site's own function: who may revoke, or nothing."""
    path = getattr(settings, "TOKEN_ROTATION_INTAKE_AUTHENTICATE", None)
    return None if path is None else _function(path)


def calls_per_minute() -> int:
    """Return how often each caller may revoke."""
    return int(getattr(settings, "TOKEN_ROTATION_INTAKE_CALLS_PER_MINUTE", 60))


def body_bytes() -> int:
    """Return the size of the largest body."""
    return int(getattr(settings, "TOKEN_ROTATION_INTAKE_BODY_BYTES", 1048576))


def drops_noise() -> bool:
    """Return True unless tokens were issued before their format had a checksum."""
    return not getattr(settings, "TOKEN_ROTATION_INTAKE_ISSUED_WITHOUT_CHECKSUM", False)


def hashes() -> Mapping[str, Callable[[str], Any]]:
    """Return, by the target's label, the function from a token to the value that is stored."""
    paths = getattr(settings, "TOKEN_ROTATION_INTAKE_HASHES", {})
    return {label: _function(path) for label, path in paths.items()}


def is_webhook_open() -> bool:
    """Return True if somebody may sign."""
    return bool(public_keys() or public_keys_url())


def is_revocation_open() -> bool:
    """Return True if somebody may revoke."""
    return bool(bearer() or getattr(settings, "TOKEN_ROTATION_INTAKE_AUTHENTICATE", None))


def mistakes() -> Iterator[tuple[str, str]]:
    """Yield the name of each unfit setting, and what is wrong with it."""
    if not isinstance(public_keys(), Mapping):
        yield "TOKEN_ROTATION_INTAKE_PUBLIC_KEYS", "is no dict of keys in PEM by their id"
    url = public_keys_url()
    if url is not None and not _is_trustworthy(url):
        yield "TOKEN_ROTATION_INTAKE_PUBLIC_KEYS_URL", "is no https URL"
    if 0 < len(bearer()) < LEAST_SECRET_CHARACTERS:
        yield "TOKEN_ROTATION_INTAKE_BEARER", f"has fewer than {LEAST_SECRET_CHARACTERS} characters"
    for name, read in (
        ("TOKEN_ROTATION_INTAKE_AUTHENTICATE", authenticate),
        ("TOKEN_ROTATION_INTAKE_HASHES", hashes),
    ):
        try:
            read()
        except (ImportError, AttributeError, TypeError) as error:
            yield name, f"names no function: {error}"
    for name, number in (
        ("TOKEN_ROTATION_INTAKE_CALLS_PER_MINUTE", calls_per_minute),
        ("TOKEN_ROTATION_INTAKE_BODY_BYTES", body_bytes),
    ):
        try:
            is_fit = number() > 0
        except (TypeError, ValueError):
            is_fit = False
        if not is_fit:
            yield name, "is no number above 0"


def _function(path: Any) -> Callable[..., Any]:
    found = import_string(path)
    if not callable(found):
        raise TypeError(f"{path} cannot be called")
    function: Callable[..., Any] = found
    return function


def _is_trustworthy(url: Any) -> bool:
    try:
        parts = urlsplit(url)
        host = parts.hostname
    except (ValueError, AttributeError, TypeError):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and host in LOOPBACK)
