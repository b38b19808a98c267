"""SQL that fills and empties the ticket table."""

from collections.abc import Iterable

from django.db.backends.postgresql.psycopg_any import sql  # type: ignore[import-untyped]


def limit_lock_wait(milliseconds: int) -> sql.Composed:
    """Limit waits for locks in this transaction."""
    statement = sql.SQL("SELECT set_config('lock_timeout', {timeout}, true)")
    return statement.format(timeout=sql.Literal(f"{milliseconds}ms"))


def columns_of(table: str) -> sql.Composed:
    """Return the names of a table's columns; none where there is no table. No lock, no right."""
    return sql.SQL(
        "SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass(quote_ident({table}))"
        " AND attnum > 0 AND NOT attisdropped"
    ).format(table=sql.Literal(table))


def truncate(table: str) -> sql.Composed:
    """Empty the table and those that refer to it.

    Locks them ACCESS EXCLUSIVE.
    """
    return sql.SQL("TRUNCATE {table} CASCADE").format(table=sql.Identifier(table))


def copy(table: str, columns: Iterable[str]) -> sql.Composed:
    """Load rows in COPY's text format."""
    return sql.SQL("COPY {table} ({columns}) FROM STDIN").format(
        table=sql.Identifier(table), columns=sql.SQL(", ").join(map(sql.Identifier, columns))
    )


def ignore_trigger(pgid: str) -> sql.Composed:
    """Disable one of django-pgtrigger's triggers in this transaction.

    As ``pgtrigger.ignore`` does, but that works through Django's execute wrappers, which COPY does
    not pass, and it leaves an empty setting in the session.
    """
    statement = sql.SQL("SELECT set_config('pgtrigger.ignore', {ids}, true)")
    return statement.format(ids=sql.Literal(f"{{{pgid}}}"))
