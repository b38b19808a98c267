"""A connection on which row security may slow down rows, as no connection of ours allows."""

from collections.abc import Iterator
from contextlib import contextmanager

from token_rotation.postgres.connection import Connection
from token_rotation.postgres.reading import reading


@contextmanager
def reading_under_policies(alias: str) -> Iterator[Connection]:
    """``reading``, in which policies hold: a look at a row can take as long as a test needs."""
    with reading(alias) as connection:
        connection._outside_transactions = True
        yield connection
