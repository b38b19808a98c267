"""Resolve typed or recorded input into target and selection."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import BinaryField, Field, UUIDField
from django.utils import timezone

from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading
from token_rotation.selection.list_kinds import Kind, read_sha256
from token_rotation.selection.past_time import parse_past_time, parse_time
from token_rotation.selection.selection import Selection
from token_rotation.selection.target import Target
from token_rotation.targets.discovery import model_of
from token_rotation.targets.filters import compile_where

_UUID = re.compile(r"[0-9a-f]{8}-(?:[0-9a-f]{4}-){3}[0-9a-f]{12}").fullmatch
_BYTES = re.compile(r"\\x(?:[0-9a-f]{2})+").fullmatch

TOKENS, KEYS, HASHES = "tokens", "keys", "hashes"


def resolve(
    target: Target,
    *,
    issued_before: datetime | None = None,
    where: Sequence[str] = (),
    list_args: Sequence[str] = (),
    asked_at: datetime | None = None,
) -> Target:
    """Return the target with a selection.

    ``asked_at`` is the database's clock when the cut-off was typed. Raises SelectionError.
    """
    return replace(
        target,
        selection=Selection(
            issued_before=issued_before,
            condition=compile_where(model_of(target), target.database, where),
            where=tuple(where),
            list_args=tuple(list_args),
            asked_at=asked_at,
        ),
    )


def resolve_recorded(target: Target, recorded: Mapping[str, Any] | None) -> Target:
    """Return the target of a record that kept ``Selection.as_input``.

    Raises SelectionError.
    """
    if not recorded:
        return target
    time = recorded["issued_before"]
    return resolve(
        target,
        issued_before=None if time is None else datetime.fromisoformat(time),
        where=recorded["where"],
    )


def database_clock(connection: Connection) -> datetime:
    """Return the time of the database's clock, which sets the markers."""
    now: datetime = connection.value(statements.UTC_CLOCK)
    return now.replace(tzinfo=UTC)


def resolve_cut_off(text: str, option: str, database: str) -> tuple[datetime, datetime]:
    """Read a typed cut-off; return it and the time of the database's clock.

    It may lie ahead of that clock. Raises as ``resolve_past_time``.
    """
    with reading(database) as connection:
        now = database_clock(connection)
    return _parse(parse_time, text, option, now), now


def resolve_past_time(text: str, option: str, database: str) -> datetime:
    """Read an option's time, by the clock of the database.

    Raises SelectionError, or DatabaseGoneError if the database cannot be reached.
    """
    with reading(database) as connection:
        now = database_clock(connection)
    return _parse(parse_past_time, text, option, now)


def _parse(parse: Callable[..., datetime], text: str, option: str, now: datetime) -> datetime:
    return parse(text, option=option, now=now, time_zone=timezone.get_current_timezone())


def list_kinds(target: Target, *names: str) -> list[Kind]:
    """Return the kinds of list with these names.

    They are as they are read for a target.
    """
    fields = _fields_by_column(target)
    token, key = fields[target.token_column], fields[target.key_column]
    token_names, key_names = headers_of(token), headers_of(key)
    kinds = {
        TOKENS: Kind(TOKENS, (token_names | {"token", "tokens"}) - key_names, value_reader(token)),
        KEYS: Kind(KEYS, (key_names | {"pk", "key", "id"}) - token_names, value_reader(key)),
        HASHES: Kind(HASHES, frozenset({"sha256", "hash"}) - token_names, read_sha256),
    }
    return [kinds[name] for name in names]


def other_headers(target: Target, kinds: Sequence[Kind]) -> frozenset[str]:
    """Return the column names, in lower case, that announce a list of none of these kinds."""
    of_table = (headers_of(field) for field in _fields_by_column(target).values())
    of_lists = (kind.headers for kind in list_kinds(target, TOKENS, KEYS, HASHES))
    return frozenset().union(*of_table, *of_lists).difference(*(kind.headers for kind in kinds))


def _fields_by_column(target: Target) -> dict[str, Field[Any, Any]]:
    return {field.column: field for field in model_of(target)._meta.concrete_fields}


def headers_of(field: Field[Any, Any]) -> frozenset[str]:
    """Return the headers of a list, in lower case, that name a field."""
    return frozenset({field.name.lower(), field.column.lower()})


def value_reader(field: Field[Any, Any]) -> Callable[[str], str]:
    """Return a function from typed text to the database's text.

    The text is of a field's value. The function raises ValueError for text that is no value of the
    field.
    """
    is_uuid, is_binary = isinstance(field, UUIDField), isinstance(field, BinaryField)

    def read(text: str) -> str:
        if is_uuid and _UUID(text):
            return text  # a list may have millions: skip Django's slower conversion
        if is_binary:  # Django has no text form of its own for bytes
            if _BYTES(text):
                return text
            raise ValueError("no bytes as PostgreSQL writes them")
        if not text or "\0" in text:
            raise ValueError("no value")
        try:
            value = field.to_python(text)
            if field.validators:
                field.run_validators(value)
        except ValidationError:
            raise ValueError("no value of the field") from None
        return str(field.get_prep_value(value))

    return read
