"""The stored record of one bulk or background operation."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, ClassVar
from uuid import uuid4

import pgtrigger
from django.conf import settings
from django.contrib.contenttypes.fields import GenericForeignKey
from django.contrib.contenttypes.models import ContentType
from django.core.serializers.json import DjangoJSONEncoder
from django.db import connections, models, router
from django.db.models.functions import Now

from token_rotation.operations.errors import NotRunningError, StatusChangeError
from token_rotation.operations.lifecycle import Mode, Result, State, Status, stored_changes
from token_rotation.operations.record.constraints import CONSTRAINTS
from token_rotation.operations.record.queryset import BatchOperationQuerySet
from token_rotation.operations.record.sql import BEAT, BRIEFLY
from token_rotation.operations.results import GroupResult, read_results
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.postgres.transaction_settings import without_standby


class BatchOperation(models.Model):
    """The record of an operation: who, when, progress, and outcome.

    Change it through its methods. Each is one conditional statement on the stored row: of two
    callers one succeeds. A call may be repeated after a COMMIT whose answer was lost. All times are
    the database's clock. Nothing checks their order: a fail-over changes the clock.
    """

    key = models.UUIDField(unique=True, default=uuid4, editable=False)
    operation_type = models.CharField(max_length=100)
    # Of a run: its group, and the alias of the queue that was chosen for it alone.
    group_name = models.CharField(
        max_length=100, blank=True, default="", db_default="", editable=False
    )
    route = models.CharField(max_length=100, blank=True, default="", db_default="", editable=False)
    status = models.CharField(max_length=20, choices=Status.choices)
    result = models.CharField(max_length=20, choices=Result.choices, default=Result.NOT_AVAILABLE)

    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
    )
    os_user = models.CharField("OS user", max_length=255, blank=True, default="")
    host = models.CharField(max_length=255, blank=True, default="")
    runner = models.CharField(max_length=255, blank=True, default="")

    # The record outlives its context's model: remove_stale_contenttypes leaves it in place.
    context_type = models.ForeignKey(
        ContentType,
        on_delete=models.SET_NULL,
        null=True,
        blank=True,
        related_name="+",
        db_index=False,  # the index of the context begins with it
    )
    # NULL and not "" when there is no context: GenericForeignKey assigns None.
    context_id = models.CharField(max_length=255, null=True, blank=True)  # noqa: DJ001
    context_object = GenericForeignKey("context_type", "context_id")

    input_data = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    output_data = models.JSONField(null=True, blank=True, encoder=DjangoJSONEncoder)
    progress_done = models.PositiveBigIntegerField(default=0)
    progress_total = models.PositiveBigIntegerField(null=True, blank=True)

    recent_progress = models.JSONField(null=True, editable=False)
    live_data = models.JSONField(null=True, editable=False, encoder=DjangoJSONEncoder)
    control_data = models.JSONField(null=True, editable=False, encoder=DjangoJSONEncoder)

    created_at = models.DateTimeField(db_default=Now(), editable=False)
    started_at = models.DateTimeField(null=True, editable=False)
    heartbeat_at = models.DateTimeField(null=True, editable=False)
    stop_requested_at = models.DateTimeField(null=True, editable=False)
    finished_at = models.DateTimeField(null=True, editable=False)

    # While it waits for a worker: when its message counts as lost, and how often it was sent again.
    send_again_at = models.DateTimeField(null=True, editable=False)
    sent_again = models.IntegerField(db_default=0, editable=False)

    objects = BatchOperationQuerySet.as_manager()

    class Meta:
        db_table = "token_rotation_operation"
        verbose_name = "operation"
        ordering: ClassVar = ["-created_at", "-id"]
        get_latest_by: ClassVar = ["created_at", "id"]
        permissions: ClassVar = [("control_batchoperation", "Can start, stop and pace operations")]
        constraints: ClassVar = CONSTRAINTS
        indexes: ClassVar = [
            models.Index(fields=["-created_at", "-id"], name="operations_latest"),
            models.Index(
                fields=["operation_type", "-created_at", "-id"], name="operations_latest_of_type"
            ),
            models.Index(
                fields=["operation_type"],
                name="operations_running",
                condition=models.Q(status=Status.RUNNING),
            ),
            models.Index(
                fields=["context_type", "context_id"],
                name="operations_context",
                condition=models.Q(context_id__isnull=False),
            ),
            models.Index(
                fields=["send_again_at"],
                name="operations_waiting",
                condition=models.Q(send_again_at__isnull=False),
            ),
        ]
        # A stale save(), or SQL by hand, does not get past the table of edges either.
        triggers: ClassVar = [
            pgtrigger.FSM(
                name="allowed_status_changes",
                field="status",
                transitions=stored_changes(),
                condition=pgtrigger.AnyChange("status"),
            )
        ]

    def __str__(self) -> str:
        return f"operation {self.pk} ({self.operation_type})"

    @property
    def duration(self) -> timedelta | None:
        """The time from start to end; None before the end."""
        if self.started_at is None or self.finished_at is None:
            return None
        return self.finished_at - self.started_at

    @property
    def results(self) -> GroupResult:
        """The results of the group's actions by now."""
        return read_results(self.output_data)

    @property
    def mode(self) -> Mode:
        """Whether its creator runs it, or a worker."""
        is_of_creator = self.status != Status.UNPROCESSED and not self.runner
        return Mode.SYNCHRONOUS if is_of_creator else Mode.ASYNCHRONOUS

    def mark_as_running(self, *, runner: str = "") -> None:
        """Start this unprocessed operation: one caller succeeds, others raise.

        ``runner`` names this attempt at the work, e.g. the id of a Celery task. The same runner may
        call again, after a lost answer or when its task is delivered again after a crash.

        Raises StatusChangeError when another process has started, finished or cancelled it.
        """
        taken = (
            self._stored()
            .filter(status=Status.UNPROCESSED)
            .update(
                status=Status.RUNNING,
                started_at=Now(),
                heartbeat_at=Now(),
                runner=runner,
                send_again_at=None,
                sent_again=0,
            )
        )
        self._reload(Status.RUNNING)
        is_own = self.status == Status.RUNNING and runner != "" and self.runner == runner
        if not taken and not is_own:
            raise StatusChangeError(str(self), Status(self.status), Status.RUNNING)

    def finish(self, *, failed: bool = False, output_data: Any = None) -> None:
        """End this running operation.

        Repeated with the same result it changes nothing.

        Raises StatusChangeError when it is not running, or has finished with the other result.
        """
        result = Result.FAILED if failed else Result.SUCCESSFUL
        ended = (
            self._stored()
            .filter(status=Status.RUNNING)
            .update(
                status=Status.FINISHED,
                result=result,
                finished_at=Now(),
                output_data=output_data,
                send_again_at=None,
            )
        )
        self._reload(Status.FINISHED)
        if not ended and (self.status != Status.FINISHED or self.result != result):
            detail = "" if self.status != Status.FINISHED else f" (it is {self.result})"
            raise StatusChangeError(str(self), Status(self.status), Status.FINISHED, detail=detail)

    def cancel(self) -> None:
        """Remove this unprocessed operation, unless it is gone already.

        Raises StatusChangeError when it has been started.
        """
        if not self._stored().cancel():
            status = self._stored_status()
            if status is not None:
                raise StatusChangeError(str(self), status, None)

    def request_stop(self) -> None:
        """Request a stop: the next ``beat`` then returns True.

        Repeated, it keeps the first request's time, also when the operation has ended since.

        Raises NotRunningError when it has not been started, or ended before the first request.
        """
        self._stored().request_stop()
        self._reload(Status.RUNNING)
        if self.stop_requested_at is None:
            raise NotRunningError(str(self), Status(self.status))

    def control(self, data: Any) -> None:
        """Send data to the running operation.

        Its next ``beat`` finds them in ``control_data``. The latest data replace those before.

        Raises NotRunningError when it has not been started, or has ended.
        """
        if not self._stored().running().update(control_data=data):
            raise NotRunningError(str(self), self._stored_status())
        self.control_data = data

    def beat(
        self,
        done: int | None = None,
        total: int | None = None,
        live: Any = None,
        *,
        runner: str | None = None,
        briefly: bool = False,
    ) -> bool:
        """Write heartbeat and progress in one statement.

        It waits for no synchronous standby, unless in a transaction of the caller's. With
        ``briefly`` it gives up soon where others lock the record, and does not wait for the disk.

        Returns True when a stop was requested. ``done`` and ``total`` are whole figures, not
        differences. ``live`` is what the operation says of itself. None leaves what is stored. With
        ``runner`` only that attempt may write.

        Raises NotRunningError, also when another attempt runs it.
        """
        said = None if live is None else json.dumps(live, cls=DjangoJSONEncoder)
        values = {"id": self.pk, "done": done, "total": total, "live": said, "runner": runner}
        database = self._database()
        with without_standby(database), django_cursor(connections[database]) as cursor:
            cursor.execute(f"{BRIEFLY}; {BEAT}" if briefly else BEAT, values)
            row = cursor.fetchone()
        if row is None:
            raise NotRunningError(str(self), self._stored_status())
        *figures, samples, asked = row
        self.heartbeat_at, self.progress_done, self.progress_total, self.stop_requested_at = figures
        self.recent_progress = json.loads(samples)
        self.control_data = None if asked is None else json.loads(asked)
        self.live_data = self.live_data if live is None else live
        return self.stop_requested_at is not None

    def refresh_from_db(
        self, using: str | None = None, fields: Any = None, from_queryset: Any = None
    ) -> None:
        """Read it again where it is written."""
        super().refresh_from_db(using or self._database(), fields, from_queryset)

    def _database(self) -> str:
        return router.db_for_write(type(self), instance=self)

    def _stored(self) -> BatchOperationQuerySet:
        return BatchOperation.objects.using(self._database()).filter(pk=self.pk)

    def _stored_status(self) -> State:
        found = self._stored().values_list("status", flat=True).first()
        return None if found is None else Status(found)

    def _reload(self, wanted: Status) -> None:
        try:
            self.refresh_from_db(using=self._database())
        except BatchOperation.DoesNotExist:
            raise StatusChangeError(str(self), None, wanted) from None
