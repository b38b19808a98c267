"""A message whose text changes is filled anew: a word that was blacked out is found no more."""

from django.db import migrations
from pgtrigger.compiler import Trigger

from token_rotation.schema import AddTriggerPolitely, GuardSql


class Migration(migrations.Migration):
    dependencies = [("tickets", "0015_message_fill_inserted")]

    operations = [
        AddTriggerPolitely(
            model_name="message",
            trigger=Trigger(
                name="shadow_update_search_filled_at",
                sql=GuardSql(
                    condition=(
                        'WHEN (NEW."body" IS DISTINCT FROM OLD."body" OR NEW."search" IS DISTINCT '
                        'FROM OLD."search" OR NEW."search_filled_at" IS DISTINCT FROM '
                        'OLD."search_filled_at")'
                    ),
                    func=(
                        "IF current_setting('token_rotation.filling', true) = "
                        "'tickets_message.search_filled_at' OR (NEW.\"search_filled_at\" IS NULL "
                        'AND NOT (NEW."body" IS DISTINCT FROM OLD."body" OR NEW."search" IS '
                        'DISTINCT FROM OLD."search")) THEN RETURN NEW; END IF; SELECT '
                        "(to_tsvector('simple'::regconfig, "
                        'COALESCE(LEFT("tickets_message"."body", 100000), \'\'))) INTO '
                        'NEW."search" FROM (SELECT NEW.*) AS "tickets_message"; '
                        'NEW."search_filled_at" := clock_timestamp(); RETURN NEW;'
                    ),
                    hash="7dc97fceb88fae46a1087eecfab24be392f6ea43",
                    operation="UPDATE",
                    pgid="pgtrigger_shadow_update_search_filled_at_b20dc",
                    table="tickets_message",
                    when="BEFORE",
                ),
            ),
        ),
    ]
