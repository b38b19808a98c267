"""A column of somebody else's second model is filled, whatever happens meanwhile."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.articles import AFTER, PENDING, ROWS, WRONG, done
from tests.support.lacking_index import lacking
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until
from token_rotation.declare.pending_index import pending_index_name

INDEX = pending_index_name("shop_article", "search_filled_at")
QUOTED_INDEX = f'"public"."{INDEX}"'
UNFINISHED = 3
TWO_WORKERS = ("--workers", "2", "--batch-rows", "40", "--traffic-budget-ms", "0")


def test_killed_again_and_again_two_workers_fill_every_row(shop: Project, articles: Any) -> None:
    assert f"{ROWS:,} of {ROWS + 1:,} rows pending" in report(shop, UNFINISHED)
    for _ in range(4):
        before = value(articles, PENDING)
        running = shop.start("-m", "django", "fill_column", *TWO_WORKERS, "--pause-seconds", "0.01")
        until(lambda before=before: value(articles, PENDING) < before)
        running.kill()
        running.communicate()
        assert 0 < value(articles, PENDING) < before
        assert value(articles, WRONG) == 0
    said = shop.run("fill_column", *TWO_WORKERS)
    assert "Nothing is pending. Verified: read all 4,001 rows" in said
    assert "rotat" not in said
    assert done(articles)
    assert "Nothing is pending. Verified" in report(shop)


def report(shop: Project, fails_with: int = 0) -> str:
    return shop.run("fill_column", "shop.Article.search", "--report", fails_with=fails_with)


def test_a_fill_that_is_stopped_says_what_to_type(shop: Project, articles: Any) -> None:
    running = shop.start("-m", "django", "fill_column", *TWO_WORKERS, "--pause-seconds", "0.05")
    until(lambda: value(articles, PENDING) < ROWS)
    running.send_signal(signal.SIGTERM)
    said, _ = running.communicate(timeout=60)
    assert running.returncode == UNFINISHED
    assert "Stopped on request. To go on: python manage.py fill_column shop.Article" in said
    assert 0 < value(articles, PENDING) < ROWS


def test_a_running_fill_is_paused_and_stopped_from_elsewhere(shop: Project, articles: Any) -> None:
    running = shop.start("-m", "django", "fill_column", *TWO_WORKERS, "--pause-seconds", "0.05")
    until(lambda: value(articles, PENDING) < ROWS)
    asked = "Asked 1 running fill to"
    assert f"{asked} pause" in shop.run("fill_column", "shop.Article", "--pause")
    assert f"{asked} go on" in shop.run("fill_column", "--resume")
    assert f"{asked} end after its batch." in shop.run("fill_column", "--stop")
    said, _ = running.communicate(timeout=60)
    assert running.returncode == UNFINISHED
    assert "To go on: python manage.py fill_column shop.Article" in said
    assert 0 < value(articles, PENDING) < ROWS
    assert "No fill is running on database 'default'." in shop.run("fill_column", "--stop")


def test_a_server_that_is_gone_is_one_line(shop: Project, tmp_path: Path) -> None:
    asked = shop.start("-m", "django", "fill_column", PGHOST=str(tmp_path))
    _, said = asked.communicate(timeout=60)
    assert asked.returncode == 1
    assert "cannot reach the database" in said
    assert "Traceback" not in said


def test_a_row_that_cannot_be_filled_is_named_and_the_others_are_filled(
    shop: Project, articles: Any
) -> None:
    bad = "ALTER TABLE shop_article ADD CONSTRAINT bad CHECK (search NOT LIKE 'title 77 %')"
    articles.cursor().execute(bad)
    said = shop.run("fill_column", *TWO_WORKERS, fails_with=UNFINISHED)
    articles.cursor().execute("ALTER TABLE shop_article DROP CONSTRAINT bad")
    assert "PostgreSQL refused to change 1 row (id 77: " in said
    assert "To go on: python manage.py fill_column shop.Article.search" in said
    assert value(articles, PENDING) == 1


def test_a_source_written_during_the_fill_is_in_the_value(
    shop: Project, articles: Any, shop_database: str, connect: Callable[[str], Any]
) -> None:
    writer = connect(shop_database)
    writer.cursor().execute("BEGIN; INSERT INTO shop_comment (article_id, body) VALUES (8, 'new')")
    writer.cursor().execute("UPDATE shop_article SET title = 'New' WHERE id = 9")
    running = shop.start("-m", "django", "fill_column", *TWO_WORKERS, "--progress", "lines")
    until(lambda: value(articles, PENDING) == len((8, 9)))
    writer.cursor().execute("COMMIT")
    said = running.communicate(timeout=60)
    assert running.returncode == 0, said
    assert done(articles)


def test_an_index_that_lacks_rows_gives_no_all_clear(shop: Project, articles: Any) -> None:
    shop.run("fill_column")
    with lacking(articles, INDEX):
        articles.cursor().execute("UPDATE shop_article SET search_filled_at = NULL WHERE id < 4")
    for command in ("fill_column", "fill_column --report", "fill_column --dry-run"):
        said = shop.run(*command.split(), fails_with=UNFINISHED)
        assert "3 of 4,001 rows pending. The index" in said
        assert f"REINDEX INDEX CONCURRENTLY {QUOTED_INDEX}" in said
    articles.cursor().execute(f"REINDEX INDEX {INDEX}")
    shop.run("fill_column")
    assert done(articles)


@pytest.mark.parametrize("table", ["shop_article", "shop_comment"])
def test_a_trigger_that_does_not_fire_gives_no_all_clear(
    shop: Project, articles: Any, table: str
) -> None:
    articles.cursor().execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
    said = shop.run("fill_column", fails_with=UNFINISHED)
    assert f"of {table} is disabled, so rows that were filled may have old values" in said
    assert "pgtrigger enable shop." in said
    assert "is disabled" in report(shop, UNFINISHED)


def test_what_is_typed_wrong_is_one_line(shop: Project, articles: Any) -> None:
    series = {
        "fill_column shop.Comment": "no shadow column is called 'shop.Comment'; there is: shop.",
        "fill_column --exact": "--exact goes with --report. Nothing was done.",
        "fill_column --report --dry-run": "not allowed with argument",
        "fill_column --workers 0": "argument --workers",
    }
    for typed, answer in series.items():
        done = shop.attempt(*typed.split())
        assert done.returncode in {1, 2}
        assert answer in done.stderr
        assert "Traceback" not in done.stderr
    assert value(articles, PENDING) == ROWS


def test_a_declaration_that_django_cannot_compile_is_one_line(shop: Project) -> None:
    shop.models(AFTER.replace('Lower("title")', 'Lower("titel")'))
    done = shop.attempt("check")
    shop.models(AFTER)
    assert "(token_rotation.E080) the ShadowColumn 'search_filled_at'" in done.stderr
    assert "Cannot resolve keyword 'titel'" in done.stderr
    assert "Traceback" not in done.stderr
