"""The tables of a database, and those that cannot be searched."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Any

from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.sql.lists import places as places_sql
from token_rotation.sql.lists.copies import SearchedColumn, Wanted
from token_rotation.targets.lookup import LOCK_TIMEOUT_MS
from token_rotation.verification.everywhere.not_searched import NotSearched, Why

SEARCHED_KINDS = ("uuid", "text", "cast", "bytea")


@dataclass(frozen=True, slots=True)
class Table:
    """One table, partition or materialized view, and its columns to search.

    ``file_number`` changes when the table is rewritten or emptied. ``pages`` is an estimate.
    """

    schema: str
    name: str
    oid: int
    file_number: int | None
    pages: int
    columns: tuple[SearchedColumn, ...]

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.name}"

    def with_file(self, file_number: int | None) -> Table:
        """Return the table as it is stored now."""
        return replace(self, file_number=file_number)


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a database holds: tables to search, and what cannot be searched."""

    tables: tuple[Table, ...]
    not_searched: tuple[NotSearched, ...]


@dataclass(frozen=True, slots=True)
class _Column:
    """One row of ``sql.places.columns``."""

    schema: str
    table: str
    relkind: str
    oid: int
    file_number: int | None
    pages: int
    name: str
    type: str
    kind: str | None
    most_characters: int | None
    may_read: bool
    is_filtered: bool

    @property
    def label(self) -> str:
        return f"{self.schema}.{self.table}"


def take_inventory(connection: Connection, wanted: Wanted, *, with_numbers: bool) -> Inventory:
    """List what is to be searched, and what is not.

    ``with_numbers`` adds the columns of numbers. Driver errors pass through.
    """
    bound = {"lock_timeout_ms": LOCK_TIMEOUT_MS}
    settings = (statements.LIMIT_LOCK_WAIT, statements.WITHOUT_A_LIMIT)
    with connection.transaction(*settings, values=bound):
        rows = [_Column(*row) for row in connection.rows(places_sql.columns())]
        beyond = connection.row(places_sql.out_of_reach())
    kinds = (*SEARCHED_KINDS, "number") if with_numbers else SEARCHED_KINDS
    left_out: dict[Why, list[str]] = defaultdict(list)
    types: Counter[str] = Counter()
    tables: list[Table] = []
    for _, group in groupby(rows, key=lambda row: row.oid):
        columns = list(group)
        types.update(row.type for row in columns if row.kind not in kinds and _is_table(row))
        searched = _searched(columns, kinds, left_out)
        if searched:
            tables.append(_table(columns[0], searched, wanted))
    found = [NotSearched(why, tuple(names)) for why, names in left_out.items()]
    if types:
        counted = tuple(f"{name} {number:,}" for name, number in sorted(types.items()))
        found.append(NotSearched(Why.TYPE, counted))
    return Inventory(tuple(tables), (*found, *_beyond(beyond)))


def _is_table(row: _Column) -> bool:
    return row.relkind in ("r", "m")


def _searched(
    columns: Sequence[_Column], kinds: Sequence[str], left_out: dict[Why, list[str]]
) -> list[_Column]:
    """Return the columns to search; note why others are not."""
    first = columns[0]
    of_kind = [row for row in columns if row.kind in kinds]
    why = {"v": Why.VIEW, "f": Why.FOREIGN}.get(first.relkind)
    if why is None and of_kind and not first.may_read:
        why = Why.PRIVILEGE
    if why is None and of_kind and first.is_filtered:
        why = Why.ROW_SECURITY
    if why is None:
        return of_kind
    left_out[why].append(first.label)
    return []


def _table(first: _Column, columns: Sequence[_Column], wanted: Wanted) -> Table:
    """Return the table, without columns that are too short for a token."""
    return Table(
        schema=first.schema,
        name=first.table,
        oid=first.oid,
        file_number=first.file_number,
        pages=max(first.pages, 0),
        columns=tuple(
            SearchedColumn(row.name, str(row.kind))
            for row in columns
            if row.most_characters is None or row.most_characters * 4 >= wanted.head_bytes
        ),
    )


def _beyond(found: tuple[Any, ...] | None) -> list[NotSearched]:
    databases, large_objects, temporary = found or ([], 0, 0)
    beyond = []
    if databases:
        beyond.append(NotSearched(Why.DATABASE, tuple(databases)))
    if large_objects:
        beyond.append(NotSearched(Why.LARGE_OBJECT, (f"{large_objects:,}",)))
    if temporary:
        beyond.append(NotSearched(Why.TEMPORARY, (f"{temporary:,}",)))
    return beyond
