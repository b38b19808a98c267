"""A database without a table, for a project of somebody else's."""

from collections.abc import Callable
from typing import Any

import pytest


@pytest.fixture
def database(make_database: Callable[..., str]) -> str:
    return make_database("zero")


@pytest.fixture
def tables(database: str, connect: Callable[[str], Any]) -> Any:
    return connect(database)
