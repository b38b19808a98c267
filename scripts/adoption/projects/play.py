"""Usage: python -m adoption.projects.play CASE PART FILE. Plays a part and writes what it found."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

import django
from django.test.utils import setup_test_environment

if TYPE_CHECKING:
    from adoption.projects.visiting import Visitor

OWNERS = ("ann", "bob", "cat")
Facts = Iterator[tuple[str, bool]]


def leak(visitor: Visitor, leaked: dict[str, str]) -> Facts:
    """Issue tokens while nothing guards them, and use one."""
    leaked.update({owner: visitor.issue(owner) for owner in OWNERS})
    yield "refuses what was never issued", not visitor.accepts(leaked["bob"][::-1])
    yield "accepts an issued token", visitor.accepts(leaked["ann"])


def rotated(visitor: Visitor, leaked: dict[str, str]) -> Facts:
    yield from revoked(visitor, leaked)
    yield "accepts the stored token", visitor.accepts(visitor.stored("bob"))


def revoked(visitor: Visitor, leaked: dict[str, str]) -> Facts:
    """Tell whether each leaked token is refused, and a new one accepted."""
    for token in leaked.values():
        yield "refuses a leaked token", not visitor.accepts(token)
    yield "accepts a token issued afterwards", visitor.accepts(visitor.issue("dee"))


def instead(visitor: Visitor, leaked: dict[str, str]) -> Facts:
    """Revoke as the package itself does."""
    yield "accepted before", visitor.accepts(leaked["bob"])
    visitor.revoke()
    yield from revoked(visitor, leaked)


def removed(visitor: Visitor, _leaked: dict[str, str]) -> Facts:
    """Issue and use a token after the guard is gone."""
    yield "accepts a token after the removal", visitor.accepts(visitor.issue("eve"))


PARTS: dict[str, Callable[[Visitor, dict[str, str]], Facts]] = {
    each.__name__: each for each in (leak, rotated, revoked, instead, removed)
}


def main(case: str, part: str, file: Path) -> None:
    from adoption.projects.visiting import NOTES  # noqa: PLC0415  (models need the settings)

    visitor: Visitor = import_module(f"adoption.projects.{case}.visitor").Visitor()
    kept = file.with_name("leaked.json")
    leaked: dict[str, str] = json.loads(kept.read_text()) if kept.exists() else {}
    failed = [what for what, holds in PARTS[part](visitor, leaked) if not holds]
    kept.write_text(json.dumps(leaked))
    file.write_text(json.dumps({"failed": failed, "ran": NOTES.taken}))


if __name__ == "__main__":
    os.environ["DJANGO_SETTINGS_MODULE"] = "shop.settings"
    django.setup()
    setup_test_environment()
    main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
