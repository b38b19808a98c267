"""Try a list at the door, with controls before and after it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from itertools import islice

from token_rotation import wording
from token_rotation.options import ListOptions
from token_rotation.selection.leak_list import LeakList
from token_rotation.stop import StopSignal
from token_rotation.verification.door.callable_door import CallableDoor
from token_rotation.verification.door.control import random_token
from token_rotation.verification.door.options import DoorOptions
from token_rotation.verification.door.tally import Tally
from token_rotation.verification.door.trial import Door, try_each
from token_rotation.verification.door.url_door import UrlDoor
from token_rotation.verification.door.verdict import Control, DoorVerdict
from token_rotation.verification.token_column import TokenColumn
from token_rotation.verification.token_list import opened_tokens, stored_text

MOST_KNOWN_GOOD = 5


def door_of(options: DoorOptions) -> Door:
    """Return the door that the options name. Raises DoorError."""
    refused = frozenset(options.refused)
    if "://" not in options.through and "." in options.through:
        return CallableDoor(options.through, refused=refused)
    return UrlDoor(
        options.through,
        options.headers,
        refused=refused,
        timeout_seconds=options.timeout_seconds,
    )


def try_door(
    columns: Sequence[TokenColumn],
    leak_list: LeakList,
    options: DoorOptions,
    *,
    stop: StopSignal,
    say: Callable[[str], None],
    watch: Callable[[Tally], None],
) -> DoorVerdict:
    """Try the list, or a sample of it.

    Nothing leaked is tried at a door that accepts a random token, or refuses a good one. Raises
    DoorError or ListError.
    """
    door = door_of(options)
    good = _known_good(columns, options)
    wanted = min(leak_list.lines, options.sample or leak_list.lines)
    controls = list(_controls(door, leak_list, good))
    if not all(control.holds for control in controls):
        return DoorVerdict(leak_list.lines, wanted, Tally(), tuple(controls))
    say(_announcement(wanted, options))
    tally = try_each(
        door,
        (stored_text(columns, text) for text in _chosen(leak_list, wanted)),
        requests_per_second=options.requests_per_second,
        concurrency=options.concurrency,
        stop=stop,
        watch=watch,
    )
    # A door that has begun to refuse this client refuses everything.
    controls += _controls(door, leak_list, good)
    return DoorVerdict(leak_list.lines, wanted, tally, tuple(controls))


def _controls(door: Door, leak_list: LeakList, good: Sequence[str]) -> Iterator[Control]:
    yield Control(is_good=False, reply=door.ask(random_token(leak_list)))
    for token in good:
        yield Control(is_good=True, reply=door.ask(token))


def _known_good(columns: Sequence[TokenColumn], options: DoorOptions) -> list[str]:
    if options.known_good is None:
        return []
    with opened_tokens(columns, ListOptions(options.known_good, "tokens")) as tokens:
        return [stored_text(columns, text) for text in islice(tokens.values(), MOST_KNOWN_GOOD)]


def _chosen(leak_list: LeakList, wanted: int) -> Iterator[str]:
    """Yield that many tokens of the list, each line with the same chance."""
    if wanted == leak_list.lines:
        yield from leak_list.values()
        return
    lines = frozenset(random.SystemRandom().sample(range(leak_list.lines), wanted))
    yield from (text for number, text in enumerate(leak_list.values()) if number in lines)


def _announcement(wanted: int, options: DoorOptions) -> str:
    seconds = wanted / options.requests_per_second
    tokens = wording.things(wanted, "token")
    return (
        f"Trying {tokens} takes {wording.duration(seconds)} or more, at "
        f"{options.requests_per_second:g} requests/s. --sample N tries fewer."
    )
