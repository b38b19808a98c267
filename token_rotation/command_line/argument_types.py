"""Types of command-line arguments: each turns text into a value.

Each raises ``argparse.ArgumentTypeError``, which argparse shows with the option's name.
"""

import argparse
import math
from urllib.parse import urlsplit

from django.db import connections

MOST_WORKERS = 64
A_YEAR_SECONDS = 365 * 86_400
A_MINUTE_MS = 60_000


def positive_int(text: str) -> int:
    """Read a whole number of at least 1."""
    return _whole_number(text, at_least=1)


def non_negative_int(text: str) -> int:
    """Read a whole number of at least 0."""
    return _whole_number(text, at_least=0)


def _whole_number(text: str, *, at_least: int) -> int:
    try:
        number = int(text)
    except ValueError:
        number = -1
    if not at_least <= number < 2**63:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number of at least {at_least}")
    return number


def database_alias(text: str) -> str:
    """Read the alias of a configured PostgreSQL database.

    Connects to nothing.
    """
    if text not in connections:
        known = ", ".join(sorted(connections))
        raise argparse.ArgumentTypeError(f"there is no database {text!r}; configured: {known}")
    vendor = connections[text].vendor
    if vendor != "postgresql":
        raise argparse.ArgumentTypeError(f"the database {text!r} is {vendor}, not PostgreSQL")
    return text


def worker_count(text: str) -> int:
    """Read a whole number from 1 to 64.

    Each worker is a server connection.
    """
    number = positive_int(text)
    if number > MOST_WORKERS:
        raise argparse.ArgumentTypeError(f"{text!r} is more than {MOST_WORKERS} workers")
    return number


def percent(text: str) -> float:
    """Read a number from 0 to 100."""
    return _number(text, at_most=100, meant="a number from 0 to 100")


def seconds(text: str) -> float:
    """Read a finite number of seconds, 0 or more."""
    return _number(text, at_most=A_YEAR_SECONDS, meant="a number of seconds up to a year")


def _number(text: str, *, at_most: float, meant: str) -> float:
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not 0 <= number <= at_most:
        raise argparse.ArgumentTypeError(f"{text!r} is not {meant}")
    return number


def positive_seconds(text: str) -> float:
    """Read a finite number of seconds above 0."""
    number = seconds(text)
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def milliseconds(text: str) -> float:
    """Read a number of milliseconds, 0 up to a minute."""
    return _number(text, at_most=A_MINUTE_MS, meant="a number of milliseconds up to a minute")


def positive_number(text: str) -> float:
    """Read a number above 0."""
    number = _number(text, at_most=10**9, meant="a number up to a billion")
    if number == 0:
        raise argparse.ArgumentTypeError(f"{text!r} is not above 0")
    return number


def http_url(text: str) -> str:
    """Read a URL of http or https, without a user and a password, which records would keep."""
    try:
        parts = urlsplit(text)
        is_url = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    if not is_url:
        raise argparse.ArgumentTypeError(f"{text!r} is no URL that begins with http:// or https://")
    if "@" in parts.netloc:
        raise argparse.ArgumentTypeError("the URL holds a user or password, which records keep")
    return text


def http_statuses(text: str) -> tuple[int, ...]:
    """Read HTTP statuses, as in "404,410"."""
    statuses = tuple(int(each) for each in text.split(",") if each.strip().isdecimal())
    if len(statuses) != len(text.split(",")) or not all(100 <= each < 600 for each in statuses):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of HTTP statuses, as in 404,410")
    return statuses
