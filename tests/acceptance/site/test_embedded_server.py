"""The embedded server runs while a process uses it, whatever becomes of the processes."""

import contextlib
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from subprocess import CompletedProcess, Popen

import psutil
import psycopg2
import pytest

from tests.support.databases import make_server_directory
from tests.support.manage import PROJECT, Manage
from tests.support.waiting import until
from tickets.config.embedded.cluster import PostgresCluster
from tickets.config.embedded.errors import ClusterError
from tickets.config.embedded.lease import keeper_lives, keeper_lock, open_lock

USE = """
import os, signal
from django.db import connection
connection.ensure_connection()
print("connected", flush=True)
"""
USE_UNTIL_KILLED = f"{USE}signal.pause()"
FORK_A_WORKER = f"""{USE}
worker = os.fork()
if worker:
    print(worker, flush=True)
    os._exit(0)
signal.pause()
"""


class Embedded:
    """One embedded server of a test and the processes that use it."""

    def __init__(self, var_directory: Path, manage: Manage) -> None:
        self.directory = var_directory / "postgres"
        self.cluster = PostgresCluster(self.directory)
        self._env = {"TICKETS_VAR_DIR": str(var_directory)}
        self._manage = manage

    def start(self, code: str = USE_UNTIL_KILLED) -> Popen[str]:
        return self._manage.start("shell", "-c", code, database_url=None, env=self._env)

    def use(self, code: str = USE_UNTIL_KILLED) -> Popen[str]:
        """Start a process and return when it is connected."""
        process = self.start(code)
        wait_until_connected(process)
        return process

    def attempt(self, *args: str) -> CompletedProcess[str]:
        return self._manage(*args, database_url=None, env=self._env)

    def run(self, *args: str) -> str:
        result = self.attempt(*args)
        assert result.returncode == 0, result.stderr
        return result.stdout

    def keepers(self) -> list[psutil.Process]:
        return [
            process
            for process in psutil.process_iter()
            if is_alive(process)
            and {"tickets.config.embedded.keeper", str(self.directory)} <= arguments(process)
        ]

    def assert_stops(self) -> None:
        """Wait for the end of the keeper, which must have stopped the server."""
        keeper = open_lock(keeper_lock(self.directory))
        fcntl.lockf(keeper, fcntl.LOCK_EX)
        os.close(keeper)
        assert not self.cluster.is_running()
        wait_until(lambda: not self.keepers())


@pytest.fixture
def fresh(server_directory: Path, manage: Manage) -> Iterator[Embedded]:
    """One that is created when it is used."""
    embedded = Embedded(server_directory, manage)
    yield embedded
    manage.end_all()
    wait_until(lambda: not embedded.keepers())
    embedded.cluster.stop("immediate")


@pytest.fixture(scope="module")
def model(manage: Manage) -> Iterator[Path]:
    """A server's directory after its first use."""
    directory = make_server_directory()
    embedded = Embedded(directory, manage)
    embedded.run("showmigrations")
    embedded.assert_stops()
    yield embedded.directory
    shutil.rmtree(directory)


@pytest.fixture
def embedded(fresh: Embedded, model: Path) -> Embedded:
    """One that was used before: most of a first use is the creation."""
    # With the owners, as the server may run as another account.
    subprocess.run(["cp", "-a", str(model), str(fresh.directory)], check=True)
    return fresh


def wait_until(condition: Callable[[], object]) -> None:
    """Return when the condition holds; only for what sends no event.

    A look at all processes takes time itself, which the server that is waited for should have.
    """
    until(condition, pause_seconds=0.05)


def wait_until_connected(process: Popen[str]) -> None:
    assert process.stdout is not None
    while (line := process.stdout.readline()) != "connected\n":
        assert line, process.communicate()


def arguments(process: psutil.Process) -> set[str]:
    try:
        return set(process.cmdline())
    except psutil.Error:
        return set()


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def kill(process: Popen[str]) -> None:
    process.kill()
    process.communicate()


@pytest.mark.parametrize("command", [["help"], ["migrate", "--help"], ["check"]])
def test_commands_without_a_database_do_not_start_it(fresh: Embedded, command: list[str]) -> None:
    fresh.run(*command)
    assert not fresh.directory.exists()


def test_the_first_connection_starts_it_and_it_stops_after_the_command(fresh: Embedded) -> None:
    fresh.run("showmigrations")
    fresh.assert_stops()
    fresh.run("showmigrations")
    fresh.assert_stops()


def test_processes_share_it_and_it_survives_the_kill_of_one(embedded: Embedded) -> None:
    killed, other = embedded.use(), embedded.use()
    server = embedded.cluster.server_pid()
    kill(killed)
    embedded.run("showmigrations")
    assert embedded.cluster.server_pid() == server is not None
    kill(other)
    embedded.assert_stops()


def test_a_forked_worker_keeps_it_running_without_its_parent(embedded: Embedded) -> None:
    parent = embedded.use(FORK_A_WORKER)
    assert parent.stdout is not None
    worker = int(parent.stdout.readline())
    assert parent.wait() == 0
    embedded.run("showmigrations")
    assert embedded.cluster.accepts_connections()
    os.kill(worker, signal.SIGKILL)
    embedded.assert_stops()


def test_first_commands_at_the_same_instant_start_one_server(fresh: Embedded) -> None:
    processes = [fresh.start() for _ in range(4)]
    for process in processes:
        wait_until_connected(process)
    wait_until(lambda: len(fresh.keepers()) == 1)  # the other ones are on their way out
    for process in processes:
        kill(process)
    fresh.assert_stops()


def test_commands_one_after_another_wait_for_the_server_to_stop_and_start_it_again(
    embedded: Embedded,
) -> None:
    for _ in range(4):
        kill(embedded.use())
    embedded.assert_stops()


def test_the_next_command_replaces_a_killed_keeper(embedded: Embedded) -> None:
    user = embedded.use()
    server = embedded.cluster.server_pid()
    for keeper in embedded.keepers():
        keeper.kill()
    wait_until(lambda: not keeper_lives(embedded.directory))
    second = embedded.use()
    assert embedded.cluster.server_pid() == server
    kill(user)
    assert embedded.cluster.server_pid() == server
    kill(second)
    embedded.assert_stops()


def test_the_next_command_mends_a_server_left_by_a_killed_keeper_and_user(
    embedded: Embedded,
) -> None:
    user = embedded.use()
    for keeper in embedded.keepers():
        keeper.kill()
    kill(user)
    assert embedded.cluster.is_running()
    embedded.run("showmigrations")
    embedded.assert_stops()


def test_the_next_command_restarts_a_crashed_server(embedded: Embedded) -> None:
    user = embedded.use()
    crashed = embedded.cluster.server_pid()
    assert crashed is not None
    os.kill(crashed, signal.SIGKILL)
    second = embedded.use()
    assert embedded.cluster.server_pid() != crashed
    kill(user)
    kill(second)
    embedded.assert_stops()


def test_a_command_killed_while_it_waits_for_the_start_leaves_nothing_running(
    fresh: Embedded,
) -> None:
    process = fresh.start()
    wait_until(fresh.keepers)
    kill(process)
    wait_until(lambda: not fresh.keepers())
    assert not fresh.cluster.is_running()


def test_a_creation_that_is_killed_half_way_is_done_again(fresh: Embedded) -> None:
    process = fresh.start()
    wait_until(lambda: list(fresh.directory.glob("data.new-*/base")))
    for keeper in fresh.keepers():
        with contextlib.suppress(psutil.NoSuchProcess):
            for child in [keeper, *keeper.children(recursive=True)]:
                child.kill()
    kill(process)
    fresh.run("showmigrations")
    assert list(fresh.directory.glob("data.new-*")) == []
    fresh.assert_stops()


def test_a_pid_file_whose_number_another_process_has_does_not_prevent_the_start(
    embedded: Embedded,
) -> None:
    (embedded.cluster.data_directory / "postmaster.pid").write_text(f"{os.getpid()}\n")
    embedded.run("showmigrations")
    embedded.assert_stops()


def test_a_ctrl_c_in_the_terminal_reaches_neither_server_nor_keeper(embedded: Embedded) -> None:
    process = embedded.use()
    server = embedded.cluster.server_pid()
    assert server is not None
    pids = [server, *(keeper.pid for keeper in embedded.keepers())]
    assert len(pids) == 2
    assert os.getsid(process.pid) not in [os.getsid(pid) for pid in pids]
    assert os.getpgid(process.pid) not in [os.getpgid(pid) for pid in pids]


def test_a_directory_with_a_long_path_gets_a_short_socket_path(
    server_directory: Path, manage: Manage
) -> None:
    embedded = Embedded(server_directory / ("d" * 100), manage)
    embedded.run("showmigrations")
    embedded.assert_stops()
    assert embedded.cluster.socket_directory.parent != embedded.directory
    embedded.cluster.socket_directory.rmdir()


@pytest.mark.parametrize("name", ["with a space", "100%+1 'quoted' {a}&b?c#d"])
def test_a_directory_may_have_special_characters_in_its_name(
    server_directory: Path, manage: Manage, name: str
) -> None:
    embedded = Embedded(server_directory / name, manage)
    embedded.run("showmigrations")
    embedded.assert_stops()
    assert embedded.cluster.socket_directory.parent == embedded.directory


def test_a_relative_directory_is_relative_to_where_the_command_is_typed(
    server_directory: Path,
) -> None:
    result = subprocess.run(
        [sys.executable, str(PROJECT / "manage.py"), "showmigrations"],
        cwd=server_directory,
        env={
            **{name: value for name, value in os.environ.items() if name != "DATABASE_URL"},
            "TICKETS_VAR_DIR": "relative",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    directory = server_directory / "relative" / "postgres"
    wait_until(lambda: not keeper_lives(directory))
    assert (directory / "data" / "PG_VERSION").exists()


def test_a_running_server_that_cannot_be_reached_is_not_waited_for(
    server_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster = PostgresCluster(server_directory)
    cluster.start()
    try:
        (cluster.socket_directory / f".s.PGSQL.{cluster.port}").unlink()
        monkeypatch.setattr("tickets.config.embedded.cluster.READY_SECONDS", 0.0)
        with pytest.raises(ClusterError, match="the server runs, but cannot be reached"):
            cluster.start()
    finally:
        cluster.stop("immediate")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a directory away")
def test_roots_command_changes_nothing_in_another_accounts_directory(
    embedded: Embedded, manage: Manage
) -> None:
    owner = 54321
    for path in [embedded.directory, *embedded.directory.rglob("*")]:
        os.chown(path, owner, owner)
    keeper_lock(embedded.directory).unlink()
    before = set(embedded.directory.rglob("*"))
    result = embedded.attempt("showmigrations")
    assert result.returncode == 1
    assert result.stderr.count("\n") == 1
    assert f"{embedded.directory} belongs to someone else, the account {owner}" in result.stderr
    assert set(embedded.directory.rglob("*")) == before
    assert {path.stat().st_uid for path in before} == {owner}


def test_its_data_survive_a_crash_and_a_restart(server_directory: Path) -> None:
    cluster = PostgresCluster(server_directory)
    cluster.start()
    try:
        connection = psycopg2.connect(cluster.url())
        with connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 1 AS one")
        cluster.restart("immediate")
        connection.close()
        connection = psycopg2.connect(cluster.url())
        with connection, connection.cursor() as cursor:
            cursor.execute("SELECT one FROM kept")
            assert cursor.fetchall() == [(1,)]
        connection.close()
    finally:
        cluster.stop("immediate")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's server runs as another account")
def test_a_directory_closed_to_others_stays_closed_to_them(server_directory: Path) -> None:
    closed = server_directory / "closed"
    closed.mkdir(mode=0o700)
    cluster = PostgresCluster(closed / "cluster")
    cluster.start()
    cluster.stop("immediate")
    assert closed.stat().st_mode & 0o007 == 0
    # Another object, as in another process, finds its way too.
    PostgresCluster(closed / "cluster").start()
    PostgresCluster(closed / "cluster").stop()
