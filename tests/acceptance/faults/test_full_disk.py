"""A server that has run out of room may get some again: a rotation waits a bounded time for it."""

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import assert_each_token_changed_once, leak, pending, value
from tests.support.manage import Manage
from tests.support.waiting import until

ROWS = 2_000
SIZE = "8m"
TABLESPACE = "small_disk"

ALWAYS = """
CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
$$ BEGIN RAISE EXCEPTION 'made for a test' USING ERRCODE = '{sqlstate}'; END $$;
CREATE TRIGGER fail BEFORE UPDATE ON tickets_ticket FOR EACH ROW EXECUTE FUNCTION fail();
"""


@pytest.fixture
def tickets(database_url: str, connect: Callable[[str], Any]) -> Any:
    connection = connect(database_url)
    leak(connection, ROWS)
    return connection


@pytest.fixture
def small_disk(tickets: Any, server_directory: Path) -> Iterator[Path]:
    """A file system of 8 MB that holds the tickets, as the server's account sees it."""
    owner = Path(value(tickets, "SHOW data_directory")).stat()
    try:
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(server_directory)],
            check=True,
            capture_output=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        pytest.skip(f"no file system can be mounted here: {error}")
    space = server_directory / "space"
    space.mkdir(mode=0o700)
    server_directory.chmod(0o755)
    os.chown(space, owner.st_uid, owner.st_gid)
    try:
        with tickets.cursor() as cursor:
            cursor.execute(f"CREATE TABLESPACE {TABLESPACE} LOCATION '{space}'")
            cursor.execute(f"ALTER TABLE tickets_ticket SET TABLESPACE {TABLESPACE}")
        yield server_directory
    finally:
        with tickets.cursor() as cursor:
            cursor.execute("ALTER TABLE tickets_ticket SET TABLESPACE pg_default; CHECKPOINT")
            cursor.execute(f"DROP TABLESPACE IF EXISTS {TABLESPACE}")
        subprocess.run(["umount", "--lazy", str(server_directory)], check=False)


def fill(disk: Path) -> Path:
    filler = disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(4096)):
            pass
    assert shutil.disk_usage(disk).free == 0
    return filler


def test_a_full_disk_is_waited_for_aloud_and_a_rotation_goes_on_when_there_is_room(
    manage: Manage, database_url: str, tickets: Any, small_disk: Path
) -> None:
    filler = fill(small_disk)
    process = manage.start("rotate_tokens", "--progress", "lines", database_url=database_url)
    assert process.stdout is not None
    line = until(process.stdout.readline)
    assert line.startswith("retry 1 in ")
    assert "DiskFull (53100)" in line
    filler.unlink()
    stdout, stderr = process.communicate(timeout=120)
    assert process.returncode == 0, stdout + stderr
    assert_each_token_changed_once(tickets)


def test_a_disk_that_stays_full_ends_the_run_in_bounded_time_with_one_line(
    manage: Manage, database_url: str, tickets: Any, small_disk: Path
) -> None:
    filler = fill(small_disk)
    ended = manage("rotate_tokens", "--retry-seconds", "1", database_url=database_url)
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert "gave up after" in line
    assert "DiskFull (53100)" in line
    assert "rows rotated by this run are safe" in line
    assert 0 < pending(tickets) <= ROWS
    filler.unlink()
    assert manage("rotate_tokens", database_url=database_url).returncode == 0
    assert_each_token_changed_once(tickets)


@pytest.mark.parametrize("sqlstate", ["53100", "53200", "53300"])
def test_a_trigger_that_always_lacks_room_memory_or_connections_ends_the_run_in_bounded_time(
    manage: Manage, database_url: str, tickets: Any, sqlstate: str
) -> None:
    tickets.cursor().execute(ALWAYS.format(sqlstate=sqlstate))
    ended = manage("rotate_tokens", "--retry-seconds", "1", database_url=database_url)
    assert ended.returncode == 3
    assert "retry 1 in " in ended.stdout
    assert "gave up after" in ended.stdout
    assert "Something may refuse all of them: a trigger, a constraint" in ended.stdout
    assert sqlstate in ended.stdout
    assert pending(tickets) == ROWS
