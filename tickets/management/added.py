"""What seed_tickets has added."""

from typing import Any

from tqdm import tqdm

from token_rotation.command_line import StopSignal


class Stopped(Exception):  # noqa: N818  (no error)
    """A signal asked for the end."""


class Added:
    """The rows that were added, shown as a bar.

    ``in_doubt`` is True from a chunk's COMMIT until the server has answered it.
    """

    def __init__(self, bar: "tqdm[Any]", stop: StopSignal) -> None:
        self.rows, self.in_doubt = 0, False
        self._bar, self._stop = bar, stop

    def committing(self, rows: int) -> None:  # noqa: ARG002  (see Progress)
        self.in_doubt = True

    def committed(self, rows: int) -> None:
        self.in_doubt = False
        self.rows += rows
        self._bar.update(rows)
        self.stop_if_asked()

    def stop_if_asked(self) -> None:
        if self._stop.requested:
            raise Stopped

    def said(self) -> str:
        if self.in_doubt:
            return (
                f"at least {self.rows:,} tickets were added and stay; it is not known whether the "
                "last chunk was, too."
            )
        return f"{self.rows:,} tickets were added and stay."
