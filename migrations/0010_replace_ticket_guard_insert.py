"""New tickets as before; what comes in under pgtrigger.ignore is pending, whatever its marker."""

from django.db import migrations
from pgtrigger.compiler import Trigger

from token_rotation.schema import GuardSql, ReplaceTriggerPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0009_importedticket")]

    operations = [
        ReplaceTriggerPolitely(
            model_name="ticket",
            trigger=Trigger(
                name="guard_insert",
                sql=GuardSql(
                    func=(
                        "IF TG_NAME::text = ANY"
                        " (string_to_array(btrim(current_setting('pgtrigger.ignore', true),"
                        " '{}'), ',')) THEN IF NEW.\"token\" IS NOT NULL THEN"
                        ' NEW."token_rotated_at" := NULL; END IF; ELSE NEW."token" :='
                        ' gen_random_uuid(); NEW."token_rotated_at" := clock_timestamp();'
                        " END IF; RETURN NEW;"
                    ),
                    hash="ad13daf2774b2faa18b908afb9dc9cd2c1585e5a",
                    operation="INSERT",
                    pgid="pgtrigger_guard_insert_976d4",
                    table="tickets_ticket",
                    when="BEFORE",
                ),
            ),
        ),
    ]
