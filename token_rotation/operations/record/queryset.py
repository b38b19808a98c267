"""Create operations, find them, and change many at once."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from django.contrib.contenttypes.models import ContentType
from django.db import models, router
from django.db.models import F
from django.db.models.functions import Coalesce, Now

from token_rotation.operations.errors import KeyTakenError
from token_rotation.operations.lifecycle import Status
from token_rotation.operations.record import origin
from token_rotation.operations.record.context import primary_key_text
from token_rotation.operations.record.readable import readable
from token_rotation.operations.record.resend_time import resend_at

if TYPE_CHECKING:
    from token_rotation.operations.models import BatchOperation

UNTYPED = "untyped"


class BatchOperationQuerySet(models.QuerySet["BatchOperation"]):
    """The manager of BatchOperation.

    It reads where operations are written: a standby may lack what a decision rests on.
    """

    @property
    def db(self) -> str:
        named, hints = self._db, self._hints  # type: ignore[attr-defined]
        return str(named or router.db_for_write(self.model, **hints))

    def create_synchronous(
        self,
        operation_type: str = "",
        *,
        context_object: models.Model | None = None,
        input_data: Any = None,
        progress_total: int | None = None,
        started_by: Any = None,
        key: UUID | None = None,
        group_name: str = "",
    ) -> BatchOperation:
        """Create an operation that is running already.

        The caller does its work itself. Without ``started_by`` (a user) the OS account and the host
        of this process are recorded. With a ``key`` the call can be repeated after a COMMIT whose
        answer was lost. It then returns the operation that was created under the key, whatever its
        status is now. ``group_name`` is that of the actions that it runs, if any; the
        type is the same if none is given.

        Raises KeyTakenError when the key belongs to another type of operation.
        """
        return self._create_once(
            key,
            operation_type=operation_type or group_name or UNTYPED,
            status=Status.RUNNING,
            started_at=Now(),
            heartbeat_at=Now(),
            input_data=input_data,
            progress_total=progress_total,
            group_name=group_name,
            **_started_by(started_by),
            **_context(context_object),
        )

    def create_asynchronous(
        self,
        operation_type: str = "",
        *,
        context_object: models.Model | None = None,
        input_data: Any = None,
        progress_total: int | None = None,
        started_by: Any = None,
        key: UUID | None = None,
        countdown: float | None = None,
        group_name: str = "",
        route: str = "",
    ) -> BatchOperation:
        """Create an unprocessed operation, which a worker starts later.

        The caller sends its message, to arrive ``countdown`` seconds from now. A message that is
        lost is then sent again. With None the caller alone decides when it is sent: it is sent
        again only after the visibility timeout. ``route`` is the alias of a queue for this run
        alone; "" stands for the group's.

        The other arguments and the errors are those of ``create_synchronous``.
        """
        return self._create_once(
            key,
            operation_type=operation_type or group_name or UNTYPED,
            status=Status.UNPROCESSED,
            input_data=input_data,
            progress_total=progress_total,
            group_name=group_name,
            route=route,
            send_again_at=None if countdown is None else resend_at(countdown),
            **_started_by(started_by),
            **_context(context_object),
        )

    def _create_once(self, key: UUID | None, **values: Any) -> BatchOperation:
        if key is None:
            operation = self.create(key=uuid4(), **values)
            created = True
        else:
            # The unique constraint decides between two callers, not the look-up before the INSERT.
            operation, created = self.get_or_create(key=key, defaults=values)
        if created:
            operation.refresh_from_db()  # the times of the database's clock
        elif operation.operation_type != values["operation_type"]:
            raise KeyTakenError(key or operation.key, str(operation), values["operation_type"])
        return operation

    def of_type(self, operation_type: str) -> BatchOperationQuerySet:
        return self.filter(operation_type=operation_type)

    def running(self) -> BatchOperationQuerySet:
        return self.filter(status=Status.RUNNING)

    def for_context(self, context_object: models.Model) -> BatchOperationQuerySet:
        """Return the operations on one object.

        A generic foreign key cannot be filtered by itself.
        """
        return self.filter(**_context(context_object))

    def stalled(self, silent_for: timedelta) -> BatchOperationQuerySet:
        """Return running operations without a heartbeat for that long.

        The database's clock decides.
        """
        return self.running().filter(heartbeat_at__lt=Now() - silent_for)

    def readable(self) -> Iterator[BatchOperation]:
        """Return the operations, with None for unreadable JSON.

        JSON is unreadable if Python cannot read it.
        """
        return readable(self)

    def request_stop(self) -> int:
        """Request a stop of all running ones in one UPDATE.

        Returns how many were running. The first request's time is kept.
        """
        return self._only(Status.RUNNING).update(
            stop_requested_at=Coalesce(F("stop_requested_at"), Now())
        )

    def cancel(self) -> int:
        """Remove all unprocessed ones in one DELETE.

        Returns how many were removed. A worker that starts one at the same time finds it gone, or
        keeps it. No signals are sent. A row of another table that refers to a removed one makes the
        transaction fail.
        """
        # delete() may read the rows first and then remove them by key, whatever their status is.
        return self._only(Status.UNPROCESSED)._raw_delete(self.db)  # noqa: SLF001

    def _only(self, status: Status) -> BatchOperationQuerySet:
        """Return these operations, with the status as a condition.

        The condition is on the changed row itself. Across a join Django would put the whole
        condition into a subquery. PostgreSQL does not evaluate that again after it has waited for a
        concurrent change of the row.
        """
        chosen = self.order_by() if not self.query.is_sliced else self
        return self.model.objects.using(self.db).filter(pk__in=chosen.values("pk"), status=status)


def _started_by(user: Any) -> dict[str, Any]:
    if user is not None:
        return {"started_by": user}
    return {"os_user": origin.os_user(), "host": origin.host()}


def _context(context_object: models.Model | None) -> dict[str, Any]:
    if context_object is None:
        return {}
    return {
        "context_type": ContentType.objects.get_for_model(context_object),
        "context_id": primary_key_text(context_object),
    }
