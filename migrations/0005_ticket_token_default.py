"""The database issues tokens, so that Django reads the stored one back after an INSERT."""

from django.contrib.postgres.functions import RandomUUID
from django.db import migrations, models

from token_rotation.schema import AlterFieldPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0004_ticket_guard_update")]

    operations = [
        AlterFieldPolitely(
            model_name="ticket",
            name="token",
            field=models.UUIDField(db_default=RandomUUID(), editable=False, unique=True),
        ),
    ]
