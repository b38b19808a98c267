"""The flags of ``verify_tokens``, and the ways that they go with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.command_line.argument_types import (
    http_statuses,
    positive_int,
    positive_seconds,
    seconds,
    worker_count,
)
from token_rotation.management.flag import Flag, is_typed
from token_rotation.verification.door.options import REFUSED, DoorOptions
from token_rotation.verification.everywhere.options import SearchOptions

SEARCH, DOOR = SearchOptions(), DoorOptions("")

RETIRED = Flag(
    "--retired",
    "look every retired token up, where a model keeps them; no FILE",
    {"action": "store_true"},
)
EVERYWHERE = Flag(
    "--everywhere",
    "search every table that the role may read for copies, also inside longer text",
    {"action": "store_true"},
)
THROUGH = Flag(
    "--through",
    "try the tokens at the running application. Type a URL with {token} in it, or the dotted path "
    "of a function that takes a token and returns True, False or an HTTP status",
    {"metavar": "URL|CALLABLE"},
)
LIST_OF = Flag(
    "--list-of",
    "say what FILE lists (default: what its header or first line shows)",
    {"choices": ("tokens", "hashes")},
)
SHAPE_DIFFERS = Flag(
    "--shape-differs",
    "the listed tokens look unlike those that are stored now: do not take the list for mangled",
    {"action": "store_true"},
)
OF_THE_SEARCH = (
    Flag(
        "--pause-seconds",
        f"pause this long after each statement (default: {SEARCH.pause_seconds:g})",
        {"type": seconds, "metavar": "SECONDS"},
    ),
    Flag(
        "--snapshot-seconds",
        "read one table no longer than this; its snapshot holds VACUUM back (default: "
        f"{SEARCH.snapshot_seconds:g})",
        {"type": positive_seconds, "metavar": "SECONDS"},
    ),
)
OF_THE_DOOR = (
    Flag(
        "--sample",
        "try this number of tokens, drawn at random (default: all)",
        {"type": positive_int, "metavar": "N"},
    ),
    Flag(
        "--header",
        "send this header, as in 'Authorization: Token {token}'; repeat it for more",
        {"metavar": "'NAME: VALUE'", "action": "append"},
    ),
    Flag(
        "--known-good",
        "first and last try valid tokens of this file, which must be accepted",
        {"metavar": "FILE"},
    ),
    Flag(
        "--refused",
        "take these statuses for a refusal (default: "
        f"{','.join(map(str, REFUSED))}); other 2xx and 3xx are open, the rest tells nothing",
        {"type": http_statuses, "metavar": "STATUS,..."},
    ),
    Flag(
        "--requests-per-second",
        f"send no more requests than this (default: {DOOR.requests_per_second:g})",
        {"type": positive_seconds, "metavar": "N"},
    ),
    Flag(
        "--concurrency",
        f"wait for this number of answers at a time (default: {DOOR.concurrency})",
        {"type": worker_count, "metavar": "N"},
    ),
    Flag(
        "--timeout",
        f"wait this long for an answer (default: {DOOR.timeout_seconds:g})",
        {"type": positive_seconds, "metavar": "SECONDS"},
    ),
)


def add_flags(parser: CommandParser) -> None:
    """Declare every flag, grouped as --help shows them."""
    one_of = parser.add_argument_group("where to look").add_mutually_exclusive_group()
    for flag in (RETIRED, EVERYWHERE, THROUGH):
        flag.add_to(one_of)
    LIST_OF.add_to(parser)
    SHAPE_DIFFERS.add_to(parser)
    for title, flags in (("with --everywhere", OF_THE_SEARCH), ("with --through", OF_THE_DOOR)):
        group = parser.add_argument_group(title)
        for flag in flags:
            flag.add_to(group)


def check(parsed: Mapping[str, Any]) -> None:
    """Raises CommandError for flags and arguments that do not go together."""
    for way, flags in ((EVERYWHERE, OF_THE_SEARCH), (THROUGH, OF_THE_DOOR)):
        for flag in flags:
            if is_typed(parsed[flag.dest]) and not is_typed(parsed[way.dest]):
                raise CommandError(f"{flag.name} goes with {way.name}. Nothing was done.")
    for way in (RETIRED, EVERYWHERE, THROUGH):
        if is_typed(parsed[SHAPE_DIFFERS.dest]) and is_typed(parsed[way.dest]):
            raise CommandError(f"--shape-differs does not go with {way.name}. Nothing was done.")
    if is_typed(parsed[RETIRED.dest]):
        if is_typed(parsed[LIST_OF.dest]):
            raise CommandError("--list-of goes with a FILE, not with --retired. Nothing was done.")
    elif not parsed["names"]:
        raise CommandError("name a FILE of tokens, - or --retired. Nothing was done.")


def search_options(parsed: Mapping[str, Any]) -> SearchOptions:
    """Return the typed options of a search, and the defaults of the rest."""
    return SearchOptions(**_typed(parsed, "pause_seconds", "snapshot_seconds"))


def door_options(parsed: Mapping[str, Any]) -> DoorOptions:
    """Return the typed options of a trial, and the defaults of the rest."""
    typed = _typed(parsed, "refused", "sample", "known_good", "requests_per_second", "concurrency")
    if parsed["timeout"] is not None:
        typed["timeout_seconds"] = parsed["timeout"]
    return DoorOptions(parsed["through"], tuple(parsed["header"] or ()), **typed)


def _typed(parsed: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: parsed[name] for name in names if parsed[name] is not None}
