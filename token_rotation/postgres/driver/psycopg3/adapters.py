"""Values as psycopg 2 reads and writes them."""

from __future__ import annotations

from typing import Any

from psycopg import DataError, adapters
from psycopg.adapt import AdaptersMap, Dumper, Loader, Transformer
from psycopg.pq import Format

_TIMES = ("date", "timestamp", "timestamptz")
_INFINITE = (b"infinity", b"-infinity")


class ArrayDumper(Dumper):
    """A list as ``ARRAY[...]`` of literals.

    psycopg 3 sends a text that it casts to one type. It refuses a list of times of which some are
    infinite, and so text.
    """

    oid = 0

    def __init__(self, cls: type, context: Any = None) -> None:
        super().__init__(cls, context)
        self._transformer = Transformer.from_context(context)

    def dump(self, obj: list[Any]) -> bytes:
        raise NotImplementedError("the client puts lists into statements")

    def quote(self, obj: list[Any]) -> bytes:
        if all(each is None for each in obj):
            return b"'{%s}'" % b",".join([b"NULL"] * len(obj))
        return b"ARRAY[%s]" % b",".join(map(self._transformer.as_literal, obj))


class TimeOrTextLoader(Loader):
    """A time, as text where Python cannot hold it."""

    usual: Any

    def __init__(self, oid: int, context: Any = None) -> None:
        super().__init__(oid, context)
        self._load = self.usual(oid, context).load

    def load(self, data: Any) -> Any:
        text = bytes(data)
        if text in _INFINITE:
            return text.decode()
        try:
            return self._load(data)
        except (ValueError, OverflowError, DataError):
            return text.decode()


def adapt_as_own(taken: AdaptersMap) -> None:
    """Change the adapters of a connection."""
    taken.register_dumper(list, ArrayDumper)
    for name in _TIMES:
        usual = adapters.get_loader(adapters.types[name].oid, Format.TEXT)
        taken.register_loader(
            name, type(f"{name.title()}OrText", (TimeOrTextLoader,), {"usual": usual})
        )


OWN_ADAPTERS = AdaptersMap(adapters)
"""For statements that are put together for Django's connections."""

adapt_as_own(OWN_ADAPTERS)
