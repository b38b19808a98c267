"""Locks for the app's migration, taken in short attempts."""

from __future__ import annotations

import time
from collections.abc import Callable

from django.conf import settings
from django.core.management.base import CommandError
from django.db import OperationalError, transaction
from django.db.backends.base.schema import BaseDatabaseSchemaEditor
from django.db.migrations.state import StateApps
from psycopg2 import errors, sql

LOCK_TIMEOUT_MS = 100
PAUSE_SECONDS = 0.5
ATTEMPTS = 200


def lock_referenced_tables(mode: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    """Code for RunPython: lock the tables of users and content types in ``mode``.

    A foreign key locks the table that it refers to as well. DDL that waits for that lock makes
    every log-in wait behind it, so it is taken before, in attempts of 100 ms, and held until the
    migration commits.

    Raises CommandError when others hold the tables for two minutes; nothing is changed then.
    """
    return _lock_tables([settings.AUTH_USER_MODEL, "contenttypes.ContentType"], mode)


def lock_operations(mode: str) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    """The same for the table of operations, behind whose DDL every heartbeat would wait."""
    return _lock_tables(["batch.BatchOperation"], mode)


def _lock_tables(
    labels: list[str], mode: str
) -> Callable[[StateApps, BaseDatabaseSchemaEditor], None]:
    def lock(apps: StateApps, editor: BaseDatabaseSchemaEditor) -> None:
        if editor.collect_sql:
            return
        tables = [apps.get_model(label)._meta.db_table for label in labels]
        for _ in range(ATTEMPTS):
            if _locked(editor, tables, mode):
                return
            time.sleep(PAUSE_SECONDS)
        raise CommandError(
            f"{' or '.join(tables)} stayed locked by others for {ATTEMPTS} attempts of"
            f" {LOCK_TIMEOUT_MS} ms. Nothing was changed. End what holds them, then run"
            " migrate again."
        )

    return lock


def _locked(editor: BaseDatabaseSchemaEditor, tables: list[str], mode: str) -> bool:
    alias = editor.connection.alias
    try:
        with transaction.atomic(using=alias), editor.connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS}")
            cursor.execute(
                sql.SQL("LOCK TABLE {} IN {} MODE").format(
                    sql.SQL(", ").join(map(sql.Identifier, tables)), sql.SQL(mode)
                )
            )
    except OperationalError as error:
        if isinstance(error.__cause__, errors.LockNotAvailable):
            return False
        raise
    return True
