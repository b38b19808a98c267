"""An index that lacks entries, as a damaged one does."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def lacking(tickets: Any, index: str) -> Iterator[None]:
    """Writes inside leave no entry in the index."""
    with tickets.cursor() as cursor:
        ready = f"UPDATE pg_index SET indisready = %s WHERE indexrelid = '{index}'::regclass"
        cursor.execute(ready, (False,))
        yield
        cursor.execute(ready, (True,))
