"""Errors of statements on a guarded table, without the values that PostgreSQL quotes.

It quotes the whole row, so the stored token, too, where the statement writes another column.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from types import SimpleNamespace
from typing import Any, TypeVar

from django.db import DataError, IntegrityError
from django.db.models.sql.query import Query

from token_rotation.postgres import driver
from token_rotation.postgres.faults.failures import reason_of

ReturnT = TypeVar("ReturnT")

_NAMES = ("sqlstate", "constraint_name", "column_name", "table_name", "schema_name")
_DIAGNOSTICS = {name for name in dir(driver.Diagnostics) if name[0] != "_"}.difference(_NAMES)
"""What may hold values, as a driver's error has it."""


def quietly(call: Callable[..., ReturnT], *args: Any, **kwargs: Any) -> ReturnT:
    """Call it; of an error that may quote a row's values, raise the same kind without them."""
    try:
        return call(*args, **kwargs)
    except (DataError, IntegrityError) as error:
        quiet = _without_values(error)
        if quiet is None:
            raise
    # Here no variable and no context holds the driver's error any more.
    raise quiet


def _without_values(error: DataError | IntegrityError) -> Exception | None:
    """Return the error to raise instead, or None if it names no value, as the guard's own."""
    cause: Any = error.__cause__
    diagnostics = getattr(cause, "diag", None)
    if isinstance(error, IntegrityError) and getattr(diagnostics, "message_detail", None) is None:
        return None
    said = reason_of(error)
    quiet = type(error)(said)
    if isinstance(cause, driver.Error):
        kind: Any = type(cause)
        quiet.__cause__ = known = _quiet_cause(kind)(said)
        known.__dict__[driver.SQLSTATE_NAME] = driver.sqlstate_of(cause)
        known.__dict__["diag"] = SimpleNamespace(
            **dict.fromkeys(_DIAGNOSTICS),
            **{name: getattr(diagnostics, name) for name in _NAMES},
        )
    return quiet


@cache
def _quiet_cause(kind: type[driver.Error]) -> type[driver.Error]:
    """Return a class of this kind whose code and names can be set, as applications read them."""
    return type(kind.__name__, (kind,), {driver.SQLSTATE_NAME: None, "diag": None})


class _Quiet:
    """Mixin of a query whose errors hold no values."""

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        compiler = super().get_compiler(*args, **kwargs)  # type: ignore[misc]
        compiler.execute_sql = partial(quietly, compiler.execute_sql)
        return compiler


@cache
def _quiet_class(kind: type[Query]) -> type[Query]:
    return type(f"Quiet{kind.__name__}", (_Quiet, kind), {})


def hide_values_of(query: Any) -> None:
    """Let the errors of this query hold no values.

    Its class changes: Django copies a query's attributes to queries of other kinds.
    """
    kind: Any = type(query)
    if not issubclass(kind, _Quiet):
        query.__class__ = _quiet_class(kind)
