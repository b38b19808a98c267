"""Find sentences of more than 30 words in the pages and in the commands' help texts.

Exit code 1 if there is one. Code counts as one word, and each table cell as a text of its own.
"""

from __future__ import annotations

import argparse
import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import django
from django.core.management import get_commands, load_command_class
from markdown_it import MarkdownIt
from markdown_it.token import Token

PROJECT = Path(__file__).resolve().parent.parent
PAGES = ("README.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")
APPS = ("tickets", "token_rotation")
MOST_WORDS = 30
MARKDOWN = MarkdownIt("commonmark").enable("table")
SENTENCE_END = re.compile(r"(?<=[.!?])[\"')*_]*\s+(?=[\"'(*_]*[A-Z0-9`])")


class Sentence(NamedTuple):
    words: int
    place: str
    text: str


def main() -> int:
    parser = argparse.ArgumentParser(description="Find sentences of more than 30 words.")
    parser.add_argument("pages", nargs="*", type=Path, help="pages to read (default: all)")
    chosen = parser.parse_args().pages
    found = [each for page in chosen or pages() for each in of_page(page)]
    if not chosen:
        found += of_commands()
    found.sort(reverse=True)
    too_long = [each for each in found if each.words > MOST_WORDS]
    for each in too_long:
        print(f"{each.place}: {each.words} words: {each.text}")
    longest = found[0].words if found else 0
    print(f"{len(found):,} sentences, {len(too_long)} too long. The longest has {longest} words.")
    return bool(too_long)


def pages() -> list[Path]:
    return [*(PROJECT / name for name in PAGES), *sorted((PROJECT / "docs").rglob("*.md"))]


def of_page(page: Path) -> Iterator[Sentence]:
    for token in MARKDOWN.parse(page.read_text()):
        if token.type == "inline":
            line = token.map[0] + 1 if token.map else 0
            yield from sentences(f"{page}:{line}", _plain(token.children or []))


def of_commands() -> Iterator[Sentence]:
    """Yield the sentences of every help text of the project's own commands."""
    sys.path.insert(0, str(PROJECT))
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "tickets.config.settings")
    django.setup()
    for name, app in get_commands().items():
        if isinstance(app, str) and app in APPS:
            parser = load_command_class(app, name).create_parser("manage.py", name)
            actions = parser._actions  # noqa: SLF001 - argparse has no public list of them
            texts = [parser.description, *(action.help for action in actions)]
            for text in filter(None, texts):
                yield from sentences(f"manage.py {name} --help", text)


def sentences(place: str, text: str) -> Iterator[Sentence]:
    for sentence in SENTENCE_END.split(text):
        words = sum(1 for word in sentence.split() if re.search(r"\w", word))
        yield Sentence(words, place, sentence)


def _plain(tokens: list[Token]) -> str:
    """The text without its marks; code keeps its backquotes and becomes one word."""
    parts = []
    for token in tokens:
        if token.type == "code_inline":
            parts.append(f"`{token.content.replace(' ', '_')}`")
        else:
            parts.append(" " if token.type in ("softbreak", "hardbreak") else token.content)
    return "".join(parts)


if __name__ == "__main__":
    sys.exit(main())
