"""From here on every new ticket is born with a fresh token, also those of old code."""

from django.db import migrations
from pgtrigger.compiler import Trigger, UpsertTriggerSql

from token_rotation.schema import AddTriggerPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0002_ticket_token_rotated_at")]

    operations = [
        AddTriggerPolitely(
            model_name="ticket",
            trigger=Trigger(
                name="guard_insert",
                sql=UpsertTriggerSql(
                    func=(
                        'NEW."token" := gen_random_uuid();'
                        ' NEW."token_rotated_at" := clock_timestamp(); RETURN NEW;'
                    ),
                    hash="a2abf252da1fbc9bf5829722e0f5ebc65d8b91ec",
                    operation="INSERT",
                    pgid="pgtrigger_guard_insert_976d4",
                    table="tickets_ticket",
                    when="BEFORE",
                ),
            ),
        ),
    ]
