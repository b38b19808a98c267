"""CHECK constraints that keep impossible operations out, whoever writes them."""

from django.db.models import BaseConstraint, CheckConstraint, Q

from token_rotation.operations.lifecycle import Result, Status

CONSTRAINTS: list[BaseConstraint] = [
    CheckConstraint(name="operation_type_given", condition=~Q(operation_type="")),
    CheckConstraint(name="operation_status_known", condition=Q(status__in=Status.values)),
    CheckConstraint(
        name="operation_unprocessed_is_untouched",
        condition=~Q(status=Status.UNPROCESSED)
        | Q(
            result=Result.NOT_AVAILABLE,
            started_at__isnull=True,
            heartbeat_at__isnull=True,
            stop_requested_at__isnull=True,
            finished_at__isnull=True,
            output_data__isnull=True,
        ),
    ),
    CheckConstraint(
        name="operation_running_has_started",
        condition=~Q(status=Status.RUNNING)
        | Q(
            result=Result.NOT_AVAILABLE,
            started_at__isnull=False,
            heartbeat_at__isnull=False,
            finished_at__isnull=True,
        ),
    ),
    CheckConstraint(
        name="operation_finished_has_a_result",
        condition=~Q(status=Status.FINISHED)
        | Q(
            result__in=[Result.SUCCESSFUL, Result.FAILED],
            started_at__isnull=False,
            heartbeat_at__isnull=False,
            finished_at__isnull=False,
        ),
    ),
    CheckConstraint(
        name="operation_context_is_complete",
        condition=Q(context_type__isnull=True) | Q(context_id__isnull=False),
    ),
]
