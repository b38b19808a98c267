"""Bad input gets one clear line, exit code 1, and nothing is written."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.leaked import leak, pending
from tests.support.manage import Manage

BAD_ARGUMENTS: list[tuple[list[str], str]] = [
    (["--database", "nowhere"], "there is no database 'nowhere'; configured: default"),
    (["--batch-rows", "0"], "'0' is not a whole number of at least 1"),
    (["--batch-rows", "-5"], "'-5' is not a whole number of at least 1"),
    (["--workers", "0"], "'0' is not a whole number of at least 1"),
    (["--workers", "65"], "'65' is more than 64 workers"),
    (["--traffic-budget-ms", "-1"], "'-1' is not a number of milliseconds up to a minute"),
    (["--traffic-budget-ms", "60001"], "'60001' is not a number of milliseconds up to a minute"),
    (["--max-wal-mb-per-second", "0"], "'0' is not above 0"),
    (["--max-files-to-archive", "0"], "'0' is not a whole number of at least 1"),
    (["--pause-while-url", "ftp://host/"], "is no URL that begins with http:// or https://"),
    (["--pause-while-url", "http://a:b@host/"], "the URL holds a user or password"),
    (["--pause", "--resume"], "--resume: not allowed with argument --pause"),
    (["--pause", "--workers", "2"], "--workers goes with"),
    (["--vacuum-every", "101"], "'101' is not a number from 0 to 100"),
    (["--vacuum-every", "nan"], "'nan' is not a number from 0 to 100"),
    (["--limit", "many"], "'many' is not a whole number of at least 1"),
    (["--limit", "0"], "'0' is not a whole number of at least 1"),
    (["--target-batch-seconds", "0"], "'0' is not above 0"),
    (["--target-batch-seconds", "nan"], "'nan' is not a number of seconds up to a year"),
    (["--wait-for-locks", "-1"], "'-1' is not a number of seconds up to a year"),
    (["--retry-seconds", "inf"], "'inf' is not a number of seconds up to a year"),
    (["--pause-seconds", "1e10"], "'1e10' is not a number of seconds up to a year"),
    (["--batch-rows", "9" * 20], "is not a whole number of at least 1"),
    (["--format", "json"], "--format goes with --report, not with rotating"),
    (["--exact"], "--exact goes with --report, not with rotating"),
    (["--batch-rows", "5", "--target-batch-seconds", "1"], "not allowed with argument"),
    (["--list-of", "keys"], "--list-of goes with --only or --first"),
    (["--dry-run", "--stop"], "--stop: not allowed with argument --dry-run"),
    (["--progress", "loud"], "invalid choice: 'loud'"),
    (["--format", "xml"], "invalid choice: 'xml'"),
    (["--no-such-option"], "unrecognized arguments: --no-such-option"),
]


def test_bad_arguments_are_one_line_and_exit_code_1(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    commands = [("rotate_tokens", *arguments) for arguments, _ in BAD_ARGUMENTS]
    refusals = manage.each(*commands, database_url=database_url)
    for refused, (_, complaint) in zip(refusals, BAD_ARGUMENTS, strict=True):
        assert refused.returncode == 1, refused
        assert complaint in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert refused.stdout == ""
    assert pending(tickets) == 10


ROTATE_MODES = [(), ("--dry-run",), ("--report",), ("--stop",), ("--follow",)]

OTHER_COMMANDS: list[tuple[list[str], str]] = [
    (["verify_tokens"], "name a FILE of tokens, - or --retired"),
    (["verify_tokens", "no/such/list"], "no/such/list cannot be read"),
    (["verify_tokens", ""], "cannot be read"),
    (["verify_tokens", "f", "--list-of", "keys"], "invalid choice: 'keys'"),
    (["verify_tokens", "--retired", "--list-of", "hashes"], "--list-of goes with a FILE"),
    (["verify_tokens", "--everywhere"], "name a FILE of tokens, - or --retired"),
    (["verify_tokens", "f", "--everywhere", "--retired"], "not allowed with argument"),
    (["verify_tokens", "f", "--sample", "5"], "--sample goes with --through"),
    (["verify_tokens", "f", "--pause-seconds", "0"], "--pause-seconds goes with --everywhere"),
    (["verify_tokens", "f", "--through", "x", "--refused", "40"], "no list of HTTP statuses"),
    (["verify_tokens", "f", "--through", "x", "--refused", "404,"], "no list of HTTP statuses"),
    (["verify_tokens", "f", "--through", "http://host/"], "has {token} in it"),
    (["verify_tokens", "f", "--through", "no.such"], "names no URL and no callable"),
    (["verify_tokens", "f", "--where", "status=open"], "unrecognized arguments: --where"),
    (["verify_tokens", "f", "no.Model"], "no.Model"),
    (["verify_tokens", "f", "auth.Group.permissions"], "permissions has no column"),
    (["verify_tokens", "f", "token_rotation.RetiredToken.hash"], "holds hashes"),
    (["verify_tokens", "f", "--shape-differs", "--everywhere"], "does not go with --everywhere"),
    (["clean_up_tokens", "no.Model"], "no.Model"),
    (["clean_up_tokens", "--only", "f"], "unrecognized arguments: --only"),
    (["replay_rotated_tokens"], "the following arguments are required: --since"),
    (["replay_rotated_tokens", "--since", "soon"], "--since 'soon' is not a time"),
    (["prune_retired_tokens", "--older-than", "-1"], "is not a whole number of at least 0"),
    (["rotate_tokens", "--only", ""], "cannot be read"),
]


def test_the_other_commands_refuse_bad_arguments_in_one_line(
    manage: Manage, database_url: str, connect: Callable[[str], Any]
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    refusals = manage.each(*(typed for typed, _ in OTHER_COMMANDS), database_url=database_url)
    for refused, (_, complaint) in zip(refusals, OTHER_COMMANDS, strict=True):
        assert refused.returncode == 1, refused
        assert complaint in refused.stderr
        assert len(refused.stderr.splitlines()) == 1
        assert refused.stdout == ""
    assert pending(tickets) == 10


@pytest.mark.parametrize("state", ["zero", "0001", "0004"])
def test_before_the_migrations_it_says_which_command_to_type(
    manage: Manage, make_database: Callable[..., str], state: str
) -> None:
    modes = ((), ("--dry-run",), ("--report",))
    *others, report = manage.each(
        *(("rotate_tokens", *mode) for mode in modes), database_url=make_database(state)
    )
    if state == "0004":  # an empty table with both triggers is safe already
        assert report.returncode == 0
        assert "python manage.py migrate" in report.stdout
    else:
        others.append(report)
    for early in others:
        assert early.returncode == 1
        assert len(early.stderr.splitlines()) == 1
        assert "Run: python manage.py migrate" in early.stderr


@pytest.mark.parametrize(
    ("damage", "mend"),
    [
        ("DROP FUNCTION {} CASCADE", "pgtrigger install tickets.Ticket:guard_update"),
        ("ALTER TABLE tickets_ticket DISABLE TRIGGER {}", "pgtrigger enable tickets.Ticket"),
    ],
)
def test_without_its_guard_nothing_is_rotated(
    manage: Manage, database_url: str, connect: Callable[[str], Any], damage: str, mend: str
) -> None:
    tickets = connect(database_url)
    leak(tickets, 10)
    with tickets.cursor() as cursor:
        cursor.execute("SELECT tgname FROM pg_trigger WHERE tgname LIKE 'pgtrigger_guard_update%'")
        cursor.execute(damage.format(cursor.fetchone()[0]))
    refused = manage("rotate_tokens", database_url=database_url)
    assert refused.returncode == 1
    assert mend in refused.stderr
    assert "Nothing was changed." in refused.stderr
    assert len(refused.stderr.splitlines()) == 1
    assert pending(tickets) == 10


def test_an_unreachable_server_is_one_line(manage: Manage, tmp_path: Path) -> None:
    listed = tmp_path / "leaked.txt"
    listed.write_text("9f8e7d6c-5b4a-4321-8765-43210fedcba9\n")
    commands = [
        *(("rotate_tokens", *mode) for mode in ROTATE_MODES),
        ("rotate_tokens", "--issued-before", "now"),
        ("rotate_tokens", "--only", str(listed)),
        ("verify_tokens", str(listed)),
        ("clean_up_tokens",),
        ("replay_rotated_tokens", "--since", "now"),
    ]
    unreachable = "postgres://nobody@127.0.0.1:1/nothing"
    for refused in manage.each(*commands, database_url=unreachable):
        assert refused.returncode == 1, refused
        assert refused.stdout == ""
        # By the command itself: manage.py of another project lets what is no CommandError through.
        assert re.match(r"CommandError: .*cannot (reach|be read|be changed)", refused.stderr), (
            refused
        )
        assert "127.0.0.1" in refused.stderr
        assert "?" not in refused.stderr
        assert len(refused.stderr.splitlines()) == 1, refused
