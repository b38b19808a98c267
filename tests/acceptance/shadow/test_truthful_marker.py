"""A row whose marker is set holds the value of the sources that it has now."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.support.articles import PENDING, WRONG, done
from tests.support.driver import errors
from tests.support.held_table import until_a_statement_waits
from tests.support.leaked import value
from tests.support.project import Project

STALE = "UPDATE shop_article SET title = title, search = 'old', search_filled_at = {} WHERE id = 2"
COMMENT = "INSERT INTO shop_comment (article_id, body) VALUES (2, '{}')"
ASK = "UPDATE shop_article SET search_filled_at = NULL WHERE id = 2"
WRITES = [
    "INSERT INTO shop_article (title, search, search_filled_at) VALUES ('A', 'no', now())",
    "UPDATE shop_article SET title = 'Another' WHERE id = 2",
    STALE.format("now()"),
    STALE.format("NULL"),
    f"{ASK}; {STALE.format('clock_timestamp()')}",
    f"{ASK}; {COMMENT.format('new')}",
    "UPDATE shop_comment SET body = 'other' WHERE article_id = 2",
    "UPDATE shop_comment SET article_id = 3 WHERE article_id = 2",
    "DELETE FROM shop_comment WHERE article_id = 2",
    "DELETE FROM shop_comment; DELETE FROM shop_article WHERE id > 9",
    "UPDATE shop_article SET title = 'no draft' WHERE title = 'a draft'",
]


@pytest.fixture
def filled(shop: Project, articles: Any) -> Any:
    shop.run("fill_column")
    assert done(articles)
    return articles


def test_every_write_of_a_source_is_in_the_value_at_once(filled: Any) -> None:
    for write in WRITES:
        filled.cursor().execute(write)
        assert done(filled), write


def test_a_rotation_of_the_same_rows_leaves_their_values_alone(shop: Project, filled: Any) -> None:
    marker = "SELECT max(search_filled_at) FROM shop_article"
    before = value(filled, marker)
    assert "4,001 tokens rotated" in shop.run("rotate_tokens")
    assert (value(filled, marker), done(filled)) == (before, True)


def test_a_row_is_filled_again_where_somebody_asks_for_it(shop: Project, filled: Any) -> None:
    filled.cursor().execute(ASK)
    assert value(filled, PENDING) == 1
    said = shop.run("fill_column", "--progress", "json").splitlines()
    end = json.loads(next(line for line in said if '"end"' in line))
    assert (end["rotated_rows"], end["complete"], done(filled)) == (1, True, True)


def test_a_row_that_is_to_stay_unfilled_claims_no_fill(filled: Any) -> None:
    filled.cursor().execute("UPDATE shop_article SET title = 'a draft' WHERE id < 4")
    marked = "SELECT count(search_filled_at) FROM shop_article WHERE title = 'a draft'"
    assert (value(filled, marked), value(filled, WRONG)) == (0, 0)


def test_of_two_comments_at_once_both_are_in_the_value(
    filled: Any, shop_database: str, connect: Callable[[str], Any]
) -> None:
    first, second = connect(shop_database), connect(shop_database)
    first.cursor().execute(f"BEGIN; {COMMENT.format('first')}")
    with ThreadPoolExecutor(max_workers=1) as pool:
        writing = pool.submit(second.cursor().execute, COMMENT.format("second"))
        until_a_statement_waits(filled, "INSERT INTO shop_comment")
        first.cursor().execute("COMMIT")
        writing.result(timeout=60)
    assert done(filled)


def test_a_comment_under_an_old_snapshot_is_refused_and_not_missed(
    filled: Any, shop_database: str, connect: Callable[[str], Any]
) -> None:
    old = connect(shop_database)
    old.cursor().execute("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) FROM shop_comment")
    filled.cursor().execute(COMMENT.format("meanwhile"))
    with pytest.raises(errors.SerializationFailure):
        old.cursor().execute(COMMENT.format("too late"))
    old.cursor().execute("ROLLBACK")
    assert done(filled)
