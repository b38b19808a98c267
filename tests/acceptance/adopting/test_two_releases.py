"""Two installed releases of the library serve one database: an upgrade, a deploy, a rollback."""

import json
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.deploy import Deploy
from tests.support.guard_watch import GuardWatch
from tests.support.leaked import value
from tests.support.project import Project
from tests.support.releases import EARLIER_VERSION
from token_rotation import __version__

ROWS = 60
LEAK = f"""
SET session_replication_role = replica;
INSERT INTO shop_link (token, owner) SELECT gen_random_uuid(), '' FROM generate_series(1, {ROWS});
INSERT INTO shop_key (secret, owner)
SELECT 'tk_' || md5('leaked' || n), '' FROM generate_series(1, {ROWS}) AS n;
RESET session_replication_role;
CREATE TABLE leaked AS SELECT 'shop_link' AS table_name, id, token::text FROM shop_link
UNION ALL SELECT 'shop_key', id, secret FROM shop_key;
CREATE TABLE token_change (table_name text, id bigint);
CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN INSERT INTO token_change VALUES (TG_TABLE_NAME, NEW.id); RETURN NULL; END $$;
CREATE TRIGGER note AFTER UPDATE ON shop_link FOR EACH ROW
WHEN (OLD.token IS DISTINCT FROM NEW.token) EXECUTE FUNCTION note();
CREATE TRIGGER note AFTER UPDATE ON shop_key FOR EACH ROW
WHEN (OLD.secret IS DISTINCT FROM NEW.secret) EXECUTE FUNCTION note();
"""
TOKENS = "SELECT token::text FROM shop_link UNION ALL SELECT secret FROM shop_key"
STILL_VALID = f"SELECT count(*) FROM leaked WHERE token IN ({TOKENS})"
CHANGED = """
SELECT array_agg(DISTINCT times) FROM (
    SELECT count(token_change.id) AS times FROM leaked LEFT JOIN token_change
    USING (table_name, id) WHERE table_name = %s GROUP BY id
) AS rows
"""
RELEASE = "import token_rotation; print('release', token_rotation.__version__, flush=True)"
READY = (
    "from token_rotation.metrics.readiness import failing_parts; print(failing_parts(), flush=True)"
)
CHECK = "check --database default"
NO_ISSUES = "System check identified no issues"


@pytest.fixture
def deploy(tmp_path: Path, database: str, tables: Any) -> Iterator[Deploy]:
    deploy = Deploy(tmp_path, database, tables)
    yield deploy
    deploy.kill()


def shell(code: str) -> str:
    return shlex.join(["shell", "--verbosity", "0", "--command", code])


def changed(tables: Any, table: str) -> list[int]:
    """How often the tokens of leaked rows have changed."""
    return list(value(tables, CHANGED, table))


def reports(project: Project) -> dict[str, dict[str, Any]]:
    done = project.attempt("rotate_tokens", "--report", "--format", "json")
    return {each["model"]: each for each in json.loads(done.stdout)}


def assert_leaves_it_to_the_later_release(old: Project, first: str, tables: Any) -> None:
    """It claims nothing, recommends nothing that would put the old guard back, and serves."""
    of_later = (
        f"(guard_insert, guard_update) is of a later release, which alone can tell whether it "
        f"holds: the database has 2 migrations that this code lacks, the first is shop.{first}"
    )
    mend = f"the same command in the release that has shop.{first}"
    checked = old.run(*shlex.split(CHECK), fails_with=1)
    assert checked.count("token_rotation.E060") == 2
    assert f"The guard of shop_link {of_later}" in checked
    assert "token_rotation.E030" not in checked
    assert "pgtrigger" not in checked
    for report in reports(old).values():
        assert (report["complete"], report["next_command"]) == (False, mend)
    before = value(tables, "SELECT count(*) FROM shop_key WHERE secret_rotated_at IS NULL")
    refused = old.run("rotate_tokens", "shop.Key", fails_with=1)
    assert len(refused.splitlines()) == 1
    assert f"Nothing was changed. Run: {mend}" in refused
    pending = "SELECT count(*) FROM shop_key WHERE secret_rotated_at IS NULL"
    assert (before, value(tables, pending)) == (ROWS, ROWS)
    said = old.run_each(shell(READY), "makemigrations --check", "migrate")
    assert said.startswith("()\nNo changes detected\n")


def test_an_upgrade_a_deploy_of_two_releases_and_a_rollback_leave_no_leaked_token(
    deploy: Deploy, tables: Any
) -> None:
    old, new = deploy.old, deploy.new
    said = old.run_each(shell(RELEASE), "makemigrations", "migrate", CHECK)
    assert said.startswith(f"release {EARLIER_VERSION}\n")
    tables.cursor().execute(LEAK)
    written = old.written()
    watch = GuardWatch(tables, "shop_link", "shop_key")
    guards = [watch.now()]
    deploy.serve(old, ROWS)
    links = deploy.rotate(old, "shop.Link")
    deploy.whole_round()
    assert changed(tables, "shop_link") == [0, 1]

    deploy.write_new_release()
    said = new.run_each(shell(RELEASE), CHECK, "makemigrations", "migrate --verbosity 0", CHECK)
    assert said.startswith(f"release {__version__}\n")
    guards.append(watch.now())
    assert set(guards[0]).isdisjoint(guards[1])
    (first, *_) = sorted(set(new.written()) - set(written))
    deploy.serve(new, ROWS)
    deploy.whole_round()
    assert_leaves_it_to_the_later_release(old, first, tables)

    ended, last = links.go_on()
    assert ended == 3
    assert (
        "Nothing is pending, but this code cannot judge the guard: The guard of shop_link" in last
    )
    assert last.endswith(f"Run: the same command in the release that has shop.{first}")
    deploy.whole_round()
    now = reports(new)
    assert (now["shop.Link"]["complete"], now["shop.Link"]["guard"]["holds"]) == (True, True)
    assert (now["shop.Key"]["complete"], now["shop.Key"]["pending"]) == (False, ROWS)
    assert now["shop.Link"]["runs"][0]["rotated_rows"] == ROWS
    new.run("rotate_tokens", "shop.Link", "--report", "--evidence", "evidence.json")
    evidence = str(new.directory / "evidence.json")
    assert "complete, as the evidence" in new.run("verify_evidence", evidence)
    assert "is of a later release" in old.run("verify_evidence", evidence, fails_with=3)

    keys = deploy.rotate(new, "shop.Key")
    said = new.run_each(f"migrate --verbosity 0 shop {list(written)[-1]}", CHECK)
    assert "token_rotation.E" not in said
    guards.append(watch.now())
    assert guards[2] == guards[0]
    deploy.whole_round()
    ended, last = keys.go_on()
    assert (ended, "Nothing is pending. Verified" in last) == (0, True)
    said = old.run_each(CHECK, shell(READY), "rotate_tokens", "verify_tokens --retired")
    assert f"{NO_ISSUES} (0 silenced).\n()\n" in said
    assert all(each["complete"] for each in reports(old).values())
    deploy.whole_round()
    deploy.close()

    states = watch.seen()
    assert {len(each) for each in states} == {4}
    assert {guard for each in states for guard in each} == {*guards[0], *guards[1]}
    assert value(tables, STILL_VALID) == 0
    assert (changed(tables, "shop_link"), changed(tables, "shop_key")) == ([1], [1])
    assert {name: text for name, text in new.written().items() if name in written} == written
