"""Usage: scripts/demo [TICKETS], or scripts/demo --page [TICKETS] [--port N]"""

import argparse
import signal
import sys

from demonstration.output import fail
from demonstration.page import serve
from demonstration.site import Site
from demonstration.story import Story
from demonstration.var_directory import new_var_directory
from tickets.config.embedded.errors import ClusterError

MINIMUM_TICKETS = 100  # the story cannot kill a smaller rotation half-way
DESCRIPTION = """
Leak the tokens of TICKETS tickets, rotate them, kill the rotation, resume it, and prove the result.
With --page serve the site on this machine instead, to watch a rotation in the browser. Either uses
an embedded PostgreSQL of its own, under var/, and removes it at the end.
"""


def main() -> None:
    options = parse_arguments()
    for number in (signal.SIGTERM, signal.SIGHUP):  # else the database outlives a closed terminal
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    try:
        with new_var_directory() as directory:
            site = Site(directory)
            if options.page:
                serve(site, options.tickets, options.port)
            else:
                Story(site, options.tickets).play()
    except ClusterError as error:
        fail(f"the embedded server does not work: {error}")
    except KeyboardInterrupt:
        sys.exit(130)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=DESCRIPTION)
    parser.add_argument(
        "tickets",
        nargs="?",
        type=number_of_tickets,
        default=100_000,
        metavar="TICKETS",
        help=f"make this many tickets, at least {MINIMUM_TICKETS} (default: 100000)",
    )
    parser.add_argument("--page", action="store_true", help="serve the rotation page until Ctrl-C")
    parser.add_argument(
        "--port",
        type=port,
        default=8000,
        metavar="N",
        help="with --page: serve on this port of 127.0.0.1 (default: 8000)",
    )
    return parser.parse_args()


def number_of_tickets(text: str) -> int:
    if not text.isascii() or not text.isdigit() or int(text) < MINIMUM_TICKETS:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least {MINIMUM_TICKETS}")
    return int(text)


def port(text: str) -> int:
    if not text.isascii() or not text.isdigit() or not 1 <= int(text) <= 65_535:
        raise argparse.ArgumentTypeError(f"{text!r} is not a port from 1 to 65535")
    return int(text)


if __name__ == "__main__":
    main()
