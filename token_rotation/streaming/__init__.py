"""CSV reports whose query may run for minutes, over HTTP. ``stream_csv`` is the way in."""

from token_rotation.streaming.query import Query
from token_rotation.streaming.response import stream_csv

__all__ = [
    "Query",
    "stream_csv",
]
