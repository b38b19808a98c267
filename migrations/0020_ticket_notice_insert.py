"""From here on nobody is told of a link that came with a new ticket."""

from django.db import migrations
from pgtrigger.compiler import Trigger

from token_rotation.schema import AddTriggerPolitely, GuardSql


class Migration(migrations.Migration):
    dependencies = [("tickets", "0019_ticket_untold_index")]

    operations = [
        AddTriggerPolitely(
            model_name="ticket",
            trigger=Trigger(
                name="notice_insert_token_notified_at",
                sql=GuardSql(
                    func=(
                        'NEW."token_notified_at" := NEW."token_rotated_at"; '
                        'NEW."token_notice_refused_at" := NULL; RETURN NEW;'
                    ),
                    hash="680689d173ecc42bd4cd395551429c19051c5d88",
                    operation="INSERT",
                    pgid="pgtrigger_notice_insert_token_notified_at_87a1e",
                    table="tickets_ticket",
                    when="BEFORE",
                ),
            ),
        ),
    ]
