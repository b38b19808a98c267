"""Find indexes that lack entries of pending rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from token_rotation.inspection.verdict.verdict import DamagedIndex, ReadRelation
from token_rotation.postgres import statements
from token_rotation.postgres.connection import Connection
from token_rotation.selection.key_range import EVERY_KEY
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql import verdict as verdict_sql
from token_rotation.sql.pending import values_of


def damaged_indexes(
    connection: Connection,
    target: MarkedTable,
    relations: Sequence[ReadRelation],
    *,
    read_at: datetime,
) -> Iterator[DamagedIndex]:
    """Yield indexes in which a rotation finds fewer pending rows than the heap has.

    Call it in the transaction that read the heap: within one snapshot both counts must be equal.
    It looks through the indexes that the rotation's own look-ups would use. ``read_at`` is the
    server's clock when the snapshot was taken.
    """
    query = verdict_sql.count_in_key_order(target)
    values = {**values_of(target, EVERY_KEY), "read_at": read_at}
    in_key_order = statements.together(statements.READ_IN_KEY_ORDER, query)
    found = {oid: rows for oid, rows in connection.rows(in_key_order, values)}  # noqa: C416
    (plan,) = connection.value(verdict_sql.explain(query), values)
    used: dict[tuple[str, str], str] = dict(_indexes_of(plan["Plan"]))
    for each in relations:
        missing_rows = each.pending_rows - found.get(each.oid, 0)
        index = used.get((each.schema, each.table))
        if missing_rows > 0 and index is not None:
            yield DamagedIndex(_quoted(each.schema, index), missing_rows)


def _indexes_of(node: dict[str, Any]) -> Iterator[tuple[tuple[str, str], str]]:
    """Yield schema and name of the table, and the index, of each index scan in a plan."""
    if "Index Name" in node and "Relation Name" in node:
        yield (node["Schema"], node["Relation Name"]), node["Index Name"]
    for child in node.get("Plans", ()):
        yield from _indexes_of(child)


def _quoted(schema: str, name: str) -> str:
    return ".".join('"' + part.replace('"', '""') + '"' for part in (schema, name))
