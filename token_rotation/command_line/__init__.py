"""Commands with one-line errors that a signal stops cleanly; they know no rotation."""

from token_rotation.command_line.argument_types import (
    database_alias,
    non_negative_int,
    positive_int,
)
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.stop import StopSignal, answering_signals

__all__ = [
    "OneLineCommand",
    "StopSignal",
    "answering_signals",
    "database_alias",
    "non_negative_int",
    "positive_int",
    "stop_on_signal",
]
