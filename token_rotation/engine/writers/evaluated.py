"""Tokens that an SQL expression makes."""

from __future__ import annotations

from token_rotation.engine.writers.assignment import Evaluated
from token_rotation.engine.writers.writer import Writer
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql import tokens as tokens_sql


class ExpressionWriter(Writer):
    """Every row gets what the expression gives for it."""

    updates_ranges = True

    def __init__(self, target: Target, expression: str) -> None:
        self._assignment = Evaluated(
            target, tokens_sql.sets_token(target, tokens_sql.made_by(expression))
        )

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Nothing: the server makes the tokens."""

    def for_range(self) -> Evaluated:
        return self._assignment

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> Evaluated:  # noqa: ARG002
        return self.for_range()

    def for_one_row(self) -> Evaluated:
        return self._assignment

    def written(self, rows: int) -> None:
        """Nothing: tokens do not depend on those before them."""
