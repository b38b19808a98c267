"""Triggers that keep the marker truthful and leaked tokens dead.

They bind every writer: the ORM, old code that does not know the marker, psql, COPY. They do not
fire in sessions with ``session_replication_role = replica``, nor when logical replication applies
changes.
"""

from collections.abc import Mapping, Sequence

import pgtrigger
from django.db.models import Model

from token_rotation.tokens.formats import TokenFormat
from token_rotation.tokens.sources import MakeTokens
from token_rotation.triggers import bodies
from token_rotation.triggers.base import OfAToken, ReplacedInPlace
from token_rotation.triggers.columns import columns_of, quoted_columns
from token_rotation.triggers.moved import remember_move
from token_rotation.triggers.names import Marker
from token_rotation.triggers.truth_table.words import Accept


class InsertGuard(ReplacedInPlace):
    """Trigger that gives inserted rows a fresh token and marker.

    It ignores the token and marker that the writer sent, unless the guard accepts what is sent. An
    absent token stays absent if the field allows it. ``pgtrigger.ignore`` skips it; the row is
    pending then.

    ``token`` is a field's name; ``fresh_token`` is an SQL expression for a new token of the
    column's type. ``length`` is that of its tokens, if known; the trigger does not contain it.
    ``derived`` and ``partitioned`` as for ``guard``.
    """

    name = "guard_insert"
    when = pgtrigger.Before
    operation = pgtrigger.Insert

    def __init__(
        self,
        *,
        token: str,
        marker: Marker,
        fresh_token: str = "gen_random_uuid()",
        length: int | None = None,
        accept: str = Accept.FRESH,
        derived: Mapping[str, str] | None = None,
        partitioned: bool = False,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.fresh_token = fresh_token
        self.length = length
        self.accept = Accept(accept)
        self.derived = dict(derived or {})
        self.partitioned = partitioned
        super().__init__(name=name)

    def get_func(self, model: Model) -> str:
        return bodies.insert_body(
            columns_of(model, self.token, self.marker),
            self.fresh_token,
            self.accept,
            quoted_columns(model, self.derived),
            moves=self.partitioned,
        )


class UpdateGuard(ReplacedInPlace):
    """Trigger that lets an UPDATE only rotate or request rotation.

    ``truth_table`` says what it does. A write that would bring an older token back, or claim a
    rotation that did not happen, keeps the stored token and marker, and its client is told. Its
    other columns are written.

    ``token`` is a field's name. ``fresh_token``, ``accept`` and ``derived`` are those of the insert
    guard. The trigger does not contain ``make_tokens``, nor what only others ask: ``token_format``
    if it is known, ``unrelated`` fields, ``stores_plain``, and ``revokes`` for a column of hashes.
    See ``guard``.
    """

    name = "guard_update"
    when = pgtrigger.Before
    operation = pgtrigger.Update

    def __init__(
        self,
        *,
        token: str,
        marker: Marker,
        fresh_token: str = "gen_random_uuid()",
        make_tokens: str | MakeTokens | None = None,
        token_format: TokenFormat | None = None,
        accept: str = Accept.FRESH,
        derived: Mapping[str, str] | None = None,
        unrelated: Sequence[str] = (),
        stores_plain: bool = False,
        revokes: bool = False,
        name: str | None = None,
    ) -> None:
        self.token = token
        self.marker = marker
        self.fresh_token = fresh_token
        self.make_tokens = make_tokens
        self.token_format = token_format
        self.accept = Accept(accept)
        self.derived = dict(derived or {})
        self.unrelated = tuple(unrelated)
        self.stores_plain = stores_plain
        self.revokes = revokes
        super().__init__(name=name)

    def get_declare(self, model: Model) -> list[tuple[str, str]]:  # noqa: ARG002
        return [(bodies.WRITTEN, "RECORD")] if self.derived else []

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        columns = columns_of(model, self.token, self.marker)
        derived = quoted_columns(model, self.derived)
        return pgtrigger.Condition(bodies.update_condition(columns, derived))

    def get_func(self, model: Model) -> str:
        columns = columns_of(model, self.token, self.marker)
        derived = quoted_columns(model, self.derived)
        return bodies.update_body(columns, self.fresh_token, self.accept, derived)


class MoveGuard(OfAToken):
    """Trigger that remembers a deleted row until the next one is inserted.

    PostgreSQL moves a row to another partition by a DELETE and an INSERT. The insert guard knows
    the row by this, and leaves its token alone.
    """

    name = "guard_move"
    when = pgtrigger.Before
    operation = pgtrigger.Delete

    def get_func(self, model: Model) -> str:
        return remember_move(self.columns(model))


class SentGuard(OfAToken):
    """Trigger that looks once more that an inserted token is not retired.

    The INSERT may have waited while another transaction retired it, or its transaction has an older
    snapshot. It fails with serialization_failure. Tried again, the insert guard refuses it.
    """

    name = "guard_sent"
    when = pgtrigger.After
    operation = pgtrigger.Insert

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        return pgtrigger.Condition(bodies.sent_condition(self.columns(model)))

    def get_func(self, model: Model) -> str:
        return bodies.sent_body(self.columns(model))
