"""What docs/adopt tells people to write and to type."""

from __future__ import annotations

import re
from pathlib import Path

ADOPT = Path(__file__).resolve().parents[2] / "docs" / "adopt"
MANAGE = "$ python manage.py "
_BLOCK = re.compile(r"^```(?:console|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def settings(page: str) -> str:
    """Return what a page adds at the end of the settings."""
    for block in _BLOCK.findall((ADOPT / page).read_text()):
        heading, _, text = block.partition("\n")
        if heading == "# shop/settings.py, at its end":
            return str(text)
    raise ValueError(f"{page} adds nothing to the settings")


def migration() -> list[str]:
    """Return the commands of step 3 of the first page, as manage.py takes them."""
    return _commands("index.md", "\n## 3.")


def removal() -> list[str]:
    """Return the commands that take a guard away, as manage.py takes them."""
    return _commands("remove.md", "\n3. ")


def _commands(page: str, heading: str) -> list[str]:
    """Return the commands of the first block after a heading."""
    _, _, after = (ADOPT / page).read_text().partition(heading)
    (block, *_) = _BLOCK.findall(after)
    return [line.removeprefix(MANAGE) for line in block.splitlines()]
