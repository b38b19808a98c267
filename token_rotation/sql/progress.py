"""The progress report, by key range and by hour.

One line for each range of keys and for each hour. ACCESS SHARE.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.selection import EVERY_ROW
from token_rotation.selection.target import Target
from token_rotation.sql.counting import SHOWABLE
from token_rotation.sql.keys.walk import walk_key
from token_rotation.sql.pending import still_pending

COLUMNS = (
    *("model", "section", "first_key", "last_key", "hour"),
    *("rows", "rotated", "pending", "first_rotated_at", "last_rotated_at"),
)
RANGES = 100
RANGE_ROWS_AT_LEAST = 1_000


def progress(targets: Sequence[Target]) -> tuple[sql.Composed, dict[str, Any]]:
    """Return statement and values of the report.

    The rows have COLUMNS. Targets share one database.

    For each target, in this order: section "keys", about RANGES ranges in key order with equally
    many rows, at least RANGE_ROWS_AT_LEAST; "hour", each hour (UTC) in which rows were rotated;
    "total". Scans each table once, all at one instant.
    """
    parts: list[sql.Composed] = []
    values: dict[str, Any] = {"ranges": RANGES, "range_rows_at_least": RANGE_ROWS_AT_LEAST}
    for number, target in enumerate(targets):
        parts.append(_progress_of(target, number))
        values |= {f"label_{number}": target.label, f"table_{number}": target.table}
    statement = sql.SQL(
        "SELECT model, CASE section WHEN 1 THEN 'keys' WHEN 2 THEN 'hour' ELSE 'total' END, "
        "CASE section WHEN 1 THEN first_key END, CASE section WHEN 1 THEN last_key END, "
        "hour AT TIME ZONE 'UTC', rows, rotated, pending, "
        "first_rotated_at, last_rotated_at FROM ({parts}) AS progress "
        "ORDER BY place, section, stretch, hour"
    )
    return statement.format(parts=sql.SQL(" UNION ALL ").join(parts)), values


def _progress_of(target: Target, number: int) -> sql.Composed:
    """The progress of one target.

    Works for any ordered key. A row without a token is not pending. A time that Python cannot hold
    is not shown.

    PostgreSQL before 18 has no min() for uuid, so row numbers tell the first and the last key of a
    range; min() gets that one alone. It needs less memory than array_agg(), for which PostgreSQL 14
    would sort the table in place of a hash table. Range and hour are computed beside the window
    functions, where the planner cannot estimate their number. It then expects few and counts in a
    hash table; else it might sort the whole table on disk.
    """
    return sql.SQL(
        "(WITH stretches AS MATERIALIZED ({size}) "
        "SELECT {number} AS place, {label} AS model, grouping(stretch, hour) AS section, "
        "stretch, hour, min(key::text) FILTER (WHERE offset_in = 0) AS first_key, "
        "min(key::text) FILTER (WHERE offset_in = size - 1 OR ends) AS last_key, "
        "count(*) AS rows, count(marker) AS rotated, count(*) FILTER (WHERE pending) AS pending, "
        "min(shown) AS first_rotated_at, max(shown) AS last_rotated_at FROM ("
        "SELECT {key} AS key, {marker} AS marker, CASE WHEN {showable} THEN {marker} END AS shown, "
        "({pending}) AS pending, (SELECT size FROM stretches) AS size, "
        "(row_number() OVER by_key - 1) / (SELECT size FROM stretches) AS stretch, "
        "(row_number() OVER by_key - 1) %% (SELECT size FROM stretches) AS offset_in, "
        "lead({key}) OVER by_key IS NULL AS ends, "
        "date_trunc('hour', CASE WHEN {showable} THEN {marker} AT TIME ZONE 'UTC' END) AS hour "
        "FROM {table} WINDOW by_key AS (ORDER BY {key})) AS placed "
        "GROUP BY GROUPING SETS ((stretch), (hour), ()) "
        "HAVING grouping(hour) = 1 OR hour IS NOT NULL)"
    ).format(
        number=sql.Literal(number),
        label=sql.Placeholder(f"label_{number}"),
        key=walk_key(target),
        marker=sql.Identifier(target.marker_column),
        showable=sql.SQL(SHOWABLE).format(marker=sql.Identifier(target.marker_column)),
        pending=still_pending(replace(target, selection=EVERY_ROW), EVERY_KEY),
        size=_stretch_rows(number),
        table=sql.Identifier(target.table),
    )


def _stretch_rows(number: int) -> sql.Composed:
    """The number of rows of a range.

    It comes from the server's estimate of the table. If statistics are missing or old, the size on
    disk counts, at 1,000 bytes a row.
    """
    return sql.SQL(
        "SELECT greatest(%(range_rows_at_least)s, "
        "ceil(greatest(reltuples, pg_relation_size(oid) / 1000) / %(ranges)s))::bigint AS size "
        "FROM pg_class WHERE oid = to_regclass(quote_ident({table}))"
    ).format(table=sql.Placeholder(f"table_{number}"))
