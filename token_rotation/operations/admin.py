"""Operations in the admin: a list to search, read-only details."""

from typing import TYPE_CHECKING, Any, ClassVar

from django.contrib import admin
from django.contrib.auth import get_user_model
from django.db.models import Model, QuerySet
from django.http import HttpRequest

from token_rotation.operations.models import BatchOperation

# At run time ModelAdmin takes no type argument; only its type stubs do.
if TYPE_CHECKING:
    BatchOperationAdminBase = admin.ModelAdmin[BatchOperation]
else:
    BatchOperationAdminBase = admin.ModelAdmin

UNKNOWN = "–"


@admin.register(BatchOperation)
class BatchOperationAdmin(BatchOperationAdminBase):
    """Read-only admin: a record that can be edited proves nothing."""

    list_display = (
        "id",
        "operation_type",
        "status",
        "result",
        "who",
        "progress",
        "created_at",
        "started_at",
        "duration",
        "heartbeat_at",
    )
    list_display_links = ("id", "operation_type")
    list_filter = ("status", "result", "operation_type", "created_at")
    date_hierarchy = "created_at"
    # Counting every operation for each page of the list would scan the table.
    show_full_result_count = False
    fieldsets: ClassVar = [
        (None, {"fields": ["operation_type", "status", "result", "progress", "context"]}),
        ("Run", {"fields": ["group_name", "route"]}),
        ("Who", {"fields": ["started_by", "os_user", "host", "runner"]}),
        (
            "When",
            {
                "fields": [
                    "created_at",
                    "started_at",
                    "heartbeat_at",
                    "stop_requested_at",
                    "finished_at",
                    "duration",
                ]
            },
        ),
        ("Data", {"fields": ["input_data", "output_data", "key"]}),
    ]

    def get_search_fields(self, request: HttpRequest) -> tuple[str, ...]:  # noqa: ARG002
        """Return the search fields.

        They are the number, the type, the key of the context, and the user's name.
        """
        user_name = f"started_by__{get_user_model().USERNAME_FIELD}"
        return ("=id", "operation_type", "=context_id", "os_user", "host", "runner", user_name)

    def get_queryset(self, request: HttpRequest) -> QuerySet[BatchOperation]:
        return super().get_queryset(request).select_related("started_by")

    @admin.display(description="started by")
    def who(self, operation: BatchOperation) -> str:
        if operation.started_by is not None:
            return str(operation.started_by)
        return "@".join(filter(None, [operation.os_user, operation.host])) or UNKNOWN

    @admin.display(description="progress")
    def progress(self, operation: BatchOperation) -> str:
        total = operation.progress_total
        return f"{operation.progress_done:,} of {UNKNOWN if total is None else f'{total:,}'}"

    @admin.display(description="context")
    def context(self, operation: BatchOperation) -> str:
        """The object; its model and key where it is gone."""
        if operation.context_id is None:
            return UNKNOWN
        kind = operation.context_type
        if kind is None or kind.model_class() is None:
            return f"{kind or 'a model that is gone'} {operation.context_id}"
        found: Any = operation.context_object
        gone = "" if isinstance(found, Model) else " (gone)"
        return f"{kind.name} {operation.context_id}{gone}"

    def has_add_permission(self, request: HttpRequest) -> bool:  # noqa: ARG002
        return False

    def has_change_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: BatchOperation | None = None,  # noqa: ARG002
    ) -> bool:
        return False

    def has_delete_permission(
        self,
        request: HttpRequest,  # noqa: ARG002
        obj: BatchOperation | None = None,  # noqa: ARG002
    ) -> bool:
        return False
