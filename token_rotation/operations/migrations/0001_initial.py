"""The table of operations, with the trigger that allows no other change of status."""

import uuid
from typing import ClassVar

import django.core.serializers.json
import django.db.models.deletion
import django.db.models.functions.datetime
import pgtrigger.compiler
import pgtrigger.migrations
from django.conf import settings
from django.db import migrations, models

from token_rotation.operations.record.migration_locks import lock_referenced_tables


class Migration(migrations.Migration):
    initial = True

    dependencies: ClassVar = [
        ("contenttypes", "0002_remove_content_type_name"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations: ClassVar = [
        migrations.RunPython(
            lock_referenced_tables("SHARE ROW EXCLUSIVE"), migrations.RunPython.noop
        ),
        migrations.CreateModel(
            name="BatchOperation",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("key", models.UUIDField(default=uuid.uuid4, editable=False, unique=True)),
                ("operation_type", models.CharField(max_length=100)),
                (
                    "status",
                    models.CharField(
                        choices=[
                            ("unprocessed", "Unprocessed"),
                            ("running", "Running"),
                            ("finished", "Finished"),
                        ],
                        max_length=20,
                    ),
                ),
                (
                    "result",
                    models.CharField(
                        choices=[
                            ("not available", "Not Available"),
                            ("successful", "Successful"),
                            ("failed", "Failed"),
                        ],
                        default="not available",
                        max_length=20,
                    ),
                ),
                (
                    "os_user",
                    models.CharField(
                        blank=True, default="", max_length=255, verbose_name="OS user"
                    ),
                ),
                ("host", models.CharField(blank=True, default="", max_length=255)),
                ("runner", models.CharField(blank=True, default="", max_length=255)),
                ("context_id", models.CharField(blank=True, max_length=255, null=True)),
                (
                    "input_data",
                    models.JSONField(
                        blank=True,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                    ),
                ),
                (
                    "output_data",
                    models.JSONField(
                        blank=True,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                    ),
                ),
                ("progress_done", models.PositiveBigIntegerField(default=0)),
                ("progress_total", models.PositiveBigIntegerField(blank=True, null=True)),
                ("recent_progress", models.JSONField(editable=False, null=True)),
                (
                    "live_data",
                    models.JSONField(
                        editable=False,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                    ),
                ),
                (
                    "control_data",
                    models.JSONField(
                        editable=False,
                        encoder=django.core.serializers.json.DjangoJSONEncoder,
                        null=True,
                    ),
                ),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False
                    ),
                ),
                ("started_at", models.DateTimeField(editable=False, null=True)),
                ("heartbeat_at", models.DateTimeField(editable=False, null=True)),
                ("stop_requested_at", models.DateTimeField(editable=False, null=True)),
                ("finished_at", models.DateTimeField(editable=False, null=True)),
                (
                    "context_type",
                    models.ForeignKey(
                        blank=True,
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to="contenttypes.contenttype",
                    ),
                ),
                (
                    "started_by",
                    models.ForeignKey(
                        blank=True,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "db_table": "token_rotation_operation",
                "verbose_name": "operation",
                "ordering": ["-created_at", "-id"],
                "get_latest_by": ["created_at", "id"],
                "permissions": [("control_batchoperation", "Can start, stop and pace operations")],
                "indexes": [
                    models.Index(fields=["-created_at", "-id"], name="operations_latest"),
                    models.Index(
                        fields=["operation_type", "-created_at", "-id"],
                        name="operations_latest_of_type",
                    ),
                    models.Index(
                        condition=models.Q(("status", "running")),
                        fields=["operation_type"],
                        name="operations_running",
                    ),
                    models.Index(
                        condition=models.Q(("context_id__isnull", False)),
                        fields=["context_type", "context_id"],
                        name="operations_context",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("operation_type", ""), _negated=True),
                        name="operation_type_given",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("status__in", ["unprocessed", "running", "finished"])),
                        name="operation_status_known",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "unprocessed"), _negated=True),
                            models.Q(
                                ("finished_at__isnull", True),
                                ("heartbeat_at__isnull", True),
                                ("output_data__isnull", True),
                                ("result", "not available"),
                                ("started_at__isnull", True),
                                ("stop_requested_at__isnull", True),
                            ),
                            _connector="OR",
                        ),
                        name="operation_unprocessed_is_untouched",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "running"), _negated=True),
                            models.Q(
                                ("finished_at__isnull", True),
                                ("heartbeat_at__isnull", False),
                                ("result", "not available"),
                                ("started_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="operation_running_has_started",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("status", "finished"), _negated=True),
                            models.Q(
                                ("finished_at__isnull", False),
                                ("heartbeat_at__isnull", False),
                                ("result__in", ["successful", "failed"]),
                                ("started_at__isnull", False),
                            ),
                            _connector="OR",
                        ),
                        name="operation_finished_has_a_result",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            ("context_type__isnull", True),
                            ("context_id__isnull", False),
                            _connector="OR",
                        ),
                        name="operation_context_is_complete",
                    ),
                ],
            },
        ),
        pgtrigger.migrations.AddTrigger(
            model_name="batchoperation",
            trigger=pgtrigger.compiler.Trigger(
                name="allowed_status_changes",
                sql=pgtrigger.compiler.UpsertTriggerSql(
                    condition='WHEN (OLD."status" IS DISTINCT FROM (NEW."status"))',
                    declare="DECLARE _is_valid_transition BOOLEAN;",
                    func=(
                        'SELECT CONCAT(OLD."status", \':\', NEW."status") = '
                        "ANY('{unprocessed:running,running:finished}'::text[]) "
                        "INTO _is_valid_transition; "
                        "IF (_is_valid_transition IS FALSE "
                        'AND OLD."status" IS DISTINCT FROM NEW."status") THEN '
                        'RAISE EXCEPTION \'pgtrigger: Invalid transition of field "status" '
                        'from "%" to "%" '
                        'on table %\', OLD."status", '
                        'NEW."status", TG_TABLE_NAME; '
                        "ELSE RETURN NEW; "
                        "END IF;"
                    ),
                    hash="e0bfa7885cd26b77aea7def7400843ef046cc9ae",
                    operation="UPDATE",
                    pgid="pgtrigger_allowed_status_changes_ef0f2",
                    table="token_rotation_operation",
                    when="BEFORE",
                ),
            ),
        ),
        # Dropping a foreign key takes the stronger lock; backwards, this operation is the first.
        migrations.RunPython(migrations.RunPython.noop, lock_referenced_tables("ACCESS EXCLUSIVE")),
    ]
