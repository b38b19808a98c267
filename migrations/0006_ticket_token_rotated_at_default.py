"""A default for new tickets only: their marker is read back after an INSERT, too."""

from django.db import migrations, models
from django.db.models.functions import Now

from token_rotation.schema import AlterFieldPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0005_ticket_token_default")]

    operations = [
        AlterFieldPolitely(
            model_name="ticket",
            name="token_rotated_at",
            field=models.DateTimeField(db_default=Now(), editable=False, null=True),
        ),
    ]
