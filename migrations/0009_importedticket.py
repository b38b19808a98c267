"""Where a ticket was imported from; its unique reference keeps it from being imported twice."""

import django.db.models.deletion
from django.db import migrations, models

from token_rotation.schema import CreateModelPolitely


class Migration(migrations.Migration):
    dependencies = [("token_rotation_operations", "0001_initial"), ("tickets", "0008_message")]

    operations = [
        CreateModelPolitely(
            name="ImportedTicket",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "ticket",
                    models.OneToOneField(
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="imported",
                        to="tickets.ticket",
                    ),
                ),
                (
                    "operation",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to="token_rotation_operations.batchoperation",
                    ),
                ),
                ("reference", models.CharField(max_length=200)),
                ("digest", models.BinaryField(max_length=32)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["reference"], name="tickets_imported_once")
                ],
            },
        ),
    ]
