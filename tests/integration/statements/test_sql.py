"""The whole text of each statement that the hot path sends."""

from typing import Any

import pytest

from tests.support.driver import sql
from token_rotation.postgres import statements
from token_rotation.selection.key_range import EVERY_KEY, KeyRange
from token_rotation.selection.target import Target
from token_rotation.sql import batch as batch_sql
from token_rotation.sql import counting as counting_sql
from token_rotation.sql import tokens as tokens_sql
from token_rotation.sql.keys import ranges as key_ranges_sql
from token_rotation.tokens.sources import SqlTokens

TARGET = Target(
    label="shop.Order",
    database="default",
    table='order"s',
    key_column="Key",
    token_column="secret",
    marker_column="rotated_at",
    token_source=SqlTokens("gen_random_uuid()"),
    token_is_unique=True,
    guard_triggers=(),
)
BOTH = KeyRange(1, 2)
UUID = tokens_sql.made_by("gen_random_uuid()")
WITHIN = '"rotated_at" IS NULL AND "Key" > %(after)s AND "Key" <= %(upper)s'
ROTATED = '"secret" = gen_random_uuid(), "rotated_at" = clock_timestamp()'


@pytest.mark.parametrize(
    ("statement", "text"),
    [
        (
            batch_sql.update_range(TARGET, BOTH, tokens_sql.sets_token(TARGET, UUID)),
            f'UPDATE "order""s" SET {ROTATED} WHERE {WITHIN}',
        ),
        (
            batch_sql.update_range(
                TARGET, BOTH, tokens_sql.sets_token(TARGET, tokens_sql.prefixed_uuid(TARGET))
            ),
            (
                'UPDATE "order""s" SET "secret" = overlay(overlay(encode('
                "set_bit(set_bit(substr(sha256("
                "(SELECT uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())) || "
                'oidsend("order""s".tableoid) || tidsend("order""s".ctid)'
                "), 1, 16), 71, 1), 70, 0), 'hex') "
                "PLACING '4' FROM 13) PLACING %(token_prefix)s FROM 1)::uuid, "
                f'"rotated_at" = clock_timestamp() WHERE {WITHIN}'
            ),
        ),
        (
            batch_sql.update_free_rows(TARGET, BOTH, tokens_sql.sets_token(TARGET, UUID)),
            (
                f'UPDATE "order""s" SET {ROTATED} WHERE "Key" = ANY(ARRAY('
                f'SELECT "Key" FROM "order""s" WHERE {WITHIN} '
                'ORDER BY "Key" LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED)) '
                'AND "rotated_at" IS NULL'
            ),
        ),
        (
            batch_sql.update_free_rows_with_tokens(TARGET, BOTH, "character varying"),
            (
                "WITH free AS MATERIALIZED (SELECT key, row_number() OVER () AS place FROM ("
                f'SELECT "Key" FROM "order""s" WHERE {WITHIN} '
                'ORDER BY "Key" LIMIT %(batch_rows)s FOR UPDATE SKIP LOCKED) AS locked (key)), '
                "made AS (SELECT token, place "
                "FROM unnest(current_setting('token_rotation.tokens')::character varying[]) "
                "WITH ORDINALITY AS made (token, place)) "
                'UPDATE "order""s" '
                'SET "secret" = made.token, "rotated_at" = clock_timestamp() '
                'FROM free JOIN made USING (place) WHERE "order""s"."Key" = free.key '
                'AND "order""s"."rotated_at" IS NULL '
                'AND "order""s"."Key" > %(after)s AND "order""s"."Key" <= %(upper)s'
            ),
        ),
        (
            key_ranges_sql.batch_upper_key(TARGET, KeyRange(after=1)),
            (
                'SELECT key FROM (SELECT "Key" AS key FROM "order""s" '
                'WHERE "rotated_at" IS NULL AND "Key" > %(after)s '
                "ORDER BY 1 LIMIT %(batch_rows)s) AS batch ORDER BY key DESC LIMIT 1"
            ),
        ),
        (
            counting_sql.count_pending(TARGET, EVERY_KEY),
            'SELECT count(*) FROM "order""s" WHERE "rotated_at" IS NULL',
        ),
        (
            batch_sql.any_pending(TARGET),
            'SELECT EXISTS (SELECT FROM "order""s" WHERE "rotated_at" IS NULL)',
        ),
    ],
)
def test_statement(tickets: Any, statement: sql.Composed, text: str) -> None:
    assert statement.as_string(tickets) == text


@pytest.mark.server_versions
@pytest.mark.plans
def test_a_batch_reads_a_stretch_of_an_index_however_wrong_the_statistics_are(
    tickets: Any, target: Target
) -> None:
    for statement in (
        batch_sql.update_range(target, BOTH, tokens_sql.sets_token(target, UUID)),
        batch_sql.update_free_rows(target, BOTH, tokens_sql.sets_token(target, UUID)),
        batch_sql.update_range(
            target, BOTH, tokens_sql.sets_token(target, tokens_sql.prefixed_uuid(target))
        ),
        batch_sql.update_free_rows(
            target, BOTH, tokens_sql.sets_token(target, tokens_sql.prefixed_uuid(target))
        ),
        key_ranges_sql.batch_upper_key(target, KeyRange(after=1)),
    ):
        with tickets.cursor() as cursor:
            cursor.execute("BEGIN")
            cursor.execute(statements.READ_IN_KEY_ORDER)
            values = {"after": 1, "upper": 2, "batch_rows": 10, "token_prefix": "0"}
            cursor.execute(sql.SQL("EXPLAIN ") + statement, values)
            plan = "\n".join(line for (line,) in cursor.fetchall())
            cursor.execute("ROLLBACK")
        assert "Seq Scan" not in plan
        assert "Index" in plan
