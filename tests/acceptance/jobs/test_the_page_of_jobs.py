"""The page about jobs can be followed as it stands."""

from pathlib import Path
from typing import Any

from tests.support.documents import DOCS, python_blocks, typed
from tests.support.leaked import value
from tests.support.project import Project

PAGE = DOCS / "how-to" / "go-through-items.md"
MODELS = """
class Order(models.Model):
    subject = models.TextField()
    search = models.TextField(null=True)
"""
FILL = "INSERT INTO shop_order (subject) SELECT 'Order ' || n FROM generate_series(1, 1000) AS n"
FILLED = "SELECT count(*) FROM shop_order WHERE search = lower(subject)"


def test_the_job_of_the_page_fills_the_column(tmp_path: Path, database: str, tables: Any) -> None:
    project = Project(tmp_path, database)
    project.models(MODELS)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    (declaration,) = python_blocks(PAGE)
    (tmp_path / "shop" / "actions.py").write_text(declaration)
    tables.cursor().execute(FILL)
    (run,) = typed(PAGE)
    assert "complete, 1,000 items" in project.run(*run.words.split()[2:])
    assert value(tables, FILLED) == 1000
