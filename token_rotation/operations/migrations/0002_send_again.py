"""When the message of an operation that waits for a worker counts as lost."""

from typing import ClassVar

from django.db import migrations, models

from token_rotation.operations.record.migration_locks import lock_operations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation_operations", "0001_initial")]

    operations: ClassVar = [
        migrations.RunPython(lock_operations(), lock_operations()),
        migrations.AddField(
            model_name="batchoperation",
            name="send_again_at",
            field=models.DateTimeField(editable=False, null=True),
        ),
        migrations.AddField(
            model_name="batchoperation",
            name="sent_again",
            field=models.IntegerField(db_default=0, editable=False),
        ),
        migrations.AddIndex(
            model_name="batchoperation",
            index=models.Index(
                condition=models.Q(("send_again_at__isnull", False)),
                fields=["send_again_at"],
                name="operations_waiting",
            ),
        ),
    ]
