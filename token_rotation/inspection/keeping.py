"""What a target's triggers do with tokens that were replaced, and with sent ones."""

from __future__ import annotations

from token_rotation.selection.marked_table import MarkedTable
from token_rotation.triggers.guard_triggers import SentGuard
from token_rotation.triggers.retired import KeepRetired


def keeps(target: MarkedTable) -> bool:
    """Return True if a target keeps hashes of replaced tokens."""
    return _has(target, KeepRetired.name)


def accepts_sent(target: MarkedTable) -> bool:
    """Return True if a target's guard stores the token that an INSERT sends."""
    return _has(target, SentGuard.name)


def _has(target: MarkedTable, name: str) -> bool:
    return any(each.short_name.startswith(name) for each in target.guard_triggers)
