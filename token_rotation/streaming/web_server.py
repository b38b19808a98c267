"""What the web server and a long response tell each other.

A server whose workers must show that they are alive while they answer, and that wants long
responses to end when it stops, attaches itself. Others need not.
"""

from __future__ import annotations

from collections.abc import Callable


class _Attached:
    def __init__(self) -> None:
        self.beat: Callable[[], object] = lambda: None
        self.is_stopping: Callable[[], bool] = lambda: False


_attached = _Attached()


def attach(*, beat: Callable[[], object], is_stopping: Callable[[], bool]) -> None:
    """Call ``beat`` whenever something was sent; end every report once ``is_stopping()``."""
    _attached.beat, _attached.is_stopping = beat, is_stopping


def beat() -> None:
    """The response goes on."""
    _attached.beat()


def is_stopping() -> bool:
    """Whether the server waits for this response to end."""
    return _attached.is_stopping()
