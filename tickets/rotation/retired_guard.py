"""The triggers that remember each replaced token and let none of them come back.

Both look into the table of ``RetiredToken``, so whoever may write tokens needs SELECT and INSERT on
it, and its migration comes before theirs.
"""

from __future__ import annotations

import pgtrigger
from django.core.exceptions import FieldDoesNotExist
from django.db.models import Field, Model

TABLE = "rotation_retiredtoken"


class _OnANewToken(pgtrigger.Trigger):
    """Fires for each row whose token an UPDATE changes; an UPDATE that does not pays nothing.

    Not UPDATE OF the column: another trigger may change it in an UPDATE that does not name it.
    """

    operation = pgtrigger.Update

    def __init__(self, *, token: str, marker: str, name: str | None = None) -> None:
        self.token = token
        self.marker = marker
        super().__init__(name=name)

    def get_condition(self, model: Model) -> pgtrigger.Condition:
        token = _column(model, self.token)
        return pgtrigger.Condition(f"(NEW.{token} IS DISTINCT FROM OLD.{token})")


class RefuseRetired(_OnANewToken):
    """A write that would bring any replaced token back keeps the stored token and marker.

    Its other columns go through, as with the update guard, before which it fires.
    """

    name = "guard_retired"
    when = pgtrigger.Before

    def get_func(self, model: Model) -> str:
        token, marker = _column(model, self.token), _column(model, self.marker)
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
        token = _column(model, self.token)
        source = f"{model._meta.db_table}.{token[1:-1]}"
        return (
            f"IF {_is_retired(token)} THEN"  # noqa: S608  (made of the model's names, quoted)
            " RAISE EXCEPTION USING ERRCODE = 'serialization_failure',"
            " MESSAGE = 'a token was retired while it was written again'; END IF;"
            f" IF OLD.{token} IS NOT NULL THEN INSERT INTO {TABLE} (hash, source, retired_at)"
            f" VALUES ({_hash('OLD', token)}, '{_quoted(source)}', clock_timestamp())"
            " ON CONFLICT (hash) DO NOTHING; END IF;"
            " RETURN NULL;"
        )


def keep_retired(token: str = "token", marker: str = "token_rotated_at") -> list[pgtrigger.Trigger]:
    """Both triggers, to stand beside ``guard()`` of the same token in a model's ``Meta.triggers``.

    Their migration must depend on ``("rotation", "0001_retired_token")``.
    """
    return [
        RefuseRetired(token=token, marker=marker),
        KeepRetired(token=token, marker=marker),
    ]


def _is_retired(token: str) -> str:
    return f"EXISTS (SELECT FROM {TABLE} WHERE hash = {_hash('NEW', token)})"


def _hash(row: str, token: str) -> str:
    """Of the token's text as PostgreSQL writes it; ``retired.digest`` is the same in Python."""
    return f"sha256(convert_to({row}.{token}::text, 'UTF8'))"


def _quoted(text: str) -> str:
    return text.replace("'", "''")


def _column(model: Model, field: str) -> str:
    found = model._meta.get_field(field)
    if not isinstance(found, Field) or found.column is None:
        raise FieldDoesNotExist(f"{model._meta.label}.{field} has no column of its own")
    return '"{}"'.format(found.column.replace('"', '""'))
