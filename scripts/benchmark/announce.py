"""Tell the person who waits what is being done."""

import sys


def announce(text: str) -> None:
    """One line on stderr; the results alone go to stdout."""
    print(text, file=sys.stderr, flush=True)
