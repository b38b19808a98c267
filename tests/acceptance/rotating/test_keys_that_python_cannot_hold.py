"""Keys and markers that PostgreSQL stores and Python's datetime cannot hold."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import value
from tests.support.project import Project

pytestmark = pytest.mark.server_versions

MODELS = """
from token_rotation.models import RotatingToken

class Moment(RotatingToken):
    id = models.DateTimeField(primary_key=True)

class Day(RotatingToken):
    id = models.DateField(primary_key=True)
"""
STRANGE = ("-infinity", "4713-11-24 BC", "0044-03-15 BC", "20000-01-01", "infinity")
LEAK = """
ALTER TABLE shop_{model} DISABLE TRIGGER USER;
INSERT INTO shop_{model} (id, token) SELECT id::{type}, gen_random_uuid()
FROM unnest(%(strange)s::text[]) AS id;
INSERT INTO shop_{model} (id, token) SELECT '2026-01-01'::date + n, gen_random_uuid()
FROM generate_series(1, 40) AS n;
ALTER TABLE shop_{model} ENABLE TRIGGER USER;
CREATE TABLE leaked_{model} AS SELECT id, token FROM shop_{model};
"""
STILL_VALID = "SELECT count(*) FROM shop_{0} JOIN leaked_{0} USING (token)"
STRANGE_MARKERS = """
UPDATE shop_{0} SET token_rotated_at = NULL;
ALTER TABLE shop_{0} DISABLE TRIGGER USER;
UPDATE shop_{0}
SET token_rotated_at = (%(strange)s::timestamptz[])[1 + abs(hashtext(id::text)) %% 5];
ALTER TABLE shop_{0} ENABLE TRIGGER USER;
"""
TYPES = {"moment": "timestamptz", "day": "date"}


def test_each_row_is_rotated_once_whatever_its_key_and_its_marker(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    database = make_database("zero")
    project, tables, strange = Project(tmp_path, database), connect(database), list(STRANGE)
    project.models(MODELS)
    project.run_each("makemigrations", "migrate --verbosity 0")
    for model, type_ in TYPES.items():
        tables.cursor().execute(LEAK.format(model=model, type=type_), {"strange": strange})
    said = project.run("rotate_tokens", "--batch-rows", "2", "--limit", "6", fails_with=3)
    assert said.count(": 6 tokens rotated") == 2
    said = project.run_each("rotate_tokens --batch-rows 2", "rotate_tokens --report --exact")
    assert said.count(": 39 tokens rotated") == 2

    for model in TYPES:
        assert value(tables, STILL_VALID.format(model)) == 0
        tables.cursor().execute(STRANGE_MARKERS.format(model), {"strange": strange})
    said = project.run_each(
        "rotate_tokens --report",
        "rotate_tokens --issued-before now --workers 2 --batch-rows 3",
        "rotate_tokens --report --format json",
        "clean_up_tokens",
    )
    assert said.count(": 45 tokens rotated") == 2
    for model in TYPES:
        is_right = f"SELECT bool_and(token_rotated_at <= clock_timestamp()) FROM shop_{model}"
        assert value(tables, is_right)
