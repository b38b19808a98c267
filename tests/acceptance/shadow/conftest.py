"""Somebody else's articles, with a search column filled from their titles and comments."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.articles import AFTER, BEFORE, EMPTY, FILL, PENDING, READY, ROWS
from tests.support.databases import DatabaseFactory
from tests.support.leaked import value
from tests.support.project import Project


@pytest.fixture(scope="package")
def shop_database(database_factory: DatabaseFactory) -> Iterator[str]:
    url = database_factory.create("zero")
    yield url
    database_factory.drop(url)


@pytest.fixture(scope="package")
def shop(tmp_path_factory: pytest.TempPathFactory, shop_database: str) -> Project:
    project = Project(tmp_path_factory.mktemp("shop"), shop_database)
    project.models(BEFORE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    project.models(AFTER)
    project.run_each("makemigrations shop", "migrate --verbosity 0", "makemigrations --check shop")
    return project


@pytest.fixture
def articles(shop: Project, shop_database: str, connect: Callable[[str], Any]) -> Any:
    """4,000 articles that are pending, with comments for every other one, and a draft."""
    tables = connect(shop_database)
    tables.cursor().execute(EMPTY)
    tables.cursor().execute(FILL, {"rows": ROWS})
    tables.cursor().execute(READY)
    assert value(tables, PENDING) == ROWS
    return tables
