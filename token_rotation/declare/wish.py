"""SQL of an application's own change of a token."""

from __future__ import annotations

from typing import Any

from django.db.models import Expression, Func, TextField, Value
from django.db.models.expressions import DatabaseDefault

SETTING = "token_rotation.wish"

# A row may have several tokens, hence concat(). A token that is stored already is no wish: no guard
# would clear the setting. CASE gives the value the column's type; a cast would cut off its end.
_SQL = (
    "(SELECT CASE WHEN set_config('{setting}', concat(current_setting('{setting}', true), "
    "CASE WHEN {sent}.token IS DISTINCT FROM {column} THEN "
    "encode(sha256(convert_to({key}::text || ' ' || {sent}.token::text, 'UTF8')), 'hex') END), "
    "true) IS NOT NULL THEN {sent}.token END "
    "FROM (SELECT CASE WHEN true THEN {value} ELSE {column} END AS token OFFSET 0) AS {sent})"
)


class Wish(Expression):
    """A token that the application asks for, told to the guard.

    While PostgreSQL computes the row's new values, this adds a hash of the row's key and the token
    to a setting of the transaction. The guard recognises that, does what it may and takes the hash
    away. So the wish holds for this row and value alone: a later stale save is none.

    ``value`` is a value of the field, or an expression. It is computed once, since it may be
    another one each time.
    """

    def __init__(self, field: Any, value: Any) -> None:
        super().__init__(output_field=field)
        if isinstance(value, DatabaseDefault):
            (value,) = value.get_source_expressions()  # the word DEFAULT must stand alone
        is_expression = hasattr(value, "resolve_expression")
        self._value = value if is_expression else Value(value, output_field=field)

    def get_source_expressions(self) -> list[Any]:
        return [self._value]

    def set_source_expressions(self, exprs: Any) -> None:
        (self._value,) = exprs

    def as_sql(self, compiler: Any, connection: Any, **_: Any) -> tuple[str, Any]:  # noqa: ARG002
        field, table = self.output_field, compiler.query.base_table
        value, parameters = compiler.compile(self._value)
        column, _none = compiler.compile(field.get_col(table))
        key, _none = compiler.compile(field.model._meta.pk.get_col(table))
        names = {"setting": SETTING, "sent": "token_rotation_sent"}
        return _SQL.format(**names, column=column, key=key, value=value), parameters

    def __repr__(self) -> str:
        return f"<Wish for {self.output_field}>"  # without the value


def standing_wish() -> Func:
    """Return an expression for the wish that no guard has carried out, NULL or empty if none."""
    return Func(Value(SETTING), Value(True), function="current_setting", output_field=TextField())
