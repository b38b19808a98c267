"""SQL about the WAL and its archive. No statement takes a lock."""

from __future__ import annotations

from token_rotation.postgres.driver import sql


def written_bytes() -> sql.SQL:
    """The bytes of WAL that the server has written since it exists."""
    return sql.SQL("SELECT pg_wal_lsn_diff(pg_current_wal_insert_lsn(), '0/0')::int8")


def may_see_archive() -> sql.SQL:
    """Whether this role may list the files that wait for the archiver (pg_monitor may)."""
    return sql.SQL("SELECT has_function_privilege('pg_ls_archive_statusdir()', 'EXECUTE')")


def files_to_archive() -> sql.SQL:
    """The number of files that wait for the archiver."""
    return sql.SQL("SELECT count(*) FROM pg_ls_archive_statusdir() WHERE name LIKE '%.ready'")
