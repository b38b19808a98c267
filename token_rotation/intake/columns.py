"""Which declared columns may hold a reported token."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from django.apps import apps
from django.db import router

from token_rotation.intake import settings
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import targets_of
from token_rotation.tokens.finding import fails_checksum
from token_rotation.verification.token_column import column_of

MOST_CHARACTERS = 8_192


@dataclass(frozen=True, slots=True)
class IntakeColumn:
    """The token column of a target.

    ``read`` turns a token into the database's text of it; it raises ValueError for what the column
    cannot hold. ``stored_value`` is the site's function for a column of hashes. Where that is
    missing, no token can be looked up: then ``is_searchable`` is False.
    """

    target: Target
    read: Callable[[str], str]
    stored_value: Callable[[str], Any] | None
    is_searchable: bool
    drops_noise: bool

    def stored_text(self, token: str) -> str | None:
        """Return the database's text of a token; None if the column cannot hold it.

        A token of another shape than the declared format may be an older one, so it is no noise.
        """
        if not self.is_searchable or not 0 < len(token) <= MOST_CHARACTERS or "\0" in token:
            return None
        known = self.target.token_format
        if self.drops_noise and known is not None and fails_checksum(token, known):
            return None
        try:
            token.encode()  # JSON may hold half a character
            if self.stored_value is None:
                return self.read(token)
            value = self.stored_value(token)
            return f"\\x{value.hex()}" if isinstance(value, bytes) else str(value)
        except ValueError:
            return None


def intake_columns() -> list[IntakeColumn]:
    """Return every declared token column once, on the database that its model is written to."""
    functions, drops_noise = settings.hashes(), settings.drops_noise()
    columns = {}
    for target in _targets():
        column = column_of(target)
        function = functions.get(target.label)
        columns[target.database, target.table, target.token_column] = IntakeColumn(
            target=target,
            read=column.read,
            stored_value=function,
            is_searchable=function is not None or not column.holds_hashes,
            drops_noise=drops_noise and function is None,
        )
    return list(columns.values())


def _targets() -> Iterator[Target]:
    for model in apps.get_models():
        yield from targets_of(model, router.db_for_write(model))
