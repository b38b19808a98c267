"""The group of a run, and a queue that was chosen for it alone."""

from typing import ClassVar

from django.db import migrations, models

from token_rotation.operations.record.migration_locks import lock_operations


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation_operations", "0002_send_again")]

    operations: ClassVar = [
        migrations.RunPython(lock_operations(), lock_operations()),
        migrations.AddField(
            model_name="batchoperation",
            name="group_name",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=100
            ),
        ),
        migrations.AddField(
            model_name="batchoperation",
            name="route",
            field=models.CharField(
                blank=True, db_default="", default="", editable=False, max_length=100
            ),
        ),
    ]
