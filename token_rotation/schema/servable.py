"""Refuse a table that no guard can serve, before anything is changed."""

from django.db.backends.base.base import BaseDatabaseWrapper

from token_rotation.inspection.whole_view import KINDS
from token_rotation.postgres.text_cursor import django_cursor
from token_rotation.schema.refusal import ChangeRefusedError
from token_rotation.sql import ddl as ddl_sql


def require_servable(connection: BaseDatabaseWrapper, table: str) -> None:
    """Raise ChangeRefusedError for what a later step of the same guard would refuse.

    That step would come when others are in place already.
    """
    if connection.vendor != "postgresql":
        return
    with django_cursor(connection) as cursor:
        cursor.execute(ddl_sql.servable(table))
        found = cursor.fetchone()
    reason = f"there is no table {table}" if found is None else _reason(*found)
    if reason:
        raise ChangeRefusedError(
            f"{table}: {reason}. Nothing was changed, and the application goes on as before. Mend "
            "that, then run migrate again."
        )


def _reason(
    name: str,
    kind: str,
    role: str,
    is_owner: bool,  # noqa: FBT001  (a row of ``servable``)
    schema: str | None,
    may_create: bool,  # noqa: FBT001
    foreign: str | None,
    rule: str | None,
) -> str | None:
    if kind in KINDS:
        return f"{name} is {KINDS[kind]}, which no guard can serve"
    if not is_owner:
        return f"the role {role} does not own {name}, so that it may not change it"
    if not may_create:
        where = f"in the schema {schema}" if schema else "in any schema of its search_path"
        return f"the role {role} may not create the guard's functions {where}"
    if foreign is not None:
        return f"{foreign} is a foreign table, where no guard fires"
    if rule is not None:
        return f"the rule {rule} replaces an INSERT or UPDATE, past any guard"
    return None
