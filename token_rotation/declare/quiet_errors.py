"""Errors of statements that send a token, without the values that PostgreSQL quotes."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, wraps
from typing import Any

from django.db import DataError, IntegrityError
from django.db.models.sql.query import Query
from django.db.models.sql.subqueries import InsertQuery

from token_rotation.declare.guarded import guarded_of
from token_rotation.postgres.failures import reason_of


@contextmanager
def hiding_values() -> Iterator[None]:
    """Raise the same kind of error, if its text may hold the token as a whole row's has."""
    try:
        yield
    except (DataError, IntegrityError) as error:
        detail = getattr(getattr(error.__cause__, "diag", None), "message_detail", None)
        if isinstance(error, IntegrityError) and detail is None:
            raise  # the guard's own refusal names no value
        raise type(error)(reason_of(error)) from None


class _Quiet:
    """Mixin of a query whose errors hold no values."""

    def get_compiler(self, *args: Any, **kwargs: Any) -> Any:
        compiler = super().get_compiler(*args, **kwargs)  # type: ignore[misc]
        compiler.execute_sql = hiding_values()(compiler.execute_sql)
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


def watch_inserts() -> None:
    """Let INSERTs of tokens that the application chooses fail without their values."""
    if not hasattr(InsertQuery.insert_values, "__wrapped__"):
        InsertQuery.insert_values = _quiet(  # type: ignore[method-assign]
            InsertQuery.insert_values
        )


def _quiet(insert_values: Callable[..., None]) -> Callable[..., None]:
    @wraps(insert_values)
    def _insert_values(self: InsertQuery, *args: Any, **kwargs: Any) -> None:
        if any(guarded.accepts_sent for guarded in guarded_of(self.get_meta().model)):
            hide_values_of(self)
        return insert_values(self, *args, **kwargs)

    return _insert_values
