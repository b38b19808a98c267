"""A model of which nothing is known but its table, and another session that uses it."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.db import connection, models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.migrations import CreateModel
from django.db.migrations.state import ProjectState

from tests.support.parcels import LOCK_TIMEOUT_MS, TABLE


@pytest.fixture
def short_patience(settings: Any) -> None:
    settings.TOKEN_ROTATION_DDL_LOCK_TIMEOUT_MS = LOCK_TIMEOUT_MS
    settings.TOKEN_ROTATION_DDL_RETRY_SECONDS = 60


@pytest.fixture
def parcels() -> Iterator[ProjectState]:
    """The state of an app with one model, whose table exists."""
    create = CreateModel(
        "Parcel",
        [("id", models.BigAutoField(primary_key=True)), ("weight", models.IntegerField(null=True))],
    )
    empty, state = ProjectState(), ProjectState()
    create.state_forwards("polite", state)
    with connection.schema_editor() as editor:
        create.database_forwards("polite", editor, empty, state)
    yield state
    with connection.cursor() as cursor:
        cursor.execute(f"DROP TABLE IF EXISTS {TABLE}")


@pytest.fixture
def application() -> Iterator[BaseDatabaseWrapper]:
    """The application's session: a second connection to the same database."""
    session = connection.copy()
    yield session
    session.close()
