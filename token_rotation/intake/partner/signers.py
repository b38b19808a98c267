"""Who may sign reports: the keys in the settings, then those that are published."""

from __future__ import annotations

from functools import cache

from token_rotation.intake import settings
from token_rotation.intake.partner.published_keys import PublishedKeys


def is_signed(key_id: str, signature: str, body: bytes) -> bool:
    """Return True if the key of this id signed the body.

    Raises KeysUnavailableError, and ValueError for a key that is unfit. Raises ModuleNotFoundError
    without the extra ``intake``.
    """
    from token_rotation.intake.partner.signature import has_signed  # noqa: PLC0415  (the extra)

    pem = settings.public_keys().get(key_id)
    url = settings.public_keys_url()
    if pem is None and url is not None:
        pem = published(url).key(key_id)
    return pem is not None and has_signed(pem, signature, body)


@cache
def published(url: str) -> PublishedKeys:
    """Return the keys at a URL, as this process keeps them."""
    return PublishedKeys(url)
