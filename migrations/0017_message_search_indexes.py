"""What is left to fill, and the words: both built beside the traffic."""

from django.contrib.postgres.indexes import GinIndex
from django.db import migrations, models

from token_rotation.schema import AddIndexConcurrentlyPolitely


class Migration(migrations.Migration):
    atomic = False  # CREATE INDEX CONCURRENTLY runs in no transaction

    dependencies = [("tickets", "0016_message_fill_changed")]

    operations = [
        AddIndexConcurrentlyPolitely(
            model_name="message",
            index=models.Index(
                condition=models.Q(("search_filled_at__isnull", True)),
                fields=["id"],
                name="tickets_message_unfilled",
            ),
        ),
        AddIndexConcurrentlyPolitely(
            model_name="message",
            index=GinIndex(fields=["search"], name="tickets_message_search"),
        ),
    ]
