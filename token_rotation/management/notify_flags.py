"""The flags of ``notify_owners``."""

from __future__ import annotations

from django.core.management.base import CommandParser

from token_rotation.command_line.argument_types import positive_int, worker_count
from token_rotation.management.command import add_database
from token_rotation.management.request_flags import add_requests

OF_A_RUN = ("canary", "batch", "max_per_second", "again")
"""Those that mean nothing but to a run in this process."""


def add_notify_flags(parser: CommandParser) -> None:
    """Declare whose owners are told, how fast, and what to do instead."""
    parser.add_argument(
        "models",
        nargs="*",
        metavar="app.Model",
        help="whose owners, one after another (default: every model with an OwnerNotice)",
    )
    add_database(parser)
    instead = parser.add_mutually_exclusive_group()
    instead.add_argument(
        "--dry-run", action="store_true", help="say how many would be told, and tell nobody"
    )
    instead.add_argument(
        "--report", action="store_true", help="count the whole table, and tell nobody"
    )
    instead.add_argument("--async", action="store_true", help="let workers do it; end at once")
    add_requests(instead)
    parser.add_argument(
        "--workers",
        type=worker_count,
        default=1,
        metavar="N",
        help="share the owners out: threads, or tasks with --async (default: 1)",
    )
    parser.add_argument(
        "--canary", type=positive_int, metavar="N", help="tell N owners of each model, and end"
    )
    parser.add_argument(
        "--batch",
        type=positive_int,
        metavar="N",
        help="messages between two records, of all workers (default: as declared)",
    )
    parser.add_argument(
        "--max-per-second",
        type=positive_int,
        metavar="N",
        help="highest rate (default: as declared)",
    )
    parser.add_argument(
        "--again", action="store_true", help="first make refused owners pending again"
    )
