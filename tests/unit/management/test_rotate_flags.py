"""The command line of rotate_tokens: what goes with what, and what a later run has to repeat."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management.base import CommandError, CommandParser

from token_rotation.management.command import add_database, add_models
from token_rotation.management.flag import Flag, FlagGroup, Mode
from token_rotation.management.rotate_flags import FOLLOWING, GROUPS, MODES, add_flags, mode_of
from token_rotation.management.rotate_request import RotateRequest, read_request

EVERY_FLAG = [(group, flag) for group in GROUPS for flag in group.every_flag]
ALTERNATIVES = [group.alternatives for group in GROUPS if group.alternatives]


def parsed(*typed: str) -> dict[str, Any]:
    parser = CommandParser(called_from_command_line=False)
    add_models(parser)
    add_database(parser)
    add_flags(parser)
    return vars(parser.parse_args(typed))


def request(*typed: str) -> RotateRequest:
    return read_request(parsed(*typed))


def asking_for(mode: Mode) -> list[str]:
    return [] if mode is Mode.ROTATE else [mode.value]


A_VALUE = {"--pause-while-url": "http://host.example/"}


def typing(flag: Flag) -> list[str]:
    """The flag with a value, and with another flag that it needs."""
    needed = [flag.needs[0], "2"] if flag.needs else []
    if "action" in flag.settings and flag.settings["action"] == "store_true":
        return [flag.name, *needed]
    return [flag.name, *flag.settings.get("choices", (A_VALUE.get(flag.name, "1"),))[:1], *needed]


@pytest.mark.parametrize("mode", Mode)
@pytest.mark.parametrize(("group", "flag"), EVERY_FLAG, ids=[flag.name for _, flag in EVERY_FLAG])
def test_a_flag_goes_with_the_modes_of_the_table_and_with_no_other(
    group: FlagGroup, flag: Flag, mode: Mode
) -> None:
    line = dict.fromkeys([*asking_for(mode), *typing(flag)])
    if flag is FOLLOWING and mode is Mode.ROTATE:
        assert mode_of(parsed(*line)) is Mode.FOLLOW
    elif mode in group.modes:
        assert mode_of(parsed(*line)) is mode
    else:
        with pytest.raises(CommandError, match=rf"^--.* goes with .*, not with {mode.value}"):
            mode_of(parsed(*line))


@pytest.mark.parametrize("alternatives", [MODES, *ALTERNATIVES])
def test_of_alternatives_at_most_one_may_stand(alternatives: tuple[Flag, ...]) -> None:
    for one in alternatives:
        for other in alternatives:
            if one is not other:
                with pytest.raises(CommandError, match="not allowed with argument"):
                    parsed(*typing(one), *typing(other))


@pytest.mark.parametrize("flag", [flag for _, flag in EVERY_FLAG if flag.needs])
def test_a_flag_that_needs_another_is_refused_without_it(flag: Flag) -> None:
    name, value, *_ = typing(flag)
    with pytest.raises(CommandError, match=f"^{name} goes with {' or '.join(flag.needs)}"):
        mode_of(parsed(name, value))


def test_help_says_of_each_flag_with_what_it_goes() -> None:
    parser = CommandParser()
    add_flags(parser)
    shown = " ".join(parser.format_help().split())
    for group in GROUPS:
        typed_for = {mode.value for mode in group.modes}
        _, _, rest = shown.partition(f" {group.title}: For ")
        said = rest.partition(".")[0].replace(",", "").replace(" and ", " ").split()
        assert set(said) == typed_for


# Independent of the table: what operators must not be able to ask for.
@pytest.mark.parametrize(
    "typed",
    [
        ("--async", "--limit", "5"),
        ("--async", "--max-rows-per-second", "5"),
        ("--async", "--dry-run"),
        ("--async", "--report"),
        ("--async", "--stop"),
        ("--follow", "--dry-run"),
        ("--follow", "--limit", "5"),
        ("--batch-rows", "5", "--target-batch-seconds", "1"),
        ("--only", "f", "--first", "g"),
        ("--only", "f", "--async"),
        ("--first", "f", "--report"),
        ("--issued-before", "now", "--stop"),
        ("--where", "status=open", "--follow"),
        ("--pause-seconds", "0", "--report"),
        ("--evidence", "f", "--dry-run"),
        ("--evidence", "f", "--async"),
        ("--finish", "--async"),
        ("--finish", "--dry-run"),
        ("--exact",),
        ("--format", "csv"),
        ("--list-of", "keys"),
        ("--except-standby", "late"),
    ],
)
def test_what_does_not_go_together_is_named_and_refused(typed: tuple[str, ...]) -> None:
    with pytest.raises(CommandError) as refused:
        request(*typed)
    assert any(word in str(refused.value) for word in typed if word.startswith("--"))


@pytest.mark.parametrize(
    ("typed", "mode"),
    [
        ((), Mode.ROTATE),
        (("--async",), Mode.ASYNC),
        (("--async", "--follow"), Mode.ASYNC),
        (("--follow",), Mode.FOLLOW),
        (("--async", "--workers", "2"), Mode.ASYNC),
        (("--async", "--follow", "--issued-before", "now", "--where", "a=b"), Mode.ASYNC),
        (("--only", "f", "--issued-before", "now", "--list-of", "tokens"), Mode.ROTATE),
        (("--first", "-", "--dry-run"), Mode.DRY_RUN),
        (("--report", "--evidence", "f", "--issued-before", "now"), Mode.REPORT),
    ],
)
def test_the_rest_goes_together(typed: tuple[str, ...], mode: Mode) -> None:
    assert request(*typed).mode is mode


def test_a_list_without_a_name_is_a_list_all_the_same() -> None:
    """A script with an empty variable must not rotate every row."""
    listed = request("--only", "").selection.leak_list
    assert listed is not None
    assert (listed.file, listed.is_only) == ("", True)


@pytest.mark.parametrize(
    "typed",
    [
        (),
        ("--independent-tokens", "--workers", "2", "--batch-rows", "50"),
        ("--target-batch-seconds", "0.05", "--vacuum-every", "0", "--wait-for-locks", "1234567.8"),
        ("--traffic-budget-ms", "2.5", "--retry-seconds", "3", "--pause-seconds", "1e-05"),
        ("--max-rows-per-second", "7", "--max-replica-lag", "5", "--max-active-queries", "9"),
        ("--max-replica-lag", "5", "--except-standby", "1.0", "--except-standby", "late one"),
        ("--max-wal-mb-per-second", "20", "--max-files-to-archive", "9"),
        ("--pause-while", "SELECT 1.0 > 2", "--abort-when", "SELECT false"),
        ("--pause-while-url", "https://host.example:8443/calm?a=1"),
    ],
)
def test_to_go_on_the_same_choices_are_typed_again(typed: tuple[str, ...]) -> None:
    options = request(*typed, "--limit", "5").rotation
    again = request(*options.cli_args).rotation
    assert again == replace(options, limit_rows=None)
    assert len(list(options.cli_args)) == len(typed)
