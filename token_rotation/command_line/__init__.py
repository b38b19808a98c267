"""Commands with one-line errors that a signal stops cleanly.

They know no rotation.
"""

from token_rotation.command_line.argument_types import (
    database_alias,
    non_negative_int,
    positive_int,
)
from token_rotation.command_line.one_line import OneLineCommand
from token_rotation.command_line.output_end import OUTPUT_CLOSED
from token_rotation.command_line.output_stream import (
    OutputError,
    finish_errors,
    standard_output,
)
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.stop import StopSignal, answering_signals

__all__ = [
    "OUTPUT_CLOSED",
    "OneLineCommand",
    "OutputError",
    "StopSignal",
    "answering_signals",
    "database_alias",
    "finish_errors",
    "non_negative_int",
    "positive_int",
    "standard_output",
    "stop_on_signal",
]
