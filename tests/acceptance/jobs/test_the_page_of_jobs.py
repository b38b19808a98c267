"""The pages about jobs can be followed as they stand."""

from pathlib import Path
from shlex import split
from typing import Any

from tests.support.documents import BLOCK, DOCS, Typed, python_blocks, typed
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until

TUTORIAL = DOCS / "tutorial" / "backfill.md"
PAGE = DOCS / "how-to" / "go-through-items.md"
MODELS = """
class Order(models.Model):
    subject = models.TextField()
    search = models.TextField(null=True)
"""
FILL = "INSERT INTO shop_order (subject) SELECT 'Order ' || n FROM generate_series(1, 1000) AS n"
MANY = 12_000
LEFT = "SELECT count(*) FROM shop_order WHERE search IS NULL"
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


def test_the_tutorial_is_killed_in_the_middle_and_leaves_nothing(
    tmp_path: Path, database: str, tables: Any
) -> None:
    project = Project(tmp_path, database)
    _, models, job = python_blocks(TUTORIAL)
    (tmp_path / "shop" / "models.py").write_text(models)
    (tmp_path / "shop" / "actions.py").write_text(job)
    (seed,) = (text for language, text in BLOCK.findall(TUTORIAL.read_text()) if language == "sql")
    (tmp_path / "seed.sql").write_text(seed.replace("10000000", f"{MANY}"))
    *before, first, again, look = typed(TUTORIAL)
    project.run_each(*map(words, before))
    killed = project.start("-m", "django", *words(first).split())
    until(lambda: value(tables, LEFT) < MANY)
    killed.kill()
    killed.communicate()
    assert "complete" in project.run(*words(again).split())
    assert project.run(*split(words(look))).splitlines()[-1] == look.output[0]


def words(command: Typed) -> str:
    return command.words.removeprefix("python manage.py ")
