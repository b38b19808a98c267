"""Create the functions of triggers and defaults once more, as they are.

It does what ``0004`` did, for those that came later. Migrations of projects depend on ``0005`` at
most, so a step back before this one takes none of them along.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations

from token_rotation.schema import PostgresSql

IS_RETIRED = import_module("token_rotation.migrations.0002_retired_functions").IS_RETIRED
RETIRE = import_module("token_rotation.migrations.0003_retired_after_the_snapshot").RETIRE
WITH_CHECKSUM = import_module("token_rotation.migrations.0005_with_checksum").WITH_CHECKSUM


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation", "0005_with_checksum")]

    operations: ClassVar = [
        PostgresSql(IS_RETIRED, PostgresSql.noop),
        PostgresSql(RETIRE, PostgresSql.noop),
        PostgresSql(WITH_CHECKSUM, PostgresSql.noop),
    ]
