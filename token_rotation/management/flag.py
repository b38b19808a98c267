"""Flags as data, and the modes that they go with."""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any


class Mode(Enum):
    """Modes of ``rotate_tokens``.

    The value is what an operator types for the mode.
    """

    ROTATE = "rotating"
    DRY_RUN = "--dry-run"
    REPORT = "--report"
    STOP = "--stop"
    PAUSE = "--pause"
    RESUME = "--resume"
    ASYNC = "--async"
    FOLLOW = "--follow"


@dataclass(frozen=True, slots=True)
class Flag:
    """Flag of a command.

    ``settings`` go to argparse. With ``needs``, one of those flags must stand too.
    """

    name: str
    help: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    needs: tuple[str, ...] = ()

    @property
    def dest(self) -> str:
        return str(self.settings.get("dest", self.name.lstrip("-").replace("-", "_")))

    def add_to(self, group: argparse._ActionsContainer) -> None:
        """Declare the flag; without it, its value is None."""
        group.add_argument(self.name, help=self.help, default=None, **self.settings)


@dataclass(frozen=True, slots=True)
class FlagGroup:
    """Flags that go with the same modes.

    Of ``alternatives``, at most one may stand.

    ``because`` says why they go with no other mode, where their title does not.
    """

    title: str
    modes: frozenset[Mode]
    flags: tuple[Flag, ...]
    alternatives: tuple[Flag, ...] = ()
    because: str = ""

    @property
    def every_flag(self) -> tuple[Flag, ...]:
        return (*self.alternatives, *self.flags)

    def add_to(self, parser: argparse.ArgumentParser) -> None:
        """Declare the flags as one group of --help."""
        group = parser.add_argument_group(self.title, f"For {in_words(self.modes)}.")
        if self.alternatives:
            one_of = group.add_mutually_exclusive_group()
            for flag in self.alternatives:
                flag.add_to(one_of)
        for flag in self.flags:
            flag.add_to(group)


def is_typed(value: object) -> bool:
    """Return True for a typed value.

    0 and an empty text count as typed.
    """
    return value is not None and value is not False


def in_words(modes: Iterable[Mode]) -> str:
    """Return ``rotating, --dry-run and --async``, in the order of ``Mode``."""
    chosen = set(modes)
    *others, last = (mode.value for mode in Mode if mode in chosen)
    return f"{', '.join(others)} and {last}" if others else last


def misplaced(groups: Iterable[FlagGroup], mode: Mode, parsed: Mapping[str, Any]) -> str | None:
    """Return a sentence about the first flag of another mode.

    None when there is no such flag.
    """
    return next(_misplaced(groups, mode, parsed), None)


def _misplaced(groups: Iterable[FlagGroup], mode: Mode, parsed: Mapping[str, Any]) -> Iterator[str]:
    every = {flag.name: flag for group in groups for flag in group.every_flag}
    typed = {name for name, flag in every.items() if is_typed(parsed.get(flag.dest))}
    for group in groups:
        because = f": {group.because}" if group.because else ""
        for flag in group.every_flag:
            if flag.name not in typed:
                continue
            if mode not in group.modes:
                goes_with = in_words(group.modes)
                yield f"{flag.name} goes with {goes_with}, not with {mode.value}{because}."
            if flag.needs and typed.isdisjoint(flag.needs):
                yield f"{flag.name} goes with {' or '.join(flag.needs)}."
