"""migrate serves a table whole or changes nothing of it."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.databases import unique_name
from tests.support.documents import DOCS, python_blocks
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.waiting import until

pytestmark = pytest.mark.server_versions

BEFORE = """
class Link(models.Model):
    name = models.CharField(max_length=20)
    token = models.UUIDField(default=uuid.uuid4)
"""
(ADOPTED,) = python_blocks(DOCS / "adopt" / "partitions.md")
SHAPE = """
SELECT array_agg(attname ORDER BY attnum)::text FROM pg_attribute
WHERE attrelid = 'shop_link'::regclass AND attnum > 0
"""
TRIGGERS = "SELECT count(*) FROM pg_trigger WHERE tgrelid = 'shop_link'::regclass"
FOREIGN_CHILD = """
CREATE FOREIGN DATA WRAPPER elsewhere;
CREATE SERVER elsewhere FOREIGN DATA WRAPPER elsewhere;
CREATE FOREIGN TABLE far () INHERITS (shop_link) SERVER elsewhere
"""

# What makes the table unservable, what undoes that, and what is said.
CASES = {
    "a view": (
        "ALTER TABLE shop_link RENAME TO stored; CREATE VIEW shop_link AS SELECT * FROM stored",
        "DROP VIEW shop_link; ALTER TABLE stored RENAME TO shop_link",
        "public.shop_link is a view, which no guard can serve",
    ),
    "another owner": (
        "ALTER TABLE shop_link OWNER TO postgres",
        "ALTER TABLE shop_link OWNER TO {role}",
        "the role {role} does not own public.shop_link, so that it may not change it",
    ),
    "no right to create functions": (
        "REVOKE CREATE ON SCHEMA public FROM {role}, PUBLIC",
        "GRANT CREATE ON SCHEMA public TO {role}",
        "the role {role} may not create the guard's functions in the schema public",
    ),
    "a foreign child": (
        FOREIGN_CHILD,
        "DROP FOREIGN TABLE far",
        "far is a foreign table, where no guard fires",
    ),
    "a rule": (
        "CREATE RULE away AS ON UPDATE TO shop_link DO INSTEAD NOTHING",
        "DROP RULE away ON shop_link",
        "the rule away on shop_link replaces an INSERT or UPDATE, past any guard",
    ),
    "no table": (
        "ALTER TABLE shop_link RENAME TO hidden",
        "ALTER TABLE hidden RENAME TO shop_link",
        "there is no table shop_link",
    ),
}


@pytest.fixture
def role(tables: Any) -> Iterator[str]:
    """A role that is no superuser, and may create what it likes."""
    role = unique_name("app")
    tables.cursor().execute(
        f"CREATE ROLE {role} LOGIN; GRANT USAGE, CREATE ON SCHEMA public TO {role}"
    )
    yield role
    tables.cursor().execute(f"DROP OWNED BY {role} CASCADE; DROP ROLE {role}")


def test_what_no_guard_can_serve_is_refused_before_anything_is_changed(
    tmp_path: Path, database: str, tables: Any, role: str
) -> None:
    project = Project(tmp_path, database.replace("postgres@", f"{role}@", 1))
    project.models(BEFORE)
    project.run_each("makemigrations", "migrate --verbosity 0")
    project.models(ADOPTED)
    project.run("makemigrations")
    shape = value(tables, SHAPE)
    for case, (unservable, undone, reason) in CASES.items():
        tables.cursor().execute(unservable.format(role=role))
        said = project.run("migrate", fails_with=1).partition("ChangeRefusedError: ")[2]
        assert said == (
            f"shop_link: {reason.format(role=role)}. Nothing was changed, and the "
            "application goes on as before. Mend that, then run migrate again.\n"
        ), case
        tables.cursor().execute(undone.format(role=role))
        assert (value(tables, SHAPE), value(tables, TRIGGERS)) == (shape, 0), case
    project.run_each("migrate --verbosity 0", "rotate_tokens --report")


PARTITIONED = """
CREATE SCHEMA parts;
ALTER TABLE shop_link RENAME TO stored;
CREATE TABLE shop_link (LIKE stored INCLUDING DEFAULTS, PRIMARY KEY (id, name))
    PARTITION BY LIST (name);
ALTER TABLE shop_link ALTER id SET DEFAULT nextval('stored_id');
CREATE TABLE link_a PARTITION OF shop_link FOR VALUES IN ('a');
CREATE TABLE parts."Link B" PARTITION OF shop_link FOR VALUES IN ('b') PARTITION BY HASH (id);
CREATE TABLE parts.b_0 PARTITION OF parts."Link B" FOR VALUES WITH (MODULUS 2, REMAINDER 0);
CREATE TABLE parts.b_1 PARTITION OF parts."Link B" FOR VALUES WITH (MODULUS 2, REMAINDER 1);
INSERT INTO shop_link (name, token)
SELECT CASE n % 2 WHEN 0 THEN 'a' ELSE 'b' END, gen_random_uuid() FROM generate_series(1, 200) n;
CREATE TABLE leaked AS SELECT token FROM shop_link;
"""
INDEXES = """
SELECT count(*), count(*) FILTER (WHERE indisvalid) FROM pg_index
WHERE pg_get_expr(indpred, indrelid) LIKE '%token_rotated_at%'
"""
BUILDING = """
SELECT min(pid) FROM pg_stat_progress_create_index
WHERE datname = current_database() AND relid = 'parts.b_1'::regclass
"""


def row(connection: Any, query: str) -> tuple[Any, ...]:
    with connection.cursor() as cursor:
        cursor.execute(query)
        found: tuple[Any, ...] = cursor.fetchone()
    return found


def test_a_partitioned_table_is_served_also_after_a_kill(
    tmp_path: Path, database: str, tables: Any, connect: Callable[[str], Any]
) -> None:
    project = Project(tmp_path, database)
    project.models(BEFORE)
    project.run_each("makemigrations", "migrate --verbosity 0")
    tables.cursor().execute(f"CREATE SEQUENCE stored_id; {PARTITIONED}")
    project.models(ADOPTED)
    project.run("makemigrations")
    last = max(project.written())
    before_last = sorted(project.written())[-2]
    project.run("migrate", "shop", before_last)

    writer = connect(database)
    writer.cursor().execute("BEGIN; UPDATE parts.b_1 SET name = name")
    command = [sys.executable, "-m", "django", "migrate", "--verbosity", "0"]
    process = subprocess.Popen(command, cwd=project.directory, env=project.environment)
    until(lambda: value(tables, BUILDING))
    pid = value(tables, BUILDING)
    process.send_signal(signal.SIGKILL)
    process.wait()
    value(tables, f"SELECT pg_terminate_backend({pid})")
    gone = f"SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}"
    until(lambda: value(tables, gone) == 0)
    writer.cursor().execute("ROLLBACK")
    assert row(tables, INDEXES) == (5, 2)

    said = project.run_each(
        "migrate --verbosity 0", "rotate_tokens", "check --database default", "rotate_tokens"
    )
    assert "200 tokens rotated" in said
    assert row(tables, INDEXES) == (5, 5)
    assert value(tables, "SELECT count(*) FROM shop_link JOIN leaked USING (token)") == 0

    tables.cursor().execute("CREATE TABLE link_c PARTITION OF shop_link FOR VALUES IN ('c')")
    assert row(tables, INDEXES) == (6, 6)
    project.run_each(f"migrate shop {before_last}", f"migrate shop {last}")
    assert row(tables, INDEXES) == (6, 6)
