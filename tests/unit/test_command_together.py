"""What does not go together on the command line of rotate_tokens is said in one sentence."""

from dataclasses import replace
from typing import Any

import pytest
from django.core.management.base import CommandParser

from token_rotation.management.arguments import add_arguments, check_together, rotation_options


def parsed(*words: str) -> dict[str, Any]:
    parser = CommandParser()
    add_arguments(parser)
    return vars(parser.parse_args(words))


@pytest.mark.parametrize(
    "words",
    [
        ("--batch-rows", "5", "--target-batch-seconds", "1"),
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


@pytest.mark.parametrize(
    "words",
    [
        (),
        ("--independent-tokens", "--workers", "2", "--batch-rows", "50"),
        ("--target-batch-seconds", "0.05", "--vacuum-every", "0", "--wait-for-locks", "1234567.8"),
        ("--traffic-batch-rows", "0", "--retry-seconds", "3", "--pause-seconds", "1e-05"),
        ("--max-rows-per-second", "7", "--max-replica-lag", "5", "--max-active-queries", "9"),
    ],
)
def test_to_go_on_the_same_choices_are_typed_again(words: tuple[str, ...]) -> None:
    options = rotation_options(parsed(*words, "--limit", "5"))
    again = rotation_options(parsed(*options.words))
    assert again == replace(options, limit_rows=None)
    assert len(list(options.words)) == len(words)
