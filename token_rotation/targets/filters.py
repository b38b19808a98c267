"""Filters as people type them, ``status=open`` or ``created_at__gte=2026-01-01``, as SQL."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.apps import apps
from django.core.exceptions import EmptyResultSet, FieldError, FullResultSet, ValidationError
from django.db.models import DateTimeField, Exists, Field, JSONField, Model, OuterRef
from django.db.models.sql import Query
from django.utils import timezone

from token_rotation.errors import SelectionError
from token_rotation.selection.selection import Condition
from token_rotation.triggers.guard import InsertGuard

PLAIN_LOOKUPS = {"exact", "gt", "gte", "lt", "lte"}
LIST_LOOKUPS = {"in", "range"}
JSON_KEYS_LOOKUPS = {"has_keys", "has_any_keys"}
JSON_TEXT_LOOKUPS = {
    *("has_key", "iexact", "icontains", "startswith", "istartswith"),
    *("endswith", "iendswith", "regex", "iregex"),
}
TRUTH = {"true": True, "false": False}


def compile_where(
    model: type[Model], database: str, expressions: Sequence[str]
) -> Condition | None:
    """The rows of a model for which each ``FIELD[__LOOKUP]=VALUE`` holds; None without any.

    A filter that reaches over a relation becomes an EXISTS for each row, so that it never repeats
    one. Raises SelectionError, one line, for what Django cannot filter by, and for tokens: they
    have no business in a command line.
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
        # Asked of the base manager: a default one may hide rows, and hidden rows have tokens too.
        rows = model._base_manager.using(database)  # noqa: SLF001  (Django documents it)
        lookups, field = _look_up(rows.query, name)
        _ensure_no_token(field, name)
        wanted = {name: _value(field, lookups, text)}
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
    """What a filter's name asks for: lookups and transforms, and the field that they are about."""
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


def _value(field: Field[Any, Any], lookups: list[str], text: str) -> Any:
    lookup = lookups[-1] if lookups else "exact"
    if lookup == "isnull":
        if text.lower() not in TRUTH:
            raise ValueError("say true or false")
        return TRUTH[text.lower()]
    if lookup == "exact" and text == "null":
        return None
    if isinstance(field, JSONField):
        return _json_value(lookup, text)
    parts = [part.strip() for part in text.split(",")]
    if lookup == "range" and len(parts) != 2:
        raise ValueError("a range has two values: say FIRST,LAST")
    if len(lookups) > 1 or lookup not in PLAIN_LOOKUPS | LIST_LOOKUPS:
        # The field's own value is not what it is compared with.
        if lookup in LIST_LOOKUPS:
            return parts
        is_number = text.isdecimal() and field.get_transform(lookups[0]) is not None
        return int(text) if is_number else text
    if lookup in LIST_LOOKUPS:
        return [_plain(field, part) for part in parts]
    return _plain(field, text)


def _json_value(lookup: str, text: str) -> Any:
    """As JSON where it is any: the number 3 is not the string "3"."""
    if lookup in JSON_TEXT_LOOKUPS:
        return text
    if lookup in JSON_KEYS_LOOKUPS:
        return [part.strip() for part in text.split(",")]
    if lookup in LIST_LOOKUPS:
        return [_as_json(part.strip()) for part in text.split(",")]
    return _as_json(text)


def _as_json(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text


def _plain(field: Field[Any, Any], text: str) -> Any:
    value = field.to_python(TRUTH.get(text.lower(), text) if _is_boolean(field) else text)
    if (
        isinstance(field, DateTimeField)
        and isinstance(value, datetime)
        and timezone.is_naive(value)
    ):
        return timezone.make_aware(value)
    return value


def _is_boolean(field: Field[Any, Any]) -> bool:
    return field.get_internal_type() == "BooleanField"


def _reason(error: Exception) -> str:
    words = " ".join(error.messages) if isinstance(error, ValidationError) else str(error)
    return " ".join(words.split()).rstrip(".")
