"""SQL about the records of operations on a target. No lock but ACCESS SHARE."""

from __future__ import annotations

from token_rotation.postgres.driver import sql
from token_rotation.triggers.retired_sql import TABLE

RECORDS = "token_rotation_operation"

ROTATION = "rotation"
UNKEPT = "keep retired tokens"
"""Types of records: a rotation; that tokens were or may have been replaced and are not kept."""


def oid() -> sql.SQL:
    """The oid of ``table``, as text."""
    return sql.SQL("SELECT to_regclass(quote_ident(%(table)s))::oid::text")


def may_read_records() -> sql.SQL:
    """This role; whether there are ``records``; whether it may read them, and the hashes."""
    return sql.SQL(
        "SELECT current_user::text, to_regclass(%(records)s) IS NOT NULL, "
        "coalesce(has_table_privilege(to_regclass(%(records)s), 'SELECT'), false), "
        "coalesce(has_table_privilege(to_regclass(%(hashes)s), 'SELECT'), false)"
    )


def first_unkept() -> sql.Composed:
    """The first record of work that may have replaced tokens that were not kept.

    That is the record that they were not, or that of the first rotation, unless a token of
    ``source`` was kept by its end. The latter may read all hashes, and only if ``reads_hashes``.
    ``named`` is what the input of the target's records holds; a table may have another name since.
    """
    return sql.SQL(
        "WITH records AS (SELECT id, operation_type, started_at, progress_done, "
        "coalesce(finished_at, heartbeat_at) AS seen_at FROM {records} "
        "WHERE operation_type IN (%(late)s, %(rotation)s) AND (input_data @> %(named)s::jsonb "
        "OR input_data ->> 'relation' = to_regclass(quote_ident(%(table)s))::oid::text)), "
        "first AS (SELECT id, seen_at FROM records WHERE operation_type = %(rotation)s "
        "AND progress_done > 0 ORDER BY started_at LIMIT 1) "
        "SELECT id FROM records WHERE operation_type = %(late)s "
        "UNION ALL SELECT id FROM first WHERE %(reads_hashes)s AND NOT EXISTS ("
        "SELECT FROM {hashes} "
        "WHERE source = %(source)s AND retired_at <= first.seen_at) LIMIT 1"
    ).format(records=sql.Identifier(RECORDS), hashes=sql.Identifier(TABLE))
