"""Articles of somebody else's project, whose search column is filled from two tables."""

from typing import Any

from tests.support.leaked import value

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
from token_rotation.models import RotatingToken

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

class Article(RotatingToken):
    title = models.TextField()
    search = models.TextField(default="", db_default="")
    search_filled_at = models.DateTimeField(null=True, editable=False, db_default=None)

    class Meta(RotatingToken.Meta):
        indexes = [*RotatingToken.Meta.indexes, PendingIndex("search_filled_at")]
        triggers = [*RotatingToken.Meta.triggers, *search.triggers]

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


def done(articles: Any) -> bool:
    return (value(articles, PENDING), value(articles, WRONG)) == (0, 0)
