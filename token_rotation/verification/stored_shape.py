"""The shape of stored values: how long they are, and of what characters.

Pure. It recognises a list that was mangled on its way: cut, in another case, without its prefix.
"""

from __future__ import annotations

import string
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import takewhile

from token_rotation.inspection.columns.likeness import is_password_hash

MOST_LENGTHS = 4
LEAST_VALUES = 10  # what fewer values have in common may be chance
DIGEST_LENGTHS = frozenset({32, 40, 64, 128})
_CLASSES = (
    frozenset(string.ascii_lowercase),
    frozenset(string.ascii_uppercase),
    frozenset(string.digits),
)
_HEXADECIMAL = frozenset(string.hexdigits)


@dataclass(frozen=True, slots=True)
class _Group:
    """What values of ``shortest`` to ``longest`` characters have in common.

    Each begins with ``prefix``, has characters of the classes ``needed``, and none of the letters
    and digits outside ``allowed``.
    """

    shortest: int
    longest: int
    prefix: str
    needed: frozenset[int]
    allowed: frozenset[int]

    def fits(self, text: str) -> bool:
        if not self.shortest <= len(text) <= self.longest or not text.startswith(self.prefix):
            return False
        return self.needed <= _classes(text) <= self.allowed


@dataclass(frozen=True, slots=True)
class StoredShape:
    """The shape of a column's values; it holds none of them.

    With ``has_passwords`` some are hashes as Django writes them. With ``may_be_digests`` all are
    hexadecimal digits, as many as a digest has.
    """

    groups: tuple[_Group, ...]
    has_passwords: bool
    may_be_digests: bool

    def fits(self, text: str) -> bool:
        """Return True if a token looks like one of the values."""
        if self.has_passwords:
            return is_password_hash(text)
        return any(group.fits(text) for group in self.groups)


def shape_of_values(values: Sequence[str]) -> StoredShape:
    """Return the shape of some values, one or more.

    Values of a few lengths are compared with each length apart, others all together.
    """
    by_length: dict[int, list[str]] = defaultdict(list)
    for value in values:
        by_length[len(value)].append(value)
    few = len(by_length) <= MOST_LENGTHS
    return StoredShape(
        groups=tuple(map(_group, by_length.values() if few else [values])),
        has_passwords=any(map(is_password_hash, values)),
        may_be_digests=len(by_length) == 1
        and by_length.keys() <= DIGEST_LENGTHS
        and all(_HEXADECIMAL.issuperset(value) for value in values),
    )


def common_start(some: Sequence[str]) -> str:
    """Return what all of some texts begin with."""
    least, greatest = min(some), max(some)
    pairs = zip(least, greatest, strict=False)
    return "".join(a for a, _ in takewhile(lambda pair: pair[0] == pair[1], pairs))


def _group(values: Sequence[str]) -> _Group:
    classes = [_classes(value) for value in values]
    enough = len(values) >= LEAST_VALUES
    return _Group(
        shortest=min(map(len, values)),
        longest=max(map(len, values)),
        prefix=common_start(values) if enough else "",
        needed=frozenset.intersection(*classes) if enough else frozenset(),
        allowed=frozenset.union(*classes),
    )


def _classes(text: str) -> frozenset[int]:
    characters = frozenset(text)
    return frozenset(n for n, members in enumerate(_CLASSES) if members & characters)
