"""The pages: what they tell people to type, and what they show for an answer."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.manage import PROJECT

DOCS = PROJECT / "docs"
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
SHELL = ("console", "sh", "bash", "shell", "")
COMMENT = re.compile(r"\s{2,}# .*$")
PROMPT = "$ "
INLINE = re.compile(
    r"`((?:python manage\.py |scripts/\w|docker compose |celery --app |gunicorn --config )[^`\n]*)`"
)


@dataclass(frozen=True)
class Typed:
    """A line after a prompt, without its comment, and the lines below it that are its output."""

    words: str
    output: tuple[str, ...]


def pages() -> list[Path]:
    """Every page for people."""
    return [
        *(PROJECT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md")),
        *sorted(DOCS.rglob("*.md")),
    ]


def typed(page: Path) -> list[Typed]:
    """The commands of a page's blocks, in their order, and then those in its sentences."""
    blocks = [each for block in _shell_blocks(page) for each in _typed(block)]
    text = BLOCK.sub("", page.read_text())
    return [*blocks, *(Typed(words, ()) for words in dict.fromkeys(INLINE.findall(text)))]


def python_blocks(page: Path, app: str = "keys") -> list[str]:
    """The Python of a page, with another app in the place of its ``keys``."""
    blocks = [block for language, block in BLOCK.findall(page.read_text()) if language == "python"]
    return [re.sub(r"\bkeys\.", f"{app}.", block) for block in blocks]


def commands(page: Path) -> list[str]:
    """What is typed, each once."""
    return list(dict.fromkeys(each.words for each in typed(page)))


def options(page: Path) -> set[str]:
    """Every ``--option`` that stands in code, in a block or in the text."""
    text = page.read_text()
    code = [*re.findall(r"`([^`\n]+)`", BLOCK.sub("", text)), *_shell_blocks(page)]
    return {option for each in code for option in re.findall(r"(?<![\w-])--[a-z][a-z-]+", each)}


def _shell_blocks(page: Path) -> Iterator[str]:
    for language, block in BLOCK.findall(page.read_text()):
        if language in SHELL:
            yield block


def _typed(block: str) -> Iterator[Typed]:
    words, output = "", []
    for line in block.splitlines():
        if not line.startswith(PROMPT):
            output.append(line)
            continue
        if words:
            yield Typed(words, tuple(output))
        words, output = COMMENT.sub("", line.removeprefix(PROMPT)), []
    if words:
        yield Typed(words, tuple(output))
