"""Signals between a web server's worker and its long responses.

The worker sends the responses. Some servers kill a worker that seems silent, and want long
responses to end when they stop. Such a server calls ``attach`` in each worker. Others need not.
"""

from __future__ import annotations

from collections.abc import Callable


class _Attached:
    def __init__(self) -> None:
        self.beat: Callable[[], object] = lambda: None
        self.is_stopping: Callable[[], bool] = lambda: False


_attached = _Attached()


def attach(*, beat: Callable[[], object], is_stopping: Callable[[], bool]) -> None:
    """Call ``beat`` when data was sent; end reports on stopping.

    ``beat`` is called whenever data was sent. Every report ends once ``is_stopping()`` is True.
    """
    _attached.beat, _attached.is_stopping = beat, is_stopping


def beat() -> None:
    """Tell the server that a response makes progress."""
    _attached.beat()


def is_stopping() -> bool:
    """Return True if the server waits for responses to end."""
    return _attached.is_stopping()
