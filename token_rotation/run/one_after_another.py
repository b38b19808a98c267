"""Work on several targets in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.errors import AbortedError, DatabaseGoneError, RotationError
from token_rotation.selection.marked_table import MarkedTable

AnyTarget = TypeVar("AnyTarget", bound=MarkedTable)


@dataclass(frozen=True, slots=True)
class TargetEnd:
    """End of the work on one target.

    After ``stopped``, no other target is begun.
    """

    done: bool
    stopped: bool = False


def one_after_another(
    targets: Sequence[AnyTarget],
    work: Callable[[AnyTarget], TargetEnd],
    warn: Callable[[str], None],
) -> ExitCode:
    """Work on each target, whatever becomes of the others.

    A server that is gone, or the operator's wish, ends the work early. Then its warning or error
    names the targets that were not begun. Raises RotationError.
    """
    ended = ExitCode.DONE
    failed = False
    for place, target in enumerate(targets):
        left = targets[place + 1 :]
        try:
            end = work(target)
        except (DatabaseGoneError, AbortedError) as error:
            named = f" ({_not_begun(left)})" if left else ""
            raise RotationError(f"{error}{named}") from None
        except RotationError as error:
            if not left:
                raise
            warn(str(error))
            failed = True
            continue
        if not end.done or (end.stopped and left):
            ended = ExitCode.UNFINISHED
        if end.stopped and left:
            warn(f"{_not_begun(left)}.")
            break
    return ExitCode.ERROR if failed else ended


def _not_begun(targets: Sequence[MarkedTable]) -> str:
    return f"Not begun: {', '.join(target.label for target in targets)}"
