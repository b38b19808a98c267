"""One list tried at one door, with controls before and after it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
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
from token_rotation.verification.token_list import opened_texts, stored_text

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


@dataclass(frozen=True, slots=True)
class DoorTrial:
    """A trial of lists at one door.

    ``columns`` say how a line is read. ``say`` is told how long it takes, ``watch`` how far it is.
    """

    columns: Sequence[TokenColumn]
    options: DoorOptions
    door: Door
    stop: StopSignal
    say: Callable[[str], None]
    watch: Callable[[Tally], None]

    def run(self, leak_list: LeakList) -> DoorVerdict:
        """Try the list, or a sample of it.

        Nothing leaked is tried at a door that accepts a random token, or refuses a good one.
        Raises ListError for a bad file of good tokens.
        """
        good = self._known_good()
        wanted = min(leak_list.lines, self.options.sample or leak_list.lines)
        controls = list(self._controls(leak_list, good))
        if not all(control.holds for control in controls):
            return DoorVerdict(leak_list.lines, wanted, Tally(), tuple(controls))
        self.say(_announcement(wanted, self.options))
        tally = try_each(
            self.door,
            (stored_text(self.columns, text) for text in _chosen(leak_list, wanted)),
            requests_per_second=self.options.requests_per_second,
            concurrency=self.options.concurrency,
            stop=self.stop,
            watch=self.watch,
        )
        # A door that has begun to refuse this client refuses everything.
        controls += self._controls(leak_list, good)
        return DoorVerdict(leak_list.lines, wanted, tally, tuple(controls))

    def _controls(self, leak_list: LeakList, good: Sequence[str]) -> Iterator[Control]:
        yield Control(is_good=False, reply=self.door.ask(random_token(leak_list)))
        for token in good:
            yield Control(is_good=True, reply=self.door.ask(token))

    def _known_good(self) -> list[str]:
        file = self.options.known_good
        if file is None:
            return []
        asked = ListOptions(file, "tokens")
        with opened_texts(self.columns, asked, option="--known-good", are_named=False) as tokens:
            some = islice(tokens.values(), MOST_KNOWN_GOOD)
            return [stored_text(self.columns, text) for text in some]


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
