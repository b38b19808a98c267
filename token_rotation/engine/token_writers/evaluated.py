"""Tokens that an SQL expression makes."""

from __future__ import annotations

from token_rotation.engine.token_writers.assignment import EvaluatedToken
from token_rotation.engine.token_writers.writer import TokenWriter
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql import tokens as tokens_sql


class ExpressionWriter(TokenWriter):
    """Every row gets what the expression gives for it."""

    updates_ranges = True

    def __init__(self, target: Target, expression: str) -> None:
        self._assignment = EvaluatedToken(target, tokens_sql.made_by(expression))

    def prepare(self, keys: KeyRange, batch_rows: int | None) -> None:
        """Nothing: the server makes the tokens."""

    def for_range(self) -> EvaluatedToken:
        return self._assignment

    def for_rows(self, keys: KeyRange, batch_rows: int | None) -> EvaluatedToken:  # noqa: ARG002
        return self.for_range()

    def for_one_row(self) -> EvaluatedToken:
        return self._assignment

    def written(self, rows: int) -> None:
        """Nothing: tokens do not depend on those before them."""
