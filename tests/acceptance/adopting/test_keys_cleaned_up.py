"""A clean-up after a rotation treats the index of hashed keys as it does that of the keys."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.authtoken import adopt, authtoken_project
from tests.support.held_table import until_a_statement_waits
from tests.support.leaked import value

TABLE = "authtoken_token"
MANY = 30_000
LEAKED = f"""
SET session_replication_role = replica;
INSERT INTO auth_user (username, password, is_superuser, first_name, last_name, email, is_staff,
    is_active, date_joined)
SELECT 'more' || n, '', false, '', '', '', false, true, now() FROM generate_series(1, {MANY}) AS n;
INSERT INTO {TABLE} (key, created, user_id) SELECT md5(username), now(), id FROM auth_user
WHERE username LIKE 'more%';
VACUUM ANALYZE {TABLE}
"""
ROTATED = (
    f"UPDATE {TABLE} SET key = encode(sha256(key::bytea), 'hex')::varchar(40), "
    "key_rotated_at = clock_timestamp()"
)
NAME = "SELECT indexname FROM pg_indexes WHERE indexname LIKE %s"
SIZE = "SELECT pg_relation_size(to_regclass(%s))"
INVALID = "SELECT count(*) FROM pg_index WHERE NOT indisvalid"
END = (
    "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity "
    "WHERE query LIKE 'REINDEX%%' AND datname = current_database()"
)


def test_a_clean_up_builds_the_index_of_hashed_keys_anew_also_after_a_kill(
    tmp_path: Path, database: str, tables: Any, connect: Callable[[str], Any]
) -> None:
    project = authtoken_project(tmp_path, database)
    adopt(project, tables, 1)
    for statement in LEAKED.split(";\n"):
        tables.cursor().execute(statement)
    connect(database).cursor().execute(ROTATED)
    name = value(tables, NAME, "%_keyhash")
    bloated = value(tables, SIZE, name)
    assert name in project.run("rotate_tokens", "--report")

    holder, onlooker = connect(database), connect(database)
    clean_up = project.start("-m", "django", "clean_up_tokens")
    holder.cursor().execute(f"BEGIN; LOCK TABLE {TABLE} IN ROW EXCLUSIVE MODE")
    until_a_statement_waits(onlooker, f'REINDEX INDEX CONCURRENTLY "{TABLE[:14]}')
    clean_up.kill()
    clean_up.communicate()
    value(tables, END)  # the server does not notice the death of a client that waits
    holder.cursor().execute("COMMIT")
    project.run("clean_up_tokens")
    assert value(tables, SIZE, name) < bloated * 0.7
    assert value(tables, INVALID) == 0
