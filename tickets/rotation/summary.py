"""What a run says at its end, to people and to programs."""

from __future__ import annotations

import json
from contextlib import suppress
from dataclasses import dataclass
from typing import TextIO

from tickets.rotation import wording
from tickets.rotation.counting import PendingCount
from tickets.rotation.preflight import GuardState
from tickets.rotation.result import Outcome, Result
from tickets.rotation.target import Target


@dataclass(frozen=True, slots=True)
class Aftermath:
    """The table after a run; ``pending`` and ``guard`` are None when it could not be looked at.

    ``advice`` is about the clean-up, when it is worth it.
    """

    pending: PendingCount | None
    guard: GuardState | None
    unknown_because: str = ""
    advice: tuple[str, ...] = ()

    @property
    def complete(self) -> bool:
        """Nothing is pending, and the guard keeps it so."""
        return bool(self.pending and self.pending.rows == 0 and self.guard and self.guard.holds)


def say(line: str, stream: TextIO) -> None:
    """Print a line; nobody may be there to read it."""
    with suppress(OSError, ValueError):
        print(line, file=stream, flush=True)


def as_json(result: Result, after: Aftermath | None, error: str | None) -> str:
    """The last of the JSON lines; unknown is null."""
    pending = after.pending if after else None
    return json.dumps(
        {
            "event": "end",
            "outcome": "error" if error else result.outcome.name.lower(),
            "error": error,
            "rotated_rows": result.rotated_rows,
            "pending_rows": pending.rows if pending else None,
            "pending_is_estimate": pending.is_estimate if pending else None,
            "batches": result.batches,
            "retries": result.retries,
            "seconds": round(result.seconds, 3),
            "vacuums": result.vacuums,
            "vacuum_seconds": round(result.vacuum_seconds, 3),
            "waited_seconds": {kind: round(s, 3) for kind, s in result.waited_seconds.items()},
        }
    )


def as_sentence(target: Target, result: Result, after: Aftermath) -> str:
    """What was done, why it ended, what is left, and the command to go on."""
    pending = after.pending
    if after.complete and result.batches == 0:
        return f"{target.label}: nothing is pending; nothing was written."
    work = f"{target.label}: {_work(result)}"
    if pending is None:
        reason = _reason(result)
        return (
            f"{work}. {reason}; how much is pending is unknown ({after.unknown_because}). "
            f"To go on: {target.command}"
        )
    if after.complete:
        return " ".join((f"{work}. Nothing is pending.", *(_sentence(a) for a in after.advice)))
    if pending.rows == 0 and after.guard is not None:
        problems = " Also: ".join(str(problem) for problem in after.guard.problems)
        return f"{work}. Nothing is pending, but the guard is not whole: {problems}"
    left = wording.count(pending.rows, is_estimate=pending.is_estimate)
    return f"{work}. {_reason(result)}; {left} pending. To go on: {target.command}"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _work(result: Result) -> str:
    rate = result.rotated_rows / result.seconds if result.seconds else None
    work = (
        f"{result.rotated_rows:,} tokens rotated in {wording.duration(result.seconds)} "
        f"({wording.rate(rate)}, {result.batches:,} batches, {result.retries:,} retries)"
    )
    if result.vacuums:
        work += f", {result.vacuums:,} VACUUM{'' if result.vacuums == 1 else 's'} beside it"
    if result.waited_seconds:
        waits = (f"{wait:.1f} s for {kind}" for kind, wait in result.waited_seconds.items())
        work += f", having waited {', '.join(waits)}"
    return work


def _reason(result: Result) -> str:
    reason = result.outcome.value
    if result.outcome is Outcome.ROWS_LOCKED:
        reason += ": " + (", ".join(map(str, result.blockers)) or "who holds them is unknown")
    return _sentence(reason)
