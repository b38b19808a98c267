"""The flags of ``rotate_tokens``.

A table says which flag goes with which mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.core.management.base import CommandError, CommandParser

from token_rotation.management.flag import Flag, FlagGroup, Mode, misplaced
from token_rotation.management.pace_flags import BATCH_SIZES, LIMIT, PACE, RATE
from token_rotation.reporting.formats import FORMATS
from token_rotation.run.display import MODES as PROGRESS_MODES

ROTATE, DRY_RUN, REPORT, STOP, PAUSE, RESUME, ASYNC, FOLLOW = Mode

MODES = (
    Flag("--dry-run", "show what a rotation would do, and write nothing", {"action": "store_true"}),
    Flag("--report", "show where things stand, and write nothing", {"action": "store_true"}),
    Flag(
        "--stop",
        "ask every running rotation of the database to end after its batch",
        {"action": "store_true"},
    ),
    Flag(
        "--pause",
        "ask every running rotation of the database to pause after its batch",
        {"action": "store_true"},
    ),
    Flag("--resume", "let paused rotations of the database go on", {"action": "store_true"}),
    Flag(
        "--async",
        "let workers rotate, on any number of machines, and return at once",
        {"action": "store_true"},
    ),
)
FOLLOWING = Flag(
    "--follow",
    "show the progress of all workers together, to the end; Ctrl-C ends only the display",
    {"action": "store_true"},
)
SELECTION = (
    Flag(
        "--issued-before",
        "rotate every token issued before this time, also tokens that were rotated already. Type "
        "2026-11-22T04:00+00:00, 2026-11-22, now, or 2h ago (s, min, h, d). A time without an "
        "offset is in TIME_ZONE (default: tokens never rotated)",
        {"metavar": "TIME"},
    ),
    Flag(
        "--where",
        "rotate only rows that match this Django filter, as in status=open or "
        "created_at__gte=2026-01-01; repeat it to narrow further",
        {"metavar": "FIELD[__LOOKUP]=VALUE", "action": "append"},
    ),
)
LISTS = (
    Flag(
        "--only",
        "rotate only the rows that a file (-: standard input) lists by leaked token or primary "
        "key: a value a line, or CSV with a header",
        {"metavar": "FILE"},
    ),
    Flag(
        "--first", "rotate the rows that a file lists first, then the others", {"metavar": "FILE"}
    ),
)
LIST_OF = Flag(
    "--list-of",
    "say what the file lists (default: what its header or first line shows)",
    {"choices": ("tokens", "keys")},
    needs=("--only", "--first"),
)
FINISH = Flag(
    "--finish",
    "when nothing is pending, clean up as clean_up_tokens does",
    {"action": "store_true"},
)
EVIDENCE = Flag(
    "--evidence",
    "write what was done and what is so now to a JSON file, without any secret",
    {"metavar": "FILE"},
)
REPORTS = (
    Flag("--format", "choose the form of the report (default: text)", {"choices": tuple(FORMATS)}),
    Flag("--exact", "count every row, however long that takes", {"action": "store_true"}),
)
PROGRESS = Flag(
    "--progress",
    "show progress as a bar, as lines, as JSON lines, or not at all (default: auto, a bar on a "
    "terminal and a line every 5 seconds elsewhere)",
    {"choices": PROGRESS_MODES},
)

# The table. Whatever it does not allow is refused; --help says the same.
GROUPS = (
    FlagGroup("what to do with workers", frozenset({ASYNC, FOLLOW}), (FOLLOWING,)),
    FlagGroup("which tokens", frozenset({ROTATE, DRY_RUN, REPORT, ASYNC}), SELECTION),
    FlagGroup(
        "which tokens, by a list",
        frozenset({ROTATE, DRY_RUN}),
        (LIST_OF,),
        alternatives=LISTS,
        because="workers cannot read the file; verify_tokens counts what is still valid",
    ),
    FlagGroup("how fast", frozenset({ROTATE, DRY_RUN, ASYNC}), PACE, alternatives=BATCH_SIZES),
    FlagGroup(
        "how much and how fast in this process",
        frozenset({ROTATE, DRY_RUN}),
        (LIMIT, RATE),
        because="it does not span workers; --pause-seconds slows each of them",
    ),
    FlagGroup("after the rotation", frozenset({ROTATE}), (FINISH,)),
    FlagGroup("proof", frozenset({ROTATE, REPORT}), (EVIDENCE,)),
    FlagGroup("report", frozenset({REPORT}), REPORTS),
    FlagGroup("progress", frozenset({ROTATE, DRY_RUN, ASYNC, FOLLOW}), (PROGRESS,)),
)


def add_flags(parser: CommandParser) -> None:
    """Declare every flag, grouped as --help shows them."""
    group = parser.add_argument_group("what to do", "One of these (default: rotate).")
    one_of = group.add_mutually_exclusive_group()
    for mode in MODES:
        mode.add_to(one_of)
    for flags in GROUPS:
        flags.add_to(parser)


def mode_of(parsed: Mapping[str, Any]) -> Mode:
    """Return the mode that the command line asks for.

    Raises CommandError for flags of other modes.
    """
    asked = (flag for flag in (*MODES, FOLLOWING) if parsed[flag.dest])
    mode = next((Mode(flag.name) for flag in asked), Mode.ROTATE)
    unfit = misplaced(GROUPS, mode, parsed)
    if unfit:
        raise CommandError(f"{unfit} Nothing was done.")
    return mode
