"""SQL of a trial write, which is rolled back.

It works on one row of one relation. Tokens stay on the server, in settings of the transaction. The
writes take ROW EXCLUSIVE on the table and a lock on the row.
"""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.postgres.driver import sql
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql.pending import pending

STORED, SENT, OTHER = (f"token_rotation.trial_{name}" for name in ("stored", "sent", "other"))
FIRST, SECOND = (f"token_rotation.trial_{name}" for name in ("first", "second"))


def can_write() -> sql.SQL:
    """True where this transaction may write; no lock."""
    return sql.SQL(
        "SELECT NOT pg_is_in_recovery() AND NOT current_setting('transaction_read_only')::bool"
    )


def columns() -> sql.SQL:
    """Columns that a writer may set, and those of a unique index, of ``relation``.

    The index is the primary key's if it has one; NULL without an index that fits. No lock.
    """
    return sql.SQL(
        "SELECT ARRAY(SELECT attname::text FROM pg_attribute WHERE attrelid = %(relation)s "
        "AND attnum > 0 AND NOT attisdropped AND attgenerated = '' AND attidentity <> 'a'), "
        "(SELECT ARRAY(SELECT a.attname::text "
        "FROM unnest(x.indkey) WITH ORDINALITY AS indexed (number, place) "
        "JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = indexed.number "
        "WHERE place <= x.indnkeyatts) "
        "FROM pg_index x WHERE x.indrelid = %(relation)s AND x.indisunique AND x.indimmediate "
        "AND x.indisvalid AND x.indpred IS NULL AND x.indexprs IS NULL "
        "ORDER BY NOT x.indisprimary LIMIT 1)"
    )


def lock_pending_row(target: Target, relation: str, *, only: bool) -> sql.Composed:
    """Lock a pending row that nobody else locks, and return its key.

    Not one whose marker lies in the future: that takes two steps to rotate.
    """
    return sql.SQL(
        "SELECT {key} FROM {relation} WHERE {pending} AND coalesce({marker} <= clock_timestamp(), "
        "true) ORDER BY {key} LIMIT 1 FOR UPDATE SKIP LOCKED"
    ).format(
        marker=sql.Identifier(target.marker_column),
        key=sql.Identifier(target.key_column),
        relation=_relation(target, relation, only=only),
        pending=pending(target, KeyRange()),
    )


def keep_tokens(
    target: Target, relation: str, fresh: Sequence[sql.Composable], *, only: bool
) -> sql.Composed:
    """Keep the row's token, and two fresh ones."""
    sent, other = fresh
    return sql.SQL(
        "SELECT set_config({STORED}, coalesce({token}::text, ''), true) IS NULL, "
        "set_config({SENT}, ({sent})::text, true) IS NULL, "
        "set_config({OTHER}, ({other})::text, true) IS NULL FROM {relation} WHERE {key} = %(key)s"
    ).format(
        **_settings(),
        token=sql.Identifier(target.token_column),
        sent=sent,
        other=other,
        relation=_relation(target, relation, only=only),
        key=sql.Identifier(target.key_column),
    )


def rotate(target: Target, relation: str, token_type: str, *, only: bool) -> sql.Composed:
    """Rotate the row to the first fresh token."""
    return sql.SQL(
        "UPDATE {relation} SET {token} = current_setting({SENT})::{type}, {marker} = "
        "greatest(clock_timestamp(), {stored_marker} + interval '1 microsecond') "
        "WHERE {key} = %(key)s"
    ).format(
        **_settings(),
        relation=_relation(target, relation, only=only),
        token=sql.Identifier(target.token_column),
        type=sql.SQL(token_type),
        marker=sql.Identifier(target.marker_column),
        stored_marker=sql.Identifier(target.table, target.marker_column),
        key=sql.Identifier(target.key_column),
    )


def save_stale(
    target: Target, relation: str, token_type: str, written: Sequence[str], *, only: bool
) -> sql.Composed:
    """Write the whole row with its old token, as a stale ``save()`` does."""
    stored = sql.SQL("current_setting({})::{}").format(sql.Literal(STORED), sql.SQL(token_type))
    return sql.SQL("UPDATE {relation} SET {columns} WHERE {key} = %(key)s").format(
        relation=_relation(target, relation, only=only),
        columns=sql.SQL(", ").join(
            sql.SQL("{} = {}").format(
                sql.Identifier(column),
                stored if column == target.token_column else sql.Identifier(target.table, column),
            )
            for column in written
        ),
        key=sql.Identifier(target.key_column),
    )


def row_state(target: Target, relation: str, token_type: str, *, only: bool) -> sql.Composed:
    """Tell if the row holds the token that was sent, and if it is pending.

    No row where it has gone.
    """
    return sql.SQL(
        "SELECT {token} IS NOT DISTINCT FROM current_setting({SENT})::{type}, {marker} IS NULL "
        "FROM {relation} WHERE {key} = %(key)s"
    ).format(
        **_settings(),
        token=sql.Identifier(target.token_column),
        type=sql.SQL(token_type),
        marker=sql.Identifier(target.marker_column),
        relation=_relation(target, relation, only=only),
        key=sql.Identifier(target.key_column),
    )


def insert_again(
    target: Target,
    relation: str,
    token_type: str,
    *,
    written: Sequence[str],
    unique: Sequence[str],
    sent: str,
    into: str,
    only: bool,
) -> sql.Composed:
    """Insert the row once more, and note the token that its triggers made.

    The row's key is taken, so that nothing is inserted and no AFTER trigger fires. ``sent`` and
    ``into`` are settings: the token that is sent, and where the other one is noted.
    """
    token = sql.SQL("current_setting({})::{}").format(sql.Literal(sent), sql.SQL(token_type))
    identifiers = [sql.Identifier(column) for column in written]
    return sql.SQL(
        "INSERT INTO {name} AS tried ({columns}) OVERRIDING SYSTEM VALUE "
        "SELECT {values} FROM {relation} WHERE {key} = %(key)s "
        "ON CONFLICT ({unique}) DO UPDATE SET {key} = tried.{key} "
        "WHERE set_config({into}, 'token ' || coalesce(excluded.{token}::text, ''), true) IS NULL"
    ).format(
        name=sql.SQL(relation),
        columns=sql.SQL(", ").join(identifiers),
        values=sql.SQL(", ").join(
            token if column == target.token_column else sql.Identifier(column) for column in written
        ),
        relation=_relation(target, relation, only=only),
        key=sql.Identifier(target.key_column),
        unique=sql.SQL(", ").join(map(sql.Identifier, unique)),
        into=sql.Literal(into),
        token=sql.Identifier(target.token_column),
    )


def inserts_differ() -> sql.Composed:
    """Tell if two inserts got tokens of their own; NULL where one was not seen."""
    return sql.SQL(
        "SELECT nullif(current_setting({FIRST}, true), '') "
        "<> nullif(current_setting({SECOND}, true), '')"
    ).format(**_settings())


def _relation(target: Target, relation: str, *, only: bool) -> sql.Composed:
    """The relation under the name of the target's table, which filters use."""
    return sql.SQL("{only}{relation} AS {table}").format(
        only=sql.SQL("ONLY " if only else ""),
        relation=sql.SQL(relation),
        table=sql.Identifier(target.table),
    )


def _settings() -> dict[str, sql.Composable]:
    names = {"STORED": STORED, "SENT": SENT, "OTHER": OTHER, "FIRST": FIRST, "SECOND": SECOND}
    return {key: sql.Literal(name) for key, name in names.items()}
