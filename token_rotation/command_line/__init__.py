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
    open_closed_output,
    standard_output,
)
from token_rotation.command_line.second_signal import end_in_time
from token_rotation.command_line.signal_handlers import stop_on_signal
from token_rotation.stop import StopSignal, answering_signals

__all__ = [
    "OUTPUT_CLOSED",
    "OneLineCommand",
    "OutputError",
    "StopSignal",
    "answering_signals",
    "database_alias",
    "end_in_time",
    "finish_errors",
    "non_negative_int",
    "open_closed_output",
    "positive_int",
    "standard_output",
    "stop_on_signal",
]
