"""How often a caller may call, counted in Django's default cache."""

from __future__ import annotations

import time
from hashlib import sha256

from django.core.cache import cache

WINDOW_SECONDS = 60


def may_call(caller: str, calls_per_minute: int) -> bool:
    """Count a call; return False if it is one too many in this minute."""
    digest = sha256(caller.encode()).hexdigest()
    key = f"token_rotation.intake.{digest}.{int(time.time() // WINDOW_SECONDS)}"
    cache.add(key, 0, timeout=2 * WINDOW_SECONDS)
    try:
        return cache.incr(key) <= calls_per_minute
    except ValueError:  # the cache has just dropped it
        return True
