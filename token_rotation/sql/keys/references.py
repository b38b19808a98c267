"""SQL that counts keys which other tables hold by value.

ACCESS SHARE on the tables. No key leaves the server.
"""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_reference import KeyReference
from token_rotation.selection.target import Target
from token_rotation.triggers.retired_sql import TABLE

CONTENT_TYPES = "django_content_type"


def count_by_value(target: Target, reference: KeyReference) -> sql.Composed:
    """Count the rows that hold a stored key, and those that hold a retired one."""
    return sql.SQL(
        "SELECT count(*) FILTER (WHERE is_stored), "
        "count(*) FILTER (WHERE is_retired AND NOT is_stored) FROM ("
        "SELECT EXISTS (SELECT FROM {table} AS stored WHERE stored.{key}::text = held.value) "
        "AS is_stored, EXISTS (SELECT FROM {retired} AS retired "
        "WHERE retired.hash = sha256(convert_to(held.value, 'UTF8'))) AS is_retired FROM ("
        "SELECT {column}::text AS value FROM {holder} WHERE {of_models}"
        ") AS held WHERE held.value <> '') AS found"
    ).format(
        table=sql.Identifier(target.table),
        key=sql.Identifier(target.key_column),
        retired=sql.Identifier(TABLE),
        column=sql.Identifier(reference.column),
        holder=sql.Identifier(reference.table),
        of_models=of_models(reference),
    )


def of_models(reference: KeyReference) -> sql.Composed:
    """Condition of the rows that mean the target's table."""
    models = (
        sql.SQL("({}, {})").format(sql.Literal(app), sql.Literal(name))
        for app, name in reference.models
    )
    return sql.SQL("{} IN (SELECT id FROM {} WHERE (app_label, model) IN ({}))").format(
        sql.Identifier(reference.type_column),
        sql.Identifier(CONTENT_TYPES),
        sql.SQL(", ").join(models),
    )
