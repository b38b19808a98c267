"""Read a request's body within a bound."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings as django_settings
from django.http import HttpRequest, UnreadablePostError
from django.utils.crypto import salted_hmac

from token_rotation.intake.body import BodyError


class TooLargeError(Exception):
    """The body is larger than allowed."""


def read_body(request: HttpRequest, most_bytes: int) -> bytes:
    """Return the body. It is not read to its end where it is too large.

    Raises TooLargeError, and BodyError where the client hung up.
    """
    try:
        said = int(request.META.get("CONTENT_LENGTH") or 0)
    except ValueError:
        raise BodyError from None
    if said > most_bytes:
        raise TooLargeError
    try:
        body = request.read(most_bytes + 1)
    except UnreadablePostError:
        raise BodyError from None
    if len(body) > most_bytes:
        raise TooLargeError
    return body


def key_of(door: str, body: bytes) -> UUID:
    """Return what is the same for the same body, and tells nothing of it without SECRET_KEY."""
    salt = f"token_rotation.intake.{door}"
    digest = salted_hmac(salt, body, secret=django_settings.SECRET_KEY, algorithm="sha256")
    return UUID(bytes=digest.digest()[:16])
