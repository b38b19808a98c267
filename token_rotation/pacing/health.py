"""Make what paces a rotation, from its options."""

from __future__ import annotations

from collections.abc import Callable

from token_rotation.options import RotationOptions
from token_rotation.pacing.batch_size import AdaptiveBatchSize
from token_rotation.pacing.budget.traffic_budget import TrafficBudget
from token_rotation.pacing.gates.signals import signals_of
from token_rotation.pacing.throttle import Throttle


def traffic_budget(
    options: RotationOptions, clock: Callable[[], float], tell: Callable[[str], None]
) -> TrafficBudget | None:
    """The budget that the options ask for; None where the batch size is fixed.

    A change of pace may ask for it later.
    """
    if options.batch_rows is not None:
        return None
    return TrafficBudget(
        options.traffic_budget_ms / 1000,
        largest_rows=AdaptiveBatchSize(options.target_batch_seconds).largest_rows,
        workers=options.workers,
        clock=clock,
        tell=tell,
    )


def make_throttle(
    options: RotationOptions, clock: Callable[[], float], budget: TrafficBudget | None = None
) -> Throttle:
    """The throttle that the options ask for."""
    return Throttle(
        clock=clock,
        pause_seconds=options.pause_seconds,
        max_rows_per_second=options.max_rows_per_second,
        signals=signals_of(options),
        budget=budget,
    )
