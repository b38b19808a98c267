"""Tokens whose answer is known beforehand."""

from __future__ import annotations

import random
import string
from collections.abc import Sequence
from itertools import islice
from uuid import UUID, uuid4

from token_rotation.selection.leak_list import LeakList
from token_rotation.verification.stored_shape import common_start

LINES_COMPARED = 100
_CLASSES = (string.ascii_lowercase, string.ascii_uppercase, string.digits)


def random_token(leak_list: LeakList) -> str:
    """Return a token that nobody has, in the form of the listed ones.

    What all of the first listed tokens begin with stays, such as "sk_live_".
    """
    some = list(islice(leak_list.values(), LINES_COMPARED))
    if all(_is_uuid(text) for text in some):
        return str(uuid4())
    kept = common_start(some) if len(some) > 1 else ""
    kept = kept if 2 * len(kept) <= len(some[0]) else ""
    rests = [text[len(kept) :] for text in some]
    return kept + "".join(_random_like(character, rests) for character in rests[0])


def _random_like(character: str, some: Sequence[str]) -> str:
    members = next((each for each in _CLASSES if character in each), None)
    if members is None:
        return character
    used = sorted({each for text in some for each in text if each in members})
    return random.SystemRandom().choice(used if len(used) > 1 else members)


def _is_uuid(text: str) -> bool:
    try:
        UUID(text)
    except ValueError:
        return False
    return True
