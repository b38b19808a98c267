"""A stale save resets no marker of a notice."""

from django.db import migrations
from pgtrigger.compiler import Trigger

from token_rotation.schema import AddTriggerPolitely, GuardSql


class Migration(migrations.Migration):
    dependencies = [("tickets", "0020_ticket_notice_insert")]

    operations = [
        AddTriggerPolitely(
            model_name="ticket",
            trigger=Trigger(
                name="notice_update_token_notified_at",
                sql=GuardSql(
                    condition=(
                        'WHEN (NEW."token_notified_at" IS DISTINCT FROM OLD."token_notified_at" '
                        'OR NEW."token_notice_refused_at" IS DISTINCT FROM '
                        'OLD."token_notice_refused_at")'
                    ),
                    func=(
                        'IF (NEW."token_notified_at" = NEW."token_rotated_at") IS NOT TRUE THEN '
                        'NEW."token_notified_at" := OLD."token_notified_at"; END IF; IF '
                        'NEW."token_notice_refused_at" IS NOT NULL AND '
                        '(NEW."token_notice_refused_at" = NEW."token_rotated_at") IS NOT TRUE '
                        'THEN NEW."token_notice_refused_at" := OLD."token_notice_refused_at"; '
                        "END IF; RETURN NEW;"
                    ),
                    hash="a45a70866d3d10856e0e3c7152cf96e13ad7c078",
                    operation="UPDATE",
                    pgid="pgtrigger_notice_update_token_notified_at_c9483",
                    table="tickets_ticket",
                    when="BEFORE",
                ),
            ),
        ),
    ]
