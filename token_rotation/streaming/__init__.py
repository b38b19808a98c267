"""CSV reports over HTTP whose query may run for minutes.

Nothing here knows a rotation. It is usable alone: ``from token_rotation.streaming import Query,
stream_csv``. A web server whose workers must show signs of life attaches itself through
``token_rotation.streaming.web_server``.
"""

from token_rotation.streaming.query import Query
from token_rotation.streaming.response import stream_csv

__all__ = [
    "Query",
    "stream_csv",
]
