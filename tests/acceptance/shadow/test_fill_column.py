"""A column of somebody else's second model is filled, whatever happens meanwhile."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.support.databases import DatabaseFactory
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until

BEFORE = """
class Article(models.Model):
    title = models.TextField()

class Comment(models.Model):
    article = models.ForeignKey(Article, models.CASCADE, related_name="comments")
    body = models.TextField()
"""
AFTER = """
from django.contrib.postgres.aggregates import StringAgg
from django.db.models import OuterRef, Q, Subquery, Value
from django.db.models.functions import Coalesce, Concat, Lower
from token_rotation import PendingIndex, ShadowColumn

def words():
    bodies = Comment.objects.filter(article=OuterRef("pk")).order_by().values("article")
    joined = bodies.annotate(all=StringAgg("body", delimiter=" ", ordering="id")).values("all")
    comments = Coalesce(Subquery(joined), Value(""), output_field=models.TextField())
    text = Concat(
        Lower("title"), Value(" 100% "), comments, output_field=models.TextField()
    )
    return {"search": text}

search = ShadowColumn(
    "shop.Article", "search_filled_at", set=words, pending=~Q(title="a draft")
)

class Article(models.Model):
    title = models.TextField()
    search = models.TextField(default="", db_default="")
    search_filled_at = models.DateTimeField(null=True, editable=False, db_default=None)

    class Meta:
        indexes = [PendingIndex("search_filled_at")]
        triggers = search.triggers

class Comment(models.Model):
    article = models.ForeignKey(Article, models.CASCADE, related_name="comments")
    body = models.TextField()

    class Meta:
        triggers = search.refilled_by("article")
"""
ROWS = 4_000
FILL = """
INSERT INTO shop_article (title) SELECT 'Title ' || n FROM generate_series(1, %(rows)s) AS n;
INSERT INTO shop_article (title) VALUES ('a draft');
INSERT INTO shop_comment (article_id, body)
SELECT id, 'word' || id FROM shop_article WHERE id %% 2 = 0
"""
EMPTY = """
TRUNCATE shop_article, shop_comment, token_rotation_operation RESTART IDENTITY;
ALTER TABLE shop_article DISABLE TRIGGER USER; ALTER TABLE shop_comment DISABLE TRIGGER USER
"""
READY = "ALTER TABLE shop_article ENABLE TRIGGER USER; ALTER TABLE shop_comment ENABLE TRIGGER USER"
PENDING = "SELECT count(*) FROM shop_article WHERE search_filled_at IS NULL AND title <> 'a draft'"
WRONG = """
SELECT count(*) FROM shop_article a WHERE search_filled_at IS NOT NULL AND search IS DISTINCT FROM
lower(title) || ' 100%% ' || coalesce(
    (SELECT string_agg(body, ' ' ORDER BY id) FROM shop_comment WHERE article_id = a.id), '')
""".replace("%%", "%")
UNFINISHED = 3
TWO_WORKERS = ("--workers", "2", "--batch-rows", "40", "--traffic-budget-ms", "0")


@pytest.fixture(scope="module")
def shop_database(database_factory: DatabaseFactory) -> Iterator[str]:
    url = database_factory.create("zero")
    yield url
    database_factory.drop(url)


@pytest.fixture(scope="module")
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


def done(articles: Any) -> bool:
    return (value(articles, PENDING), value(articles, WRONG)) == (0, 0)


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
    assert done(articles)
    assert "Nothing is pending. Verified" in report(shop)


def report(shop: Project, fails_with: int = 0) -> str:
    return shop.run("fill_column", "shop.Article.search", "--report", fails_with=fails_with)
