"""SQL that fills and empties the ticket table."""

from collections.abc import Iterable

from psycopg2.sql import SQL, Composed, Identifier, Literal


def limit_lock_wait(milliseconds: int) -> Composed:
    """Limit waits for locks in this transaction."""
    statement = SQL("SELECT set_config('lock_timeout', {timeout}, true)")
    return statement.format(timeout=Literal(f"{milliseconds}ms"))


def columns_of(table: str) -> Composed:
    """Return the names of a table's columns; none where there is no table. No lock, no right."""
    return SQL(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(quote_ident({table}))"
        " AND attnum > 0 AND NOT attisdropped"
    ).format(table=Literal(table))


def truncate(table: str) -> Composed:
    """Empty the table and those that refer to it.

    Locks them ACCESS EXCLUSIVE.
    """
    return SQL("TRUNCATE {table} CASCADE").format(table=Identifier(table))


def copy(table: str, columns: Iterable[str]) -> Composed:
    """Load rows in COPY's text format."""
    return SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=Identifier(table), columns=SQL(", ").join(map(Identifier, columns))
    )


def ignore_trigger(pgid: str) -> Composed:
    """Disable one of django-pgtrigger's triggers in this transaction.

    As ``pgtrigger.ignore`` does, but that works through Django's execute wrappers, which COPY does
    not pass, and it leaves an empty setting in the session.
    """
    statement = SQL("SELECT set_config('pgtrigger.ignore', {ids}, true)")
    return statement.format(ids=Literal(f"{{{pgid}}}"))
