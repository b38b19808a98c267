"""A rotation is dated by its statement: a marker loaded earlier in a transaction proves nothing."""

from django.db import migrations
from pgtrigger.compiler import Trigger

from token_rotation.schema import GuardSql, ReplaceTriggerPolitely


class Migration(migrations.Migration):
    dependencies = [("tickets", "0012_alter_ticket_token_rotated_at")]

    operations = [
        ReplaceTriggerPolitely(
            model_name="ticket",
            trigger=Trigger(
                name="guard_update",
                sql=GuardSql(
                    condition=(
                        'WHEN ((NOT (NEW."token" IS DISTINCT FROM OLD."token") AND'
                        ' NEW."token_rotated_at" IS NOT NULL AND NEW."token_rotated_at" IS'
                        ' DISTINCT FROM OLD."token_rotated_at") OR ((NEW."token" IS DISTINCT'
                        ' FROM OLD."token") AND NOT (NEW."token" IS NOT NULL AND'
                        ' coalesce(NEW."token_rotated_at" BETWEEN greatest(now(),'
                        " statement_timestamp()) AND clock_timestamp() AND"
                        ' NEW."token_rotated_at" > coalesce(OLD."token_rotated_at",'
                        " '-infinity'), false) AND"
                        " coalesce(current_setting('token_rotation.wish', true), '') = '')))"
                    ),
                    func=(
                        'IF NOT (NEW."token" IS DISTINCT FROM OLD."token") THEN IF'
                        ' NEW."token_rotated_at" IS NOT NULL AND NEW."token_rotated_at" IS'
                        ' DISTINCT FROM OLD."token_rotated_at" THEN NEW."token_rotated_at" :='
                        ' OLD."token_rotated_at"; RAISE WARNING USING MESSAGE = TG_TABLE_NAME'
                        " || ': the marker was kept: it moves only with the token'; END IF;"
                        ' ELSIF NEW."token" IS NULL THEN NEW."token_rotated_at" :='
                        ' greatest(clock_timestamp(), CASE WHEN OLD."token_rotated_at" <='
                        ' clock_timestamp() THEN OLD."token_rotated_at" + interval \'1'
                        " microsecond' END); ELSIF"
                        " strpos(coalesce(current_setting('token_rotation.wish', true), ''),"
                        " encode(sha256(convert_to(NEW.\"id\"::text || ' ' ||"
                        " NEW.\"token\"::text, 'UTF8')), 'hex')) > 0 THEN PERFORM"
                        " set_config('token_rotation.wish',"
                        " replace(current_setting('token_rotation.wish', true),"
                        " encode(sha256(convert_to(NEW.\"id\"::text || ' ' ||"
                        " NEW.\"token\"::text, 'UTF8')), 'hex'), ''), true); NEW.\"token\" :="
                        ' gen_random_uuid(); NEW."token_rotated_at" :='
                        ' greatest(clock_timestamp(), CASE WHEN OLD."token_rotated_at" <='
                        ' clock_timestamp() THEN OLD."token_rotated_at" + interval \'1'
                        ' microsecond\' END); ELSIF coalesce(NEW."token_rotated_at" BETWEEN'
                        " greatest(now(), statement_timestamp()) AND clock_timestamp() AND"
                        ' NEW."token_rotated_at" >'
                        " coalesce(OLD.\"token_rotated_at\", '-infinity'), false) THEN NULL;"
                        ' ELSIF OLD."token_rotated_at" IS NULL THEN NEW."token_rotated_at" :='
                        " NULL; RAISE WARNING USING MESSAGE = TG_TABLE_NAME || ': the row stays"
                        " pending: the rotation will replace the token that was sent'; ELSE"
                        ' NEW."token" := OLD."token"; NEW."token_rotated_at" :='
                        ' OLD."token_rotated_at"; RAISE WARNING USING MESSAGE = TG_TABLE_NAME'
                        " || ': token and marker were kept: this write is neither a rotation"
                        " nor a wish'; END IF; RETURN NEW;"
                    ),
                    hash="0193f89511ba8eb1d7ab64398c24527fbd4bb52d",
                    operation="UPDATE",
                    pgid="pgtrigger_guard_update_8c864",
                    table="tickets_ticket",
                    when="BEFORE",
                ),
            ),
        ),
    ]
