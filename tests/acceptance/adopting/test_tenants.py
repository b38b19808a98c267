"""Packages for tenants bring commands of their own that run Django's migrate."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.project import Project

MODELS = """
from token_rotation.models import RotatingToken

class Link(RotatingToken): ...
"""

# As in django-tenants: the command is no subclass of Django's, and calls it once for each schema.
MIGRATE_SCHEMAS = """
from django.core.management.base import BaseCommand
from django.core.management.commands.migrate import Command as Migrate
from django.db.migrations.autodetector import MigrationAutodetector

class Command(BaseCommand):
    autodetector = MigrationAutodetector

    def add_arguments(self, parser):
        Migrate().add_arguments(parser)

    def handle(self, *args, **options):
        Migrate(stdout=self.stdout, stderr=self.stderr).execute(*args, **options)
"""


@pytest.fixture
def project(tmp_path: Path, make_database: Callable[..., str]) -> Project:
    project = Project(tmp_path, make_database("zero"))
    commands = tmp_path / "shop" / "management" / "commands"
    commands.mkdir(parents=True)
    for directory in (commands, commands.parent):
        (directory / "__init__.py").touch()
    for name in ("migrate", "migrate_schemas"):
        (commands / f"{name}.py").write_text(MIGRATE_SCHEMAS)
    return project


@pytest.mark.parametrize("command", ["migrate", "migrate_schemas"])
def test_migrate_by_another_packages_command_is_not_stopped_by_what_it_mends(
    command: str, project: Project
) -> None:
    project.models("class Link(models.Model):\n    token = models.UUIDField(default=uuid.uuid4)")
    project.run_each("makemigrations", f"{command} --verbosity 0")
    project.models(MODELS)
    project.run_each(
        "makemigrations --no-input",
        f"{command} --verbosity 0",
        "makemigrations --check",
        "check --database default --fail-level WARNING",
    )
    assert "TogetherPolitely" in "".join(project.written().values())
