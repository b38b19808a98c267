"""Triggers that let no replaced token come back.

They keep a hash of each. Both use the table of ``RetiredToken``. So every role that writes tokens
needs SELECT and INSERT on it, and its migration comes before theirs.
"""

from __future__ import annotations

import pgtrigger
from django.db.models import Model
from pgtrigger.compiler import Trigger, UpsertTriggerSql

from token_rotation.triggers.names import Marker, quoted_column, trigger_name

TABLE = "token_rotation_retiredtoken"
TABLE_MIGRATION = ("token_rotation", "0001_retired_token")


class UnconditionalSql(UpsertTriggerSql):
    """A trigger that ``pgtrigger.ignore`` cannot switch off.

    It costs less: django-pgtrigger's template checks for that switch in each call, by raising and
    catching an error. Migrations refer to this template: it must never change.
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
    """Trigger on each row whose token an UPDATE changes.

    Other UPDATEs pay nothing. It is not UPDATE OF the column: another trigger may change it in an
    UPDATE that does not name it.
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
    """Trigger that refuses to bring a replaced token back.

    It keeps the stored token and marker. The write's other columns are written, as with the update
    guard. This trigger fires first.
    """

    name = "guard_retired"
    when = pgtrigger.Before

    def get_func(self, model: Model) -> str:
        token, marker = quoted_column(model, self.token), quoted_column(model, self.marker)
        stored = f"NEW.{token} := OLD.{token}; NEW.{marker} := OLD.{marker};"
        return f"IF {_is_retired(token)} THEN {stored} END IF; RETURN NEW;"


class KeepRetired(_OnANewToken):
    """Trigger that stores the hash of the replaced token.

    It does so in the transaction that replaces the token.

    It checks once more that the new token is not retired: another transaction may have retired it
    while this write waited for its entry in the unique index. Such a write fails with
    serialization_failure. Tried again, ``RefuseRetired`` refuses it quietly.
    """

    name = "keep_retired"
    when = pgtrigger.After

    def get_func(self, model: Model) -> str:
        token = quoted_column(model, self.token)
        source = f"{model._meta.db_table}.{token[1:-1]}"
        # One statement for both: each statement costs as much as its look-up.
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
    """Return both triggers, to add to ``guard()`` of the token.

    They belong in the same ``Meta.triggers``. Their migration must depend on ``TABLE_MIGRATION``;
    ``makemigrations`` writes that.
    """
    kinds = (RefuseRetired, KeepRetired)
    names = retired_names(token)
    return [
        kind(token=token, marker=marker, name=name) for kind, name in zip(kinds, names, strict=True)
    ]


def retired_names(token: str) -> tuple[str, str]:
    """Return the names of both triggers of a token."""
    return trigger_name(RefuseRetired.name, token), trigger_name(KeepRetired.name, token)


def _is_retired(token: str) -> str:
    return f"EXISTS (SELECT FROM {TABLE} WHERE hash = {_hash('NEW', token)})"


def _hash(row: str, token: str) -> str:
    """Return SQL that hashes the token's text.

    The text is as PostgreSQL writes it; ``kept.digest`` does it in Python.
    """
    return f"sha256(convert_to({row}.{token}::text, 'UTF8'))"


def _quoted(text: str) -> str:
    return text.replace("'", "''")
