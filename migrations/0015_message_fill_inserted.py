"""From here on every new message is filled, also those of old code."""

from django.db import migrations
from pgtrigger.compiler import Trigger

from token_rotation.schema import AddTriggerPolitely, GuardSql


class Migration(migrations.Migration):
    dependencies = [("tickets", "0014_message_search")]

    operations = [
        AddTriggerPolitely(
            model_name="message",
            trigger=Trigger(
                name="shadow_insert_search_filled_at",
                sql=GuardSql(
                    func=(
                        "SELECT (to_tsvector('simple'::regconfig, "
                        'COALESCE(LEFT("tickets_message"."body", 100000), \'\'))) INTO '
                        'NEW."search" FROM (SELECT NEW.*) AS "tickets_message"; '
                        'NEW."search_filled_at" := clock_timestamp(); RETURN NEW;'
                    ),
                    hash="ab8eec1be0efa45a69e01ade0bf8eccecd2638ab",
                    operation="INSERT",
                    pgid="pgtrigger_shadow_insert_search_filled_at_59a00",
                    table="tickets_message",
                    when="BEFORE",
                ),
            ),
        ),
    ]
