"""One worker's attempt at one range, with the ordinary engine."""

from __future__ import annotations

import time
from contextlib import suppress
from dataclasses import asdict, replace
from typing import Any

from django.conf import settings

from token_rotation.distributed.heartbeat import Keeper
from token_rotation.distributed.range_totals import Ledger
from token_rotation.distributed.records import (
    FIGURES,
    input_of,
    keys_of,
    options_of,
    rotation_of,
    shares_of,
    target_of_rotation,
)
from token_rotation.engine.result import Outcome, Result
from token_rotation.engine.rotation import Rotation
from token_rotation.errors import AbortedError, NotReadyError
from token_rotation.inspection.counting import pending_rows_of
from token_rotation.inspection.preflight import inspect
from token_rotation.operations.errors import NotRunningError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.options import RotationOptions
from token_rotation.pacing.pace import PaceListener
from token_rotation.postgres.connection import reading
from token_rotation.run.live_status import LiveStatus
from token_rotation.run.result_values import result_values
from token_rotation.selection.key_range import KeyRange
from token_rotation.selection.target import Target
from token_rotation.stop import StopSignal

SHARE_SECONDS = 300.0
OUT_OF_TIME = "out_of_time"


def share_seconds() -> float:
    """How long an attempt works at most: well below the soft time limit.

    What it leaves is for the next round, which shares it out among all workers again.
    """
    limit = getattr(settings, "CELERY_TASK_SOFT_TIME_LIMIT", None)
    return SHARE_SECONDS if limit is None else min(SHARE_SECONDS, limit / 2)


def rotate_range(part: BatchOperation) -> dict[str, Any]:
    """Rotate what is pending in the range, until its time is up or the rotation is to stop.

    Delivered twice it finds nothing pending. The answer, JSON values: ``outcome`` (also
    "out_of_time"), ``rotated_rows`` of this attempt and those before it, ``pending_rows`` left,
    ``blockers``, and the other figures of a rotation's record.

    Raises RotationError when it cannot go on.
    """
    rotation = rotation_of(part)
    if rotation is None:
        return {"outcome": Outcome.STOPPED.name.lower(), "rotated_rows": 0, "pending_rows": None}
    target, keys = target_of_rotation(rotation), keys_of(part)
    _ensure_guarded(target)
    ledger = Ledger(part, _pending_rows(target, keys))
    result, out_of_time = Result(Outcome.STOPPED), False
    if rotation.status == Status.RUNNING and rotation.stop_requested_at is None:
        options = _options(rotation, is_patient=input_of(part)["is_patient"])
        result, out_of_time = _rotate(part, rotation, options, ledger)
    pending_rows = _pending_rows(target, keys)
    rotated_rows = ledger.final_rows(result.rotated_rows, pending_rows)
    part.beat(rotated_rows)
    with suppress(NotRunningError):  # it has ended
        rotation.beat(shares_of(rotation).rotated_rows)  # short ranges have no other beat
    return {
        **result_values(result, None),
        **ledger.figures(result),
        **({"outcome": OUT_OF_TIME} if out_of_time else {}),
        "rotated_rows": rotated_rows,
        "pending_rows": pending_rows,
        "blockers": [asdict(blocker) for blocker in result.blockers],
    }


def _ensure_guarded(target: Target) -> None:
    """Raises NotReadyError when guard or indexes are not as they must be."""
    with reading(target.database) as connection:
        guard = inspect(connection, target)
        if guard.problems:
            raise NotReadyError(tuple(map(str, guard.problems)))


def _pending_rows(target: Target, keys: KeyRange) -> int:
    with reading(target.database) as connection:
        return pending_rows_of(connection, target, keys)


def _options(rotation: BatchOperation, *, is_patient: bool) -> RotationOptions:
    """Only the lone range of a round waits for locked rows; others leave them to the next one.

    VACUUMs are operations of their own.
    """
    options = options_of(rotation)
    patience_seconds = min(options.wait_for_locks_seconds, share_seconds() / 2)
    return replace(
        options,
        wait_for_locks_seconds=patience_seconds if is_patient else 0.0,
        vacuum_every_percent=0.0,
    )


def _rotate(
    part: BatchOperation, rotation: BatchOperation, options: RotationOptions, ledger: Ledger
) -> tuple[Result, bool]:
    """The engine's result, and whether the attempt ended because its time was up."""
    stop, live_status = StopSignal(), LiveStatus()
    engine = Rotation(
        target_of_rotation(rotation),
        options,
        observe=live_status.note,
        stop=stop,
        clock=time.monotonic,
        bounds=keys_of(part),
    )

    def live() -> dict[str, Any]:
        engine.sum_up()
        return {**live_status.as_json(), FIGURES: ledger.figures(engine.result)}

    listener = PaceListener(engine.change_pace)
    listener.hear(rotation.control_data)
    keeper = Keeper(
        part,
        rotation,
        done_rows=lambda: ledger.done_rows(engine.result.rotated_rows),
        live=live,
        listener=listener,
        stop=stop,
        share_seconds=share_seconds(),
        clock=time.monotonic,
    )
    with keeper.at_work():
        try:
            result = engine.run()
        except AbortedError:  # asked to stop while the database kept failing
            result = engine.result
            result.outcome = Outcome.STOPPED
        except BaseException:  # such as the soft time limit: its threads must not go on
            stop.abort()
            raise
    return result, keeper.out_of_time and result.outcome is Outcome.STOPPED
