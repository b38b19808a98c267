"""What a running operation says of itself, what it is asked, and who may ask."""

from typing import ClassVar

import django.core.serializers.json
from django.db import migrations, models

from tickets.batch.locks import lock_operations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("batch", "0001_initial")]

    operations: ClassVar = [
        migrations.RunPython(lock_operations("ACCESS EXCLUSIVE"), migrations.RunPython.noop),
        migrations.AlterModelOptions(
            name="batchoperation",
            options={
                "get_latest_by": ["created_at", "id"],
                "ordering": ["-created_at", "-id"],
                "permissions": [
                    ("control_batchoperation", "Can start, stop and pace batch operations")
                ],
            },
        ),
        migrations.AddField(
            model_name="batchoperation",
            name="recent_progress",
            field=models.JSONField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="batchoperation",
            name="live_data",
            field=models.JSONField(
                editable=False,
                encoder=django.core.serializers.json.DjangoJSONEncoder,
                null=True,
            ),
        ),
        migrations.AddField(
            model_name="batchoperation",
            name="control_data",
            field=models.JSONField(
                editable=False,
                encoder=django.core.serializers.json.DjangoJSONEncoder,
                null=True,
            ),
        ),
        # Backwards, this operation is the first.
        migrations.RunPython(migrations.RunPython.noop, lock_operations("ACCESS EXCLUSIVE")),
    ]
