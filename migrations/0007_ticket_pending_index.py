"""What is left to rotate costs what is left, not what is there."""

from django.db import migrations, models

from token_rotation.schema import AddIndexConcurrentlyPolitely


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction

    dependencies = [("tickets", "0006_ticket_token_rotated_at_default")]

    operations = [
        AddIndexConcurrentlyPolitely(
            model_name="ticket",
            index=models.Index(
                condition=models.Q(("token_rotated_at__isnull", True)),
                fields=["id"],
                name="tickets_ticket_pending",
            ),
        ),
    ]
