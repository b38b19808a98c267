"""The models of ``tests.projects.wishes``, installed with their tables and triggers."""

from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from django.apps import apps
from django.db import connection

from tests.support.installed import installed_apps

APP = "tests.projects.wishes.apps.WishesConfig"


@contextmanager
def wishing_models() -> Iterator[Any]:
    """The module of the models, whose tables exist for as long."""
    with installed_apps(APP):
        installed = list(apps.get_app_config("wishes").get_models())
        with connection.schema_editor() as editor:
            for model in installed:
                if not model._meta.proxy:
                    editor.create_model(model)
            editor.execute("ALTER TABLE wishes_apikey ADD key_rotated_at timestamptz")
        for model in installed:
            for trigger in getattr(model._meta, "triggers", []):
                trigger.install(model)
        try:
            yield import_module("tests.projects.wishes.models")
        finally:
            with connection.cursor() as cursor:
                for model in installed:
                    cursor.execute(f"DROP TABLE IF EXISTS {model._meta.db_table} CASCADE")


def stored(row: Any, *names: str) -> Any:
    """What the row's table holds, whatever the instance has."""
    values = type(row).objects.values_list(*names).get(pk=row.pk)
    return values if len(names) > 1 else values[0]


def rotate_behind(row: Any, token: str, marker: str) -> None:
    """Rotate a row as another session does, without the instance."""
    table, key = row._meta.db_table, row._meta.pk.column
    fresh = (
        "gen_random_uuid()"
        if row._meta.get_field(token).get_internal_type() == "UUIDField"
        else ("md5(random()::text)")
    )
    with connection.cursor() as cursor:
        cursor.execute(
            f'UPDATE {table} SET "{token}" = {fresh}, "{marker}" = clock_timestamp() '
            f'WHERE "{key}" = %s',
            [row.pk],
        )
