"""VACUUMs beside the ranges of a distributed rotation.

There is one at a time, by any free worker. A range is too short for a VACUUM, and knows only its
own rows. So a VACUUM is an operation of its own, in the high queue. The worker that stores a
range's result begins it when all ranges together have rotated enough.
"""

from __future__ import annotations

import logging
from contextlib import suppress

from token_rotation.distributed.inputs import input_of, options_of, target_of
from token_rotation.distributed.records import (
    VACUUM,
    goes_on,
    range_counts_of,
    records_database,
    vacuum_key,
    vacuums_of,
)
from token_rotation.distributed.results import vacuum_value_of
from token_rotation.maintenance.background_vacuum import due_rows
from token_rotation.operations.actions.registry import registry
from token_rotation.operations.errors import StatusChangeError, UnavailableError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.models import BatchOperation
from token_rotation.operations.queue.broker import send
from token_rotation.postgres.reading import reading
from token_rotation.postgres.transaction_settings import without_standby

logger = logging.getLogger(__name__)


def begin_vacuum_if_due(rotation: BatchOperation) -> None:
    """Send a VACUUM to the workers if one is due.

    It is due when all ranges together have rotated enough for the next one. Any number may look at
    once: the key makes it one. Without a broker there is no VACUUM.

    Raises RotationError.
    """
    every_percent = options_of(rotation).vacuum_every_percent
    if not every_percent or not goes_on(rotation):
        return
    target = target_of(rotation)
    with reading(target.database) as connection:
        number = int(
            range_counts_of(rotation).rotated_rows // due_rows(connection, target, every_percent)
        )
    if number == 0 or vacuums_of(rotation).exclude(status=Status.FINISHED).exists():
        return
    since_xid = _vacuumed_until(rotation)
    with without_standby(records_database()):
        vacuum = BatchOperation.objects.using(records_database()).create_asynchronous(
            VACUUM,
            context_object=rotation,
            key=vacuum_key(rotation, number),
            countdown=0,
            input_data={"rotation": rotation.pk, "since_xid": since_xid},
        )
    if vacuum.status == Status.UNPROCESSED:
        _send(vacuum)


def _send(vacuum: BatchOperation) -> None:
    try:
        send(vacuum, registry.get(VACUUM))
    except UnavailableError as error:
        logger.warning("no VACUUM: %s", error)
        with suppress(StatusChangeError), without_standby(records_database()):  # it did arrive
            vacuum.cancel()


def _vacuumed_until(rotation: BatchOperation) -> int | None:
    """Return the transaction since which no VACUUM removed dead rows.

    Only VACUUMs of this rotation count.
    """
    values = [vacuum_value_of(vacuum) for vacuum in vacuums_of(rotation).order_by("id")]
    done = [value["until_xid"] for value in values if value is not None and value.get("done")]
    return done[-1] if done else input_of(rotation).get("since_xid")
