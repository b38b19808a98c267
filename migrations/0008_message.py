"""Messages of tickets. The foreign key locks the tickets for a moment, asked for politely."""

import django.db.models.deletion
from django.db import migrations, models
from django.db.models.functions import Now

from token_rotation.schema import CreateModelPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0007_ticket_pending_index")]

    operations = [
        CreateModelPolitely(
            name="Message",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                (
                    "ticket",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="messages",
                        to="tickets.ticket",
                    ),
                ),
                ("body", models.TextField()),
                ("created_at", models.DateTimeField(db_default=Now(), editable=False)),
                ("version", models.PositiveIntegerField(default=1, editable=False)),
            ],
        ),
    ]
