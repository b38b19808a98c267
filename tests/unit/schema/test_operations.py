"""Squashed migrations keep the steps apart that must be."""

from django.db.migrations import AlterField
from django.db.migrations.optimizer import MigrationOptimizer
from django.db.models import DateTimeField
from django.db.models.functions import Now

from token_rotation.schema import AddFieldPolitely


def test_the_markers_default_is_never_part_of_the_new_column() -> None:
    bare = AddFieldPolitely("ticket", "rotated_at", DateTimeField(null=True))
    default = AlterField("ticket", "rotated_at", DateTimeField(null=True, db_default=Now()))
    assert MigrationOptimizer().optimize([bare, default], "tickets") == [bare, default]
