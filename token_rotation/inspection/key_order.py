"""Find out if an index gives keys in another order than their comparison has."""

from __future__ import annotations

from collections.abc import Sequence

from token_rotation.errors import KeyOrderError
from token_rotation.inspection.indexes import indexes_on, read_indexes
from token_rotation.postgres import driver, statements
from token_rotation.postgres.connection import Connection
from token_rotation.postgres.faults.failures import fault_of
from token_rotation.postgres.faults.sqlstate import Fault
from token_rotation.selection.key_range import Key
from token_rotation.selection.marked_table import MarkedTable
from token_rotation.sql.keys import order as key_order_sql

AT_MOST_MS = 10_000


def check_key_order(
    connection: Connection, target: MarkedTable, keys: Sequence[Key | None]
) -> None:
    """Raise KeyOrderError unless each key is above the one before it, as an index gave them.

    A loop over keys makes no progress otherwise. None stands for no key. Driver errors pass
    through.
    """
    known = [key for key in keys if key is not None]
    if len(known) < 2:
        return
    values = {f"key_{place}": key for place, key in enumerate(known)}
    if connection.value(key_order_sql.descends(target, len(known)), values):
        either = [*_pending_index(connection, target), *_key_indexes(connection, target)]
        raise _error(target, _disordered(connection, target) or either)


def check_index_order(connection: Connection, target: MarkedTable) -> None:
    """Raise KeyOrderError if a whole index gives keys in another order.

    It reads the index of pending rows and that of all keys, each for ``AT_MOST_MS``. What takes
    longer is not found. Other driver errors pass through.
    """
    names = _disordered(connection, target)
    if names:
        raise _error(target, names)


def check_order_of_all_keys(connection: Connection, target: MarkedTable) -> None:
    """``check_index_order`` for the index of all keys alone."""
    if _descends(connection, target, pending_alone=False):
        raise _error(target, _key_indexes(connection, target))


def _disordered(connection: Connection, target: MarkedTable) -> list[str]:
    """Name what is not in order. Where all keys are not, pending ones may be read by them."""
    found = []
    if _descends(connection, target, pending_alone=True):
        found += _pending_index(connection, target)
    if _descends(connection, target, pending_alone=False):
        found += _key_indexes(connection, target)
    return found


def _pending_index(connection: Connection, target: MarkedTable) -> list[str]:
    return _needed_index(connection, target, "pending")


def _needed_index(connection: Connection, target: MarkedTable, kind: str) -> list[str]:
    _, name = read_indexes(connection, target)[kind]
    return ['"' + name.replace('"', '""') + '"'] if name else []


def _key_indexes(connection: Connection, target: MarkedTable) -> list[str]:
    if target.hides_keys:
        return _needed_index(connection, target, "key hash")
    return indexes_on(connection, target, target.key_column)


def _descends(connection: Connection, target: MarkedTable, *, pending_alone: bool) -> bool:
    query = key_order_sql.index_descends(target, pending_alone=pending_alone)
    look = statements.together(statements.LIMIT_LOOK, statements.READ_IN_KEY_ORDER, query)
    try:
        return bool(connection.value(look, {"statement_timeout_ms": AT_MOST_MS}))
    except driver.Error as error:
        if fault_of(error) is not Fault.TIMED_OUT:
            raise
        return False


def _error(target: MarkedTable, names: Sequence[str]) -> KeyOrderError:
    mend = "; ".join(f"REINDEX INDEX CONCURRENTLY {name}" for name in names)
    return KeyOrderError(
        f"the index {' or '.join(names)} of {target.table} gives keys in another order than "
        "PostgreSQL compares them in, so no look-up comes to an end. The collation of the key may "
        f"have changed with a library of the system. Run in psql: {mend}. Other indexes of text "
        "may need it as well"
    )
