"""Compile typed filters, such as ``status=open`` or ``created_at__gte=2026-01-01``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from django.apps import apps
from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet, ValidationError
from django.db.models import Exists, Field, Model, OuterRef
from django.db.models.sql import Query

from token_rotation.errors import SelectionError
from token_rotation.selection.selection import Condition
from token_rotation.targets.filter_values import filter_value
from token_rotation.triggers.guard_triggers import InsertGuard


def compile_where(
    model: type[Model], database: str, expressions: Sequence[str]
) -> Condition | None:
    """Compile each ``FIELD[__LOOKUP]=VALUE``, joined with AND; None without any.

    A filter over a relation becomes an EXISTS for each row, so no row is repeated.

    Raises SelectionError, one line, for what Django cannot filter by. It raises it for a token too,
    which must not appear on a command line.
    """
    conditions = [_compile(model, database, expression) for expression in expressions]
    if not conditions:
        return None
    text = " AND ".join(f"({condition.text})" for condition in conditions)
    return Condition(text, tuple(value for each in conditions for value in each.values))


def _compile(model: type[Model], database: str, expression: str) -> Condition:
    name, equals, text = expression.partition("=")
    if not equals or not name:
        raise SelectionError(
            f"--where {expression!r} is no filter: type FIELD=VALUE or FIELD__LOOKUP=VALUE"
        )
    try:
        # The base manager, since a default one may hide rows, and hidden rows have tokens too.
        rows = model._base_manager.using(database)  # noqa: SLF001  (Django documents it)
        lookups, field = _look_up(rows.query, name)
        _ensure_no_token(field, name)
        wanted = {name: filter_value(field, lookups, text)}
        query = rows.filter(**wanted).query
        if len([alias for alias, uses in query.alias_refcount.items() if uses]) > 1:
            within = rows.filter(**wanted).filter(pk=OuterRef("pk"))
            query = rows.filter(Exists(within)).query
        compiler = query.get_compiler(database)
        compiler.pre_sql_setup()
        compiled, values = compiler.compile(query.where)
    except FullResultSet:
        return Condition("true")
    except EmptyResultSet:
        raise SelectionError(f"--where {expression!r} can be true of no row") from None
    except (FieldError, ValidationError, ValueError, TypeError) as error:
        raise SelectionError(f"--where {expression!r}: {_reason(error)}") from None
    return Condition(compiled, tuple(values))


def _look_up(query: Query, name: str) -> tuple[list[str], Field[Any, Any]]:
    """Split a filter's name into lookups, transforms and their field."""
    lookups, parts, annotation = query.solve_lookup_type(name)
    if annotation or not parts:
        raise FieldError(f"{name} is no field")
    _, _, targets, _ = query.names_to_path(list(parts), query.get_meta())
    return list(lookups), targets[0]


def _ensure_no_token(field: Field[Any, Any], name: str) -> None:
    same_table = (
        each
        for each in apps.get_models()  # a proxy may guard what another app owns
        if each._meta.concrete_model is field.model._meta.concrete_model
    )
    triggers = (each for model in same_table for each in getattr(model._meta, "triggers", []))
    if any(isinstance(each, InsertGuard) and each.token == field.name for each in triggers):
        raise FieldError(
            f"{name} is a token, which would stay in the shell's history; name leaked tokens in a "
            "file, with --only"
        )


def _reason(error: Exception) -> str:
    words = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return " ".join(words.split()).rstrip(".")
