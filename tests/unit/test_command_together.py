"""What does not go together on the command line of rotate_tokens is said in one sentence."""

from typing import Any

import pytest
from django.core.management.base import CommandParser

from tickets.rotation.management.arguments import add_arguments, check_together


def parsed(*words: str) -> dict[str, Any]:
    parser = CommandParser()
    add_arguments(parser)
    return vars(parser.parse_args(words))


@pytest.mark.parametrize(
    "words",
    [
        ("--async", "--limit", "5"),
        ("--async", "--max-rows-per-second", "5"),
        ("--async", "--dry-run"),
        ("--async", "--report"),
        ("--async", "--stop"),
        ("--follow", "--dry-run"),
        ("--exact",),
        ("--format", "csv"),
        ("--only", "f", "--async"),
        ("--first", "f", "--report"),
        ("--issued-before", "now", "--stop"),
        ("--where", "status=open", "--follow"),
        ("--list-of", "keys"),
        ("--hashed",),
        ("--issued-before", "now", "--verify", "f"),
        ("--list-of", "keys", "--verify", "f"),
        ("--evidence", "f", "--dry-run"),
        ("--evidence", "f", "--verify", "g"),
        ("--evidence", "f", "--async"),
        ("--finish", "--verify", "f"),
        ("--finish", "--verify-retired"),
        ("--verify-retired", "--where", "status=open"),
        ("--verify-retired", "--evidence", "f"),
    ],
)
def test_what_does_not_go_together_is_named(words: tuple[str, ...]) -> None:
    sentence = check_together(parsed(*words))
    assert sentence is not None
    assert words[0] in sentence
    assert sentence.endswith(".")


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--async",),
        ("--async", "--follow"),
        ("--follow",),
        ("--async", "--workers", "2"),
        ("--async", "--follow", "--issued-before", "now", "--where", "status=open"),
        ("--only", "f", "--issued-before", "now", "--where", "status=open", "--list-of", "tokens"),
        ("--first", "-", "--dry-run"),
        ("--report", "--evidence", "f", "--issued-before", "now"),
        ("--verify", "-", "--hashed"),
    ],
)
def test_the_rest_does(words: tuple[str, ...]) -> None:
    assert check_together(parsed(*words)) is None
