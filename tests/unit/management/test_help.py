"""What --help says can be read under stress."""

import re

import pytest
from django.core.management import get_commands, load_command_class
from django.core.management.base import DjangoHelpFormatter

COMMANDS = [name for name, app in get_commands().items() if app == "token_rotation"]
COMMANDS.remove("makemigrations")  # its help is Django's
MOST_WORDS = 30


def test_every_command_of_the_library_is_looked_at() -> None:
    assert sorted(COMMANDS) == [
        "clean_up_tokens",
        "fill_column",
        "notify_owners",
        "prune_retired_tokens",
        "replay_rotated_tokens",
        "report_leak",
        "rotate_tokens",
        "run_job",
        "token_patterns",
        "verify_evidence",
        "verify_tokens",
        "watch_operations",
    ]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_argument_is_explained_in_short_sentences(command: str) -> None:
    parser = load_command_class("token_rotation", command).create_parser("manage.py", command)
    ours = [
        action
        for action in parser._actions
        if not set(action.option_strings) & {*DjangoHelpFormatter.show_last, "-h"}
    ]
    assert ours
    texts = [str(parser.description), *(str(action.help or "") for action in ours)]
    assert all(texts)
    for text in texts:
        for sentence in re.split(r"[.;:] ", text):
            assert len(sentence.split()) <= MOST_WORDS, sentence


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_says_what_its_exit_codes_mean(command: str) -> None:
    said = load_command_class("token_rotation", command).help
    assert re.search(r"Exit codes: 0 .*, 1 error, 3 ", said)
