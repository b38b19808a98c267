"""Targets and lists as the command line asks for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

from token_rotation.errors import ListError
from token_rotation.selection.leak_list import LeakList, open_list
from token_rotation.selection.target import Target
from token_rotation.targets.resolve import HASHES, KEYS, TOKENS, list_kinds, resolve, resolve_time


def aimed(targets: list[Target], options: dict[str, Any]) -> list[Target]:
    """The targets with the selection that was asked for.

    Raises SelectionError, or ListError where one list would have to do for several targets.
    """
    list_args = _list_args(options)
    if (list_args or options["verify"]) and len(targets) > 1:
        labels = " or ".join(target.label for target in targets)
        raise ListError(f"a list is of one model's tokens: name {labels}. Nothing was done")
    time = options["issued_before"]
    cut_off = None if time is None else resolve_time(time, "--issued-before", options["database"])
    return [
        resolve(target, issued_before=cut_off, where=options["where"], list_args=list_args)
        for target in targets
    ]


@contextmanager
def list_to_rotate(target: Target, options: dict[str, Any]) -> Iterator[LeakList | None]:
    """The list of --only or --first, if any, while inside. Raises ListError."""
    name = options["only"] or options["first"]
    if name is None:
        yield None
        return
    kinds = list_kinds(target, TOKENS, KEYS)
    with closing(open_list(name, kinds, options["list_of"])) as leak_list:
        yield leak_list


@contextmanager
def list_to_verify(target: Target, options: dict[str, Any]) -> Iterator[LeakList]:
    """The list of --verify, while inside. Raises ListError."""
    wanted = HASHES if options["hashed"] else options["list_of"]
    kinds = list_kinds(target, TOKENS, HASHES)
    with closing(open_list(options["verify"], kinds, wanted)) as leak_list:
        yield leak_list


def _list_args(options: dict[str, Any]) -> list[str]:
    for name in ("only", "first"):
        if options[name]:
            kind = ["--list-of", options["list_of"]] if options["list_of"] else []
            return [f"--{name}", options[name], *kind]
    return []
