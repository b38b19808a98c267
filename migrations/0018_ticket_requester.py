"""Who is told of a new link: nobody yet, of old rows."""

from django.db import migrations, models

from token_rotation.schema import AddFieldPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0017_message_search_indexes")]

    operations = [
        AddFieldPolitely(
            model_name="ticket",
            name="requester_email",
            field=models.EmailField(blank=True, max_length=254, null=True),
        ),
        AddFieldPolitely(
            model_name="ticket",
            name="token_notified_at",
            field=models.DateTimeField(blank=True, db_default=None, null=True),
        ),
        AddFieldPolitely(
            model_name="ticket",
            name="token_notice_refused_at",
            field=models.DateTimeField(blank=True, db_default=None, null=True),
        ),
    ]
