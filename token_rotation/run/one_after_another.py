"""Work on several targets in turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from token_rotation.command_line.exit_code import ExitCode
from token_rotation.errors import NotReadyError, RotationError
from token_rotation.selection.target import Target


@dataclass(frozen=True, slots=True)
class TargetEnd:
    """How the work on one target ended.

    After ``stopped`` no other is begun.
    """

    done: bool
    stopped: bool = False


def one_after_another(
    targets: Sequence[Target],
    work: Callable[[Target], TargetEnd],
    warn: Callable[[str], None],
) -> ExitCode:
    """Work on each target; one that is not ready is left out.

    Whatever ends the work early names the targets that were not begun. Raises RotationError.
    """
    ended = ExitCode.DONE
    failed = False
    for place, target in enumerate(targets):
        left = targets[place + 1 :]
        try:
            end = work(target)
        except NotReadyError as error:
            if not left:
                raise
            warn(str(error))
            failed = True
            continue
        except RotationError as error:
            raise RotationError(f"{error}{_not_begun(left)}") from None
        if not end.done or (end.stopped and left):
            ended = ExitCode.UNFINISHED
        if end.stopped and left:
            warn(_not_begun(left).lstrip())
            break
    return ExitCode.ERROR if failed else ended


def _not_begun(targets: Sequence[Target]) -> str:
    if not targets:
        return ""
    return f" Not begun: {', '.join(target.label for target in targets)}."
