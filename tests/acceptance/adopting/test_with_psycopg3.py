"""A project whose only driver is psycopg 3 adopts the library, rotates, and moves to psycopg 2."""

import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.documents import DOCS
from tests.support.leaked import value
from tests.support.newcomer import ADOPT, TUTORIAL, Newcomer
from tests.support.wheel import build_wheel

DRIVERS = """
from importlib.util import find_spec
print(*(name for name in ("psycopg", "psycopg2") if find_spec(name)))
"""
LEAK_AGAIN = """
UPDATE keys_apikey SET token_rotated_at = NULL;
CREATE TABLE leaked AS SELECT id, token FROM keys_apikey
"""
STOPPED = 3
LEAKED_STILL = "SELECT count(*) FROM keys_apikey JOIN leaked USING (token)"
PENDING = "SELECT count(*) FROM keys_apikey WHERE token_rotated_at IS NULL"


def test_a_project_with_psycopg_3_alone_adopts_it_and_goes_on_with_psycopg_2(
    tmp_path: Path, make_database: Callable[..., str], connect: Callable[[str], Any]
) -> None:
    database = make_database("zero")
    tables = connect(database)
    (tmp_path / "shop").mkdir()
    newcomer = Newcomer(tmp_path / "shop", database, installs=build_wheel(tmp_path))
    assert "psycopg2-binary" in TUTORIAL.read_text()
    newcomer.follow(TUTORIAL.read_text().replace("psycopg2-binary", "'psycopg[binary]'"))
    newcomer.follow(ADOPT.read_text())
    assert newcomer.type(f"python -c '{DRIVERS}'").split() == ["psycopg"]
    assert value(tables, PENDING) == 0

    with tables.cursor() as cursor:
        cursor.execute(LEAK_AGAIN)
    running = newcomer.start(
        "python manage.py rotate_tokens --progress json --batch-rows 50 --pause-seconds 0.1"
    )
    assert running.stdout is not None
    for _ in range(3):
        running.stdout.readline()
    running.send_signal(signal.SIGTERM)
    running.communicate(timeout=60)
    assert running.returncode == STOPPED
    assert value(tables, PENDING) > 0
    newcomer.type("python manage.py rotate_tokens --workers 2 --limit 100 || test $? = 3")
    newcomer.follow((DOCS / "adopt" / "psycopg.md").read_text())
    assert newcomer.type(f"python -c '{DRIVERS}'").split() == ["psycopg2"]
    newcomer.type("python manage.py rotate_tokens --report")
    assert value(tables, PENDING) == value(tables, LEAKED_STILL) == 0
