"""The one definition of pending."""

from __future__ import annotations

import re
from typing import Any

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.selection.selection import Condition
from token_rotation.selection.target import Absent
from token_rotation.sql.keys.walk import walk_key

CLOCK = sql.SQL("(SELECT clock_timestamp())")
"""The clock is read once a statement, after its snapshot: no row in it is from a later moment."""

_PLACEHOLDER = re.compile(r"(?<!%)(?:%%)*%s")


def pending(
    target: MarkedTable,
    keys: KeyRange,
    *,
    qualified: bool = False,
    for_planner: bool = False,
    later_than: sql.Composable | None = None,
) -> sql.Composed:
    """The WHERE clause for the pending rows of a range.

    The range is one of keys. It takes the parameters of ``values_of``. A row without a token opens
    nothing and is not pending.

    What no index of ours serves is written so that no other index is tempted by it: a batch must
    read a stretch of keys, whatever the statistics say. ``for_planner`` writes it as the planner's
    estimates understand it. ``qualified`` names the table with each column. ``later_than`` is for
    counts: with a cut-off, rows whose marker is later than this moment are pending too.
    """
    key = walk_key(target, *([target.table] if qualified else []))
    terms = [
        still_pending(
            target, keys, qualified=qualified, for_planner=for_planner, later_than=later_than
        )
    ]
    if keys.listed is not None:
        terms.insert(0, sql.SQL("{} = ANY(%(listed_keys)s)").format(key))
    return sql.SQL(" AND ").join([*terms, *within(key, keys)])


def still_pending(
    target: MarkedTable,
    keys: KeyRange,
    *,
    qualified: bool = False,
    for_planner: bool = False,
    later_than: sql.Composable | None = None,
) -> sql.Composed:
    """The ``pending`` clause for rows known to be in range."""
    marker = _column(target, target.marker_column, qualified=qualified)
    term = "{marker} IS NULL"
    if keys.listed is not None:
        term = "({marker} IS NULL OR {marker} = ANY(%(listed_markers)s))"
    elif target.selection.issued_before is not None:
        or_later = "" if later_than is None else " OR {marker} > {later_than}"
        term = "coalesce({marker} < %(issued_before)s" + or_later + ", true)"
        if for_planner:
            term = "({marker} IS NULL OR {marker} < %(issued_before)s)"
    terms: list[sql.Composable] = [
        sql.SQL(term).format(marker=marker, later_than=later_than or CLOCK)
    ]
    terms += present(target, *([target.table] if qualified else []))
    if target.selection.condition is not None:
        terms.append(condition_of(target, for_planner=for_planner))
    return sql.SQL(" AND ").join(terms)


def present(target: MarkedTable, *row: str) -> list[sql.Composable]:
    """The terms that leave out rows without a token; none if every row has one.

    ``row`` qualifies the column.
    """
    if target.presence is None:
        return []
    column, absent = target.presence
    return present_terms(absent, sql.Identifier(*row, column))


def present_terms(absent: Absent, token: sql.Composable) -> list[sql.Composable]:
    """``present`` for a token that may be absent so.

    No NULL differs from ''. IS NOT NULL would tempt the planner to take an index of the token,
    where statistics know of few tokens.
    """
    if absent.text:
        return [sql.SQL("{} <> ''").format(token)]
    return [sql.SQL("{}::text <> ''").format(token)] if absent.nullable else []


def without_marker(
    marker: sql.Composable, token: sql.Composable | None, absent: Absent
) -> sql.Composed:
    """The predicate of the pending index. ``token`` is None where nobody knows it."""
    terms: list[sql.Composable] = [sql.SQL("{} IS NULL").format(marker)]
    if token is not None:
        terms += present_terms(absent, token)
    return sql.SQL(" AND ").join(terms)


def is_later(marker: sql.Composable, *, than: sql.Composable = CLOCK) -> sql.Composed:
    """A marker is later than the server's clock, or ``than`` another moment."""
    return sql.SQL("{} > {}").format(marker, than)


def later(target: MarkedTable, *, than: sql.Composable = CLOCK) -> sql.Composed:
    """Rows with a token whose marker is later than the server's clock.

    The selection's condition counts; its cut-off does not. ``than`` as for ``is_later``.
    """
    marker = sql.Identifier(target.marker_column)
    terms: list[sql.Composable] = [is_later(marker, than=than)]
    terms += present(target)
    if target.selection.condition is not None:
        terms.append(condition_of(target))
    return sql.SQL(" AND ").join(terms)


def condition_of(target: MarkedTable, *, for_planner: bool = False) -> sql.Composed:
    """The selection's condition, which there must be."""
    condition = target.selection.condition
    if condition is None:
        raise ValueError(f"the selection of {target.label} has no condition")
    term = sql.SQL("({})" if for_planner else "({}) IS TRUE")
    return term.format(named(condition, "where"))


def within(key: sql.Composable, keys: KeyRange) -> list[sql.Composable]:
    """The bounds of a key range, one term each.

    It takes the parameters of ``values_of``.
    """
    bounds: list[sql.Composable] = []
    if keys.after is not None:
        bounds.append(sql.SQL("{} > %(after)s").format(key))
    if keys.upper is not None:
        bounds.append(sql.SQL("{} <= %(upper)s").format(key))
    if keys.exactly is not None:
        bounds.append(sql.SQL("{} = %(exactly)s").format(key))
    if keys.without:  # PostgreSQL 14 has a hash for = ANY, and none for <> ALL
        bounds.append(sql.SQL("({} = ANY(%(without)s)) IS NOT TRUE").format(key))
    return bounds


def values_of(target: MarkedTable, keys: KeyRange) -> dict[str, Any]:
    """Return the parameters of a statement over pending rows.

    The rows are those of ``keys``.
    """
    values: dict[str, Any] = {"after": keys.after, "upper": keys.upper, "exactly": keys.exactly}
    selection = target.selection
    if selection.issued_before is not None:
        values["issued_before"] = selection.issued_before
    if selection.asked_at is not None:
        values["asked_at"] = selection.asked_at
    if selection.condition is not None:
        values.update(named_values(selection.condition, "where"))
    if keys.without:
        values["without"] = array(keys.without)
    if keys.listed is not None:
        values["listed_keys"] = array(keys.listed.keys)
        values["listed_markers"] = array(keys.listed.markers)
    return values


def new_marker(target: MarkedTable, keys: KeyRange) -> sql.Composed:
    """The marker of a rotated row: the clock's time.

    The guard insists on a later marker than the stored one, even if the clock shows twice the same.
    A stored marker later than the clock has been taken away before (``sql.batch``). The marker is
    also no earlier than the cut-off, because that would leave the row pending.
    """
    if keys.listed is None and target.selection.issued_before is None:
        return sql.Composed([sql.SQL("clock_timestamp()")])
    latest = "greatest(clock_timestamp(), {marker} + interval '1 microsecond'"
    if target.selection.issued_before is not None:
        latest += ", %(issued_before)s"
    return sql.SQL(latest + ")").format(marker=sql.Identifier(target.table, target.marker_column))


def array(texts: tuple[str, ...] | list[str]) -> str:
    """An array as PostgreSQL reads it.

    The driver would write each value alone, and the server would parse each alone.
    """
    escaped = (text.replace("\\", "\\\\").replace('"', '\\"') for text in texts)
    return '{"' + '","'.join(escaped) + '"}' if texts else "{}"


def _column(target: MarkedTable, column: str, *, qualified: bool) -> sql.Identifier:
    return sql.Identifier(target.table, column) if qualified else sql.Identifier(column)


def named(condition: Condition, name: str) -> sql.SQL:
    """Django's n-th ``%s`` as a named parameter: ``where_n`` for the name "where"."""
    text = condition.text
    places = iter(range(text.count("%s")))
    return sql.SQL(
        _PLACEHOLDER.sub(lambda found: f"{found[0][:-2]}%({name}_{next(places)})s", text)
    )


def named_values(condition: Condition, name: str) -> dict[str, Any]:
    """Return the parameters of ``named``."""
    return {f"{name}_{place}": value for place, value in enumerate(condition.values)}
