"""From here on no write brings an older token back."""

from django.db import migrations
from pgtrigger.compiler import Trigger, UpsertTriggerSql

from token_rotation.schema import AddTriggerPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0003_ticket_guard_insert")]

    operations = [
        AddTriggerPolitely(
            model_name="ticket",
            trigger=Trigger(
                name="guard_update",
                sql=UpsertTriggerSql(
                    condition=(
                        'WHEN ((NEW."token" IS NOT DISTINCT FROM OLD."token"'
                        ' AND NEW."token_rotated_at" IS NOT NULL'
                        ' AND NEW."token_rotated_at" IS DISTINCT FROM OLD."token_rotated_at")'
                        ' OR (NEW."token" IS DISTINCT FROM OLD."token"'
                        ' AND OLD."token_rotated_at" IS NOT NULL'
                        ' AND (NEW."token_rotated_at" IS NULL'
                        ' OR NEW."token_rotated_at" <= OLD."token_rotated_at")))'
                    ),
                    func=(
                        'NEW."token" := OLD."token";'
                        ' NEW."token_rotated_at" := OLD."token_rotated_at"; RETURN NEW;'
                    ),
                    hash="9f915d811c647a1f99ea20203411afe116f4e338",
                    operation="UPDATE",
                    pgid="pgtrigger_guard_update_8c864",
                    table="tickets_ticket",
                    when="BEFORE",
                ),
            ),
        ),
    ]
