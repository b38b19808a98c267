"""SQL of an application's own change of a token."""

from __future__ import annotations

from typing import Any

from django.db import connections
from django.db.models import BooleanField, Expression, F, Value
from django.db.models.expressions import DatabaseDefault

from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.triggers.bodies import WISH

_WISHES = f"current_setting('{WISH}', true)"
_DIGEST = "encode(sha256(convert_to({key}::text || ' ' || {sent}::text, 'UTF8')), 'hex')"
_SENT = "token_rotation_sent.token"
# CASE gives the value the column's type; a cast would cut off what is too long for it.
_FROM_SENT = (
    "FROM (SELECT CASE WHEN true THEN {value} ELSE {column} END AS token OFFSET 0) "
    "AS token_rotation_sent"
)


class AsStored(F):
    """The stored value of a field, so that an UPDATE leaves it alone."""


class _OfASentToken(Expression):
    """Base of SQL that needs the token that is sent, and the row that it is for.

    ``value`` is a value of the field, or an expression. It is computed once, since it may be
    another one each time.
    """

    template: str

    def __init__(self, token: Any, value: Any, output_field: Any) -> None:
        super().__init__(output_field=output_field)
        if isinstance(value, DatabaseDefault):
            (value,) = value.get_source_expressions()  # the word DEFAULT must stand alone
        is_expression = hasattr(value, "resolve_expression")
        self.token = token
        self.value = value if is_expression else Value(value, output_field=token)

    def get_source_expressions(self) -> list[Any]:
        return [self.value]

    def set_source_expressions(self, exprs: Any) -> None:
        (self.value,) = exprs

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:
        if connection.vendor != "postgresql":
            return self._without_a_guard(compiler)
        table = compiler.query.base_table
        value, parameters = compiler.compile(self.value)
        column, _none = compiler.compile(self.token.get_col(table))
        key, _none = compiler.compile(self.token.model._meta.pk.get_col(table))
        digest = _DIGEST.format(key=key, sent=_SENT)
        return self.template.format(digest=digest, column=column, value=value), parameters

    def _without_a_guard(self, compiler: Any) -> tuple[str, Any]:
        """Return the value itself, which is stored as it is sent."""
        sql, parameters = compiler.compile(self.value)
        return sql, parameters

    def __repr__(self) -> str:
        return f"<{type(self).__name__} of {self.token}>"  # without the value


class Wish(_OfASentToken):
    """A token that the application asks for, told to the guard.

    While PostgreSQL computes the row's new values, this adds a hash of the row's key and the token
    to a setting of the transaction. The guard recognises that, does what it may and takes the hash
    away. So the wish holds for this row and value alone: a later stale save is none.
    """

    # A row may have several tokens, hence concat(). A token that is stored already is no wish: no
    # guard would take its hash away.
    template = (
        f"(SELECT CASE WHEN set_config('{WISH}', concat({_WISHES}, "  # noqa: S608
        f"CASE WHEN {_SENT} IS DISTINCT FROM {{column}} THEN {{digest}} END), true) IS NOT NULL "
        f"THEN {_SENT} END {_FROM_SENT})"
    )

    def __init__(self, token: Any, value: Any) -> None:
        super().__init__(token, value, output_field=token)

    def standing(self) -> StandingWish:
        """Return an expression that is true if nobody has carried the wish out."""
        return StandingWish(self.token, self.value)


class StandingWish(_OfASentToken):
    """True for a row whose wish nobody has carried out.

    A table without a guard stores what is sent, and so the hash stays in the setting.
    """

    template = (
        f"(SELECT strpos(coalesce({_WISHES}, ''), {{digest}}) > 0 "  # noqa: S608
        f"AND {_SENT} IS DISTINCT FROM {{column}} {_FROM_SENT})"
    )

    def __init__(self, token: Any, value: Any) -> None:
        super().__init__(token, value, output_field=BooleanField())

    def _without_a_guard(self, compiler: Any) -> tuple[str, Any]:
        sql, parameters = compiler.compile(Value(False, output_field=BooleanField()))
        return sql, parameters


def forget_wishes(using: str) -> None:
    """Forget what the transaction still wishes.

    PostgreSQL computes a row's new values before it waits for a lock. The row may be gone then.
    """
    if connections[using].vendor != "postgresql":
        return
    with django_cursor(connections[using]) as cursor:
        cursor.execute("SELECT set_config(%s, '', true)", [WISH])
