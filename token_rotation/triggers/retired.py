"""The triggers that remember each replaced token and let none of them come back.

Both look into the table of ``RetiredToken``, so whoever may write tokens needs SELECT and INSERT on
it, and its migration comes before theirs.
"""

from __future__ import annotations

import pgtrigger
from django.db.models import Model
from pgtrigger.compiler import Trigger, UpsertTriggerSql

from token_rotation.triggers.guard import Marker, quoted_column, trigger_name

TABLE = "token_rotation_retiredtoken"
TABLE_MIGRATION = ("token_rotation", "0001_retired_token")


class UnconditionalSql(UpsertTriggerSql):
    """A trigger without the switch of ``pgtrigger.ignore``: it always fires, and costs less.

    django-pgtrigger's template looks for that switch in each call, by raising and catching an
    error. Migrations refer to this one: it must not be edited.
    """

    def get_template(self) -> str:
        return """
            CREATE OR REPLACE FUNCTION {pgid}()
            RETURNS TRIGGER AS $$
                {declare}
                BEGIN
                    {func}
                END;
            $$ LANGUAGE plpgsql;

            DROP TRIGGER IF EXISTS {pgid} ON {table};
            CREATE {constraint} TRIGGER {pgid}
                {when} {operation} ON {table}
                {timing}
                {referencing}
                FOR EACH {level} {condition}
                EXECUTE PROCEDURE {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """


class _OnANewToken(pgtrigger.Trigger):
    """Fires for each row whose token an UPDATE changes; an UPDATE that does not pays nothing.

    Not UPDATE OF the column: another trigger may change it in an UPDATE that does not name it.
    """

    operation = pgtrigger.Update

    def __init__(self, *, token: str, marker: Marker, name: str | None = None) -> None:
        self.token = token
        self.marker = marker
        super().__init__(name=name)

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        token = quoted_column(model, self.token)
        return pgtrigger.Condition(f"(NEW.{token} IS DISTINCT FROM OLD.{token})")

    def compile(self, model: Model) -> Trigger:
        compiled = super().compile(model)
        return Trigger(name=self.name, sql=UnconditionalSql(**compiled.sql.kwargs))


class RefuseRetired(_OnANewToken):
    """A write that would bring any replaced token back keeps the stored token and marker.

    Its other columns go through, as with the update guard, before which it fires.
    """

    name = "guard_retired"
    when = pgtrigger.Before

    def get_func(self, model: Model) -> str:
        token, marker = quoted_column(model, self.token), quoted_column(model, self.marker)
        stored = f"NEW.{token} := OLD.{token}; NEW.{marker} := OLD.{marker};"
        return f"IF {_is_retired(token)} THEN {stored} END IF; RETURN NEW;"


class KeepRetired(_OnANewToken):
    """Keeps the hash of the token that was replaced, in the transaction that replaces it.

    It looks once more whether the new token is a retired one: it may have been retired while the
    write waited for the other's entry in the unique index. That write fails as one that can be
    tried again, and tried again it is quietly refused.
    """

    name = "keep_retired"
    when = pgtrigger.After

    def get_func(self, model: Model) -> str:
        token = quoted_column(model, self.token)
        source = f"{model._meta.db_table}.{token[1:-1]}"
        # One statement for both, as each costs as much again as what it looks up.
        return (
            f"INSERT INTO {TABLE} (hash, source, retired_at)"
            f" SELECT {_hash('OLD', token)}, '{_quoted(source)}', clock_timestamp()"
            f" WHERE OLD.{token} IS NOT NULL AND NOT {_is_retired(token)}"
            " ON CONFLICT (hash) DO NOTHING;"
            f" IF NOT FOUND AND {_is_retired(token)} THEN"
            " RAISE EXCEPTION USING ERRCODE = 'serialization_failure',"
            " MESSAGE = 'a token was retired while it was written again'; END IF;"
            " RETURN NULL;"
        )


def keep_retired(
    token: str = "token", marker: Marker = "token_rotated_at"
) -> list[pgtrigger.Trigger]:
    """Both triggers, to stand beside ``guard()`` of the same token in a model's ``Meta.triggers``.

    Their migration must depend on ``TABLE_MIGRATION``; ``makemigrations`` sees to it.
    """
    kinds = (RefuseRetired, KeepRetired)
    names = retired_names(token)
    return [
        kind(token=token, marker=marker, name=name) for kind, name in zip(kinds, names, strict=True)
    ]


def retired_names(token: str) -> tuple[str, str]:
    """The names of both triggers of a token."""
    return trigger_name(RefuseRetired.name, token), trigger_name(KeepRetired.name, token)


def _is_retired(token: str) -> str:
    return f"EXISTS (SELECT FROM {TABLE} WHERE hash = {_hash('NEW', token)})"


def _hash(row: str, token: str) -> str:
    """Of the token's text as PostgreSQL writes it; ``retired.digest`` is the same in Python."""
    return f"sha256(convert_to({row}.{token}::text, 'UTF8'))"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
