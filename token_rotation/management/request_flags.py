"""The flags that ask running runs to stop, to pause or to go on."""

from __future__ import annotations

from typing import Any

from token_rotation.jobs.control import MEANING, Request


def add_requests(parser: Any, runs: str = "running runs of the job") -> None:
    """Declare them; the parsed ``request`` is a Request, or None. ``runs`` are who is asked."""
    for request in Request:
        parser.add_argument(
            f"--{request}",
            dest="request",
            action="store_const",
            const=request,
            help=f"ask {runs} to {MEANING[request]}",
        )
