"""The marker's default is NULL: a write that sets it to its default claims no rotation."""

from django.db import migrations, models

from token_rotation.schema import AlterFieldPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0011_replace_ticket_guard_update")]

    operations = [
        AlterFieldPolitely(
            model_name="ticket",
            name="token_rotated_at",
            field=models.DateTimeField(db_default=None, editable=False, null=True),
        ),
    ]
