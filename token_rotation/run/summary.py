"""Sentences of a run, before and after its work."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from token_rotation import wording
from token_rotation.engine.result import Outcome, Result
from token_rotation.inspection.counting import PendingCount
from token_rotation.inspection.verdict.verdict import Verdict, damage_as_sentence
from token_rotation.options import RotationOptions
from token_rotation.retired.kept import mend_retired, retired_in_use
from token_rotation.run.aftermath import Aftermath
from token_rotation.run.recording.result_values import result_values
from token_rotation.run.verdict_sentences import read_as_sentence, unverified_as_sentence
from token_rotation.selection.leak_list import LeakList
from token_rotation.selection.target import Target
from token_rotation.targets.lookup import ListCount


def end_event(result: Result, after: Aftermath | None, error: str | None) -> dict[str, Any]:
    """Return the last of the JSON lines; unknown is None."""
    pending = after.pending if after else None
    return {
        "event": "end",
        **result_values(result),
        **({"outcome": "error"} if error else {}),
        "error": error,
        "pending_rows": pending.rows if pending else None,
        "pending_is_estimate": pending.is_estimate if pending else None,
        "pending_rows_outside": after.outside.rows if after and after.outside else None,
        "rows_with_a_retired_token": after.retired_rows if after else None,
        "guard_holds": after.guard.holds if after and after.guard else None,
        "complete": after.nothing_anywhere if after else False,
        "selection_complete": after.complete if after else False,
    }


def as_sentence(target: Target, result: Result, after: Aftermath, *, to_go_on: str) -> str:
    """Say what was done, and how to go on.

    Say also why the run ended and what is left.
    """
    pending = after.pending
    if after.complete and result.batches == 0:
        nothing = f"{target.label}: {_nothing_pending(target, after)}; nothing was written."
        return f"{nothing} {read_as_sentence(after.verdict)}"
    work = f"{target.label}: {_work(result)}"
    if pending is None:
        ended = _reason(result, "nothing was pending at the end")
        return (
            f"{work}. {ended}; how much is pending now is unknown ({after.unknown_because}). "
            f"{go_on(result, to_go_on)}"
        )
    if after.complete:
        complete = _sentence(_nothing_pending(target, after))
        advice = (_sentence(each) for each in after.advice)
        return " ".join((f"{work}. {complete}. {read_as_sentence(after.verdict)}", *advice))
    if after.retired_rows:
        said = f"Nothing is pending, but {retired_in_use(after.retired_rows)}"
        return f"{work}. {said}. To replace: {mend_retired(target)}"
    problems = _guard_as_sentence(after)
    if pending.rows == 0:
        if after.verdict is not None and after.verdict.nothing_pending:
            return f"{work}. Nothing is pending, but {problems}"
        said = f"{work}. {unverified_as_sentence(target, after.verdict)}"
        return f"{said}. {_sentence(problems)}" if problems else said
    if isinstance(after.verdict, Verdict) and after.verdict.damaged:
        damage = damage_as_sentence(after.verdict.damaged)
        return f"{work}. {pending.rows:,} rows are pending. {damage}. Then: {to_go_on}"
    left = wording.count(pending.rows, is_estimate=pending.is_estimate)
    ended = _reason(result, "rows became pending since")
    said = f"{work}. {ended}; {left} pending{_later(pending)}. {go_on(result, to_go_on)}"
    return f"{said}. {_sentence(problems)}" if problems else said


def _guard_as_sentence(after: Aftermath) -> str:
    """Say what is wrong with the guard, or that nobody can tell here; "" for a whole one."""
    if after.guard is None or not after.guard.wrong:
        return ""
    problems = "; also: ".join(map(str, after.guard.wrong))
    if after.guard.is_of_later_release:
        return f"this code cannot judge the guard: {problems}"
    return f"the guard is not whole: {problems}"


def go_on(result: Result, to_go_on: str) -> str:
    """Say what to type next, and before it what to mend."""
    if not result.refused:
        return f"To go on: {to_go_on}"
    said = result.refused.as_sentence()
    if not result.refused.others_untried:
        return f"{said}. Mend those rows or what refuses them, then: {to_go_on}"
    look = "Something may refuse all of them: a trigger, a constraint, or the tokens themselves"
    return f"{said}. {look}. Mend that, then: {to_go_on}"


def list_as_sentence(leak_list: LeakList, count: ListCount) -> str:
    """Say which rows a list means, before anything is rotated."""
    name, kind = leak_list.name, leak_list.kind.name
    stored = wording.count(count.stored_rows, is_estimate=count.is_estimate)
    meant = wording.count(count.meant_rows, is_estimate=count.is_estimate)
    rest = count.stored_rows - count.meant_rows
    because = (
        "are fresh already or lie outside of the selection"
        if kind == "keys"
        else ("lie outside of the selection")
    )
    left_out = f", {rest:,} {because}" if rest and not count.is_estimate else ""
    return (
        f"{name}: {wording.things(leak_list.lines, kind.removesuffix('s'))}, {stored} rows have "
        f"one of them, {meant} of these are to be rotated{left_out}."
    )


def plan_as_sentence(target: Target, options: RotationOptions, pending: PendingCount) -> str:
    """Say what a rotation would do."""
    rows = wording.count(rows_to_rotate(options, pending))
    size = (
        f"sized to {options.target_batch_seconds:g} s each"
        if options.batch_rows is None
        else f"of {options.batch_rows:,} rows"
    )
    return (
        f"{target.label}: would rotate {rows} of "
        f"{wording.count(pending.rows, is_estimate=pending.is_estimate)} pending rows in "
        f"batches {size}, {options.workers} at a time, on up to {options.most_connections} "
        "connections. Guard and indexes are in order. Nothing was written."
    )


def trial_as_sentence(target: Target, triggers: Sequence[str]) -> str:
    """Say what a rotation would try before it begins."""
    return (
        f"{target.label}: would first write one row and insert it again, and roll both back, to "
        f"see if {' or '.join(triggers)} overwrites tokens; and would check each batch before it "
        "commits."
    )


def rows_to_rotate(options: RotationOptions, pending: PendingCount) -> int:
    """Return how many rows a run will rotate."""
    limit = options.limit_rows
    return pending.rows if limit is None else min(limit, pending.rows)


def _nothing_pending(target: Target, after: Aftermath) -> str:
    if target.selection.is_everything:
        return "nothing is pending"
    said = "nothing is pending in the selection"
    if after.outside is None or after.outside.rows == 0:
        return f"{said}, nor outside of it" if after.outside else said
    outside = wording.things(after.outside.rows, "row")
    if after.outside.is_estimate:  # it is never 0, even where nothing is pending
        return f"{said}; about {outside} outside of it may still be pending"
    verb = "is" if after.outside.rows == 1 else "are"
    return f"{said}; {outside} outside of it {verb} still pending"


def _later(pending: PendingCount) -> str:
    if not pending.later_rows:
        return ""
    which = "its marker is" if pending.rows == 1 else "their markers are"
    if pending.later_rows < pending.rows:
        which = f"the markers of {pending.later_rows:,} of them are"
    return f" ({which} later than the database's clock, so they count as issued before any cut-off)"


def _sentence(words: str) -> str:
    return f"{words[0].upper()}{words[1:]}"


def _work(result: Result) -> str:
    rate = result.rotated_rows / result.seconds if result.seconds else None
    work = (
        f"{wording.things(result.rotated_rows, 'token')} rotated in "
        f"{wording.duration(result.seconds)} ({wording.rate(rate)}, "
        f"{wording.things(result.batches, 'batch', 'batches')}, "
        f"{wording.things(result.retries, 'retry', 'retries')})"
    )
    if result.vacuums:
        work += f", {wording.things(result.vacuums, 'VACUUM')} beside it"
    if result.no_vacuum_because:
        work += f", the last VACUUM that was due left out ({result.no_vacuum_because})"
    if result.waited_seconds:
        waits = (f"{wait:.1f} s for {kind}" for kind, wait in result.waited_seconds.items())
        work += f", having waited {', '.join(waits)}"
    return work


def _reason(result: Result, complete: str) -> str:
    """Say why it ended; ``complete`` when it found nothing pending."""
    return _sentence(complete if result.outcome is Outcome.COMPLETE else result.reason)
