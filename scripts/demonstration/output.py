"""What the demo prints."""

import shlex
import sys
from collections.abc import Sequence
from typing import NoReturn


def chapter(number: int, title: str) -> None:
    print(f"\n=== {number}. {title}", flush=True)


def say(text: str) -> None:
    print(text, flush=True)


def show(command: Sequence[str]) -> None:
    print(f"$ manage.py {shlex.join(command)}", flush=True)


def fail(message: str) -> NoReturn:
    sys.exit(f"scripts/demo: {message}")
