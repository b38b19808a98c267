"""A partitioned table is rotated as one, with a partition that comes while the rotation runs."""

from pathlib import Path
from typing import Any

from tests.support.documents import DOCS, python_blocks
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until

PARTITIONS, ROWS, ATTACHED = 8, 200_000, 5_000
BEFORE = """
class Link(models.Model):
    name = models.CharField(max_length=20)
    token = models.UUIDField(default=uuid.uuid4)
"""
(ADOPTED,) = python_blocks(DOCS / "adopt" / "partitions.md")
TABLE = """
CREATE SEQUENCE link_id;
ALTER TABLE shop_link RENAME TO plain;
CREATE TABLE shop_link (LIKE plain INCLUDING DEFAULTS, PRIMARY KEY (id, name))
    PARTITION BY LIST (name);
ALTER TABLE shop_link ALTER id SET DEFAULT nextval('link_id')
"""
PARTITION = "CREATE TABLE link_{0} PARTITION OF shop_link FOR VALUES IN ('{0}')"
LEAKED = f"""
INSERT INTO shop_link (name, token)
SELECT n % {PARTITIONS}, gen_random_uuid() FROM generate_series(1, {ROWS}) AS n;
CREATE TABLE leaked AS SELECT token FROM shop_link
"""
LATE = f"""
CREATE TABLE link_late (LIKE shop_link INCLUDING DEFAULTS);
INSERT INTO link_late (name, token)
SELECT 'late', gen_random_uuid() FROM generate_series(1, {ATTACHED});
UPDATE link_late SET id = id - {ROWS} WHERE id % 2 = 0;
INSERT INTO leaked SELECT token FROM link_late;
ALTER TABLE shop_link ATTACH PARTITION link_late FOR VALUES IN ('late')
"""
PENDING = "SELECT count(*) FROM shop_link WHERE token_rotated_at IS NULL"
VALID = "SELECT count(*) FROM shop_link JOIN leaked USING (token)"
BY_PARTITION = """
SELECT count(*) FROM (
    SELECT tableoid FROM shop_link GROUP BY tableoid HAVING count(token_rotated_at) = count(*)
) AS rotated
"""


def test_200_000_rows_in_eight_partitions_and_a_ninth_that_is_attached_meanwhile(
    tmp_path: Path, database: str, tables: Any
) -> None:
    project = Project(tmp_path, database)
    project.models(BEFORE)
    project.run_each("makemigrations shop", "migrate --verbosity 0")
    each = [PARTITION.format(number) for number in range(PARTITIONS)]
    for statement in (TABLE, *each, LEAKED):
        tables.cursor().execute(statement)
    project.models(ADOPTED)
    project.run_each("makemigrations shop", "migrate --verbosity 0", "check --database default")
    assert value(tables, PENDING) == ROWS

    words = ("rotate_tokens", "--batch-rows", "2000", "--pause-seconds", "0.01")
    rotation = project.start("-m", "django", *words)
    until(lambda: value(tables, PENDING) < ROWS - 20_000)
    tables.cursor().execute(LATE)
    assert value(tables, PENDING) > 0
    said, errors = rotation.communicate(timeout=300)
    assert rotation.returncode == 0, errors
    assert f"{ROWS + ATTACHED:,} tokens rotated" in said
    assert (value(tables, PENDING), value(tables, VALID)) == (0, 0)
    assert value(tables, BY_PARTITION) == PARTITIONS + 1
    report = project.run("rotate_tokens", "--report", "--exact")
    assert "complete          yes" in report
