"""Columns that are empty at first: ``fill_column`` and the triggers fill them."""

from django.contrib.postgres.search import SearchVectorField
from django.db import migrations, models

from token_rotation.schema import AddFieldPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0013_replace_ticket_guard_update")]

    operations = [
        AddFieldPolitely(
            model_name="message",
            name="search",
            field=SearchVectorField(editable=False, null=True),
        ),
        AddFieldPolitely(
            model_name="message",
            name="search_filled_at",
            field=models.DateTimeField(db_default=None, editable=False, null=True),
        ),
    ]
