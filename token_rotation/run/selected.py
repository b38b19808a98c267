"""Targets and lists as an operator asks for them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager

from token_rotation.errors import ListError
from token_rotation.options import ListOptions, SelectionOptions
from token_rotation.selection.leak_list import LeakList, open_list
from token_rotation.selection.target import Target
from token_rotation.targets.resolve import (
    KEYS,
    TOKENS,
    list_kinds,
    other_headers,
    resolve,
    resolve_cut_off,
)


def select(targets: Sequence[Target], asked: SelectionOptions) -> list[Target]:
    """Give the targets of one database the requested selection.

    Raises SelectionError, or ListError when one list comes with several targets.
    """
    if asked.leak_list is not None:
        only_one(targets)
    cut_off = now = None
    if asked.issued_before is not None and targets:
        database = targets[0].database
        cut_off, now = resolve_cut_off(asked.issued_before, "--issued-before", database)
    list_args = asked.leak_list.cli_args if asked.leak_list else ()
    return [
        resolve(target, issued_before=cut_off, where=asked.where, list_args=list_args, asked_at=now)
        for target in targets
    ]


def only_one(targets: Sequence[Target]) -> Target:
    """Return the one target that a list is about.

    Raises ListError where there are several.
    """
    if len(targets) > 1:
        labels = " or ".join(target.label for target in targets)
        raise ListError(f"a list is of one model's tokens: name {labels}. Nothing was done")
    return targets[0]


@contextmanager
def list_to_rotate(target: Target, asked: ListOptions | None) -> Iterator[LeakList | None]:
    """Open the typed list of tokens or keys while inside.

    Yield None when there is none.

    Raises ListError.
    """
    if asked is None:
        yield None
        return
    if target.hides_keys and asked.of == KEYS:
        raise ListError(f"{target.label}: its keys are its tokens. Say --list-of tokens")
    kinds = (TOKENS,) if target.hides_keys else (TOKENS, KEYS)
    with opened_list(target, asked, *kinds) as leak_list:
        yield leak_list


@contextmanager
def opened_list(target: Target, asked: ListOptions, *kinds: str) -> Iterator[LeakList]:
    """Open a list of one of these kinds while inside.

    Raises ListError.
    """
    found = list_kinds(target, *kinds)
    others = other_headers(target, found)
    with closing(open_list(asked.file, found, asked.of, others)) as leak_list:
        if target.revokes and leak_list.kind.name != KEYS:
            raise ListError(
                f"{target.label} holds hashes, so no listed token can be found in it. Nothing was "
                f"done. Revoke all of them: {target.whole_command}; --report counts what is left"
            )
        yield leak_list
