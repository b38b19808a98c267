"""Build an index on a partitioned table beside the traffic.

PostgreSQL builds none concurrently there. So each partition gets its own, which is then attached.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.models import Index, Model

from token_rotation.postgres.ddl_locks.attempts import politely
from token_rotation.postgres.driver import Composed
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.schema.indexes.background import in_the_background
from token_rotation.sql import ddl as ddl_sql

LONGEST_NAME = 63


class Part(NamedTuple):
    """A partitioned table or a partition, by its name in SQL. ``parent`` is None for the root."""

    table: str
    is_leaf: bool
    parent: str | None


def parts_of(editor: BaseDatabaseSchemaEditor, table: str) -> list[Part]:
    """Return a partitioned table and its partitions, parents first; none of any other table."""
    with django_cursor(editor.connection) as cursor:
        cursor.execute(ddl_sql.partitions(table))
        return [Part(*row) for row in cursor.fetchall()]


def build_on_partitions(
    editor: BaseDatabaseSchemaEditor, model: type[Model], index: Index, parts: list[Part]
) -> None:
    """Build the index on each part, and attach it to its parent's.

    It may run again after a kill. New partitions get theirs from PostgreSQL. The root's index is
    valid once all are attached.
    """
    names = {part.table: _name(index.name, part) for part in parts}
    for part in parts:
        build = _build_on_leaf if part.is_leaf else _build_on_parent
        build(editor, model, index, names[part.table], part.table)
    for part in reversed(parts):
        if part.parent is not None:
            _attach(editor, (part.parent, names[part.parent]), (part.table, names[part.table]))


def drop_on_partitions(editor: BaseDatabaseSchemaEditor, name: str, table: str) -> None:
    """Drop the index of a partitioned table. PostgreSQL cannot do that concurrently."""
    politely(editor, [table], lambda: _run(editor, ddl_sql.drop_partitioned_index(name)))


def _name(index: str, part: Part) -> str:
    """Return a name that is the same in each run."""
    if part.parent is None:
        return index
    end = f"_{sha256(part.table.encode()).hexdigest()[:8]}"
    return f"{index[: LONGEST_NAME - len(end)]}{end}"


def _build_on_parent(
    editor: BaseDatabaseSchemaEditor, model: type[Model], index: Index, name: str, table: str
) -> None:
    """Create the index without rows; it is invalid until its parts are attached."""
    if _found(editor, table, name) is None:
        statement = _statement(editor, model, index, name, f"ONLY {table}")
        politely(editor, [table], lambda: editor.execute(statement, None))


def _build_on_leaf(
    editor: BaseDatabaseSchemaEditor, model: type[Model], index: Index, name: str, table: str
) -> None:
    found = _found(editor, table, name)
    if found and found.is_valid:
        return
    with in_the_background(editor.connection, name):
        if found:
            _run(editor, ddl_sql.drop_index_on_partition(found.name))
        statement = _statement(editor, model, index, name, table, concurrently=True)
        editor.execute(statement, None)


def _attach(
    editor: BaseDatabaseSchemaEditor, parent: tuple[str, str], part: tuple[str, str]
) -> None:
    """Attach an index; each is a table and a name."""
    of, index = _found(editor, *parent), _found(editor, *part)
    if of is not None and index is not None and not index.is_attached:
        attach = ddl_sql.attach_index(of.name, index.name)
        politely(editor, [part[0]], lambda: _run(editor, attach))


class _Found(NamedTuple):
    name: str
    is_valid: bool
    is_attached: bool


def _found(editor: BaseDatabaseSchemaEditor, table: str, name: str) -> _Found | None:
    with django_cursor(editor.connection) as cursor:
        cursor.execute(ddl_sql.index_on(table, name))
        row = cursor.fetchone()
    return _Found(*row) if row else None


def _statement(
    editor: BaseDatabaseSchemaEditor,
    model: type[Model],
    index: Index,
    name: str,
    table: str,
    *,
    concurrently: bool = False,
) -> str:
    statement: Any = index.create_sql(model, editor, concurrently=concurrently)
    statement.parts |= {"name": editor.quote_name(name), "table": table}
    return str(statement)


def _run(editor: BaseDatabaseSchemaEditor, query: Composed) -> None:
    with django_cursor(editor.connection) as cursor:
        cursor.execute(query)
