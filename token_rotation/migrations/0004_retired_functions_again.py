"""Create the functions of the triggers once more, as they are.

It changes nothing, unless somebody replaced or dropped one: to step back before this migration and
forwards again mends that beside live triggers, which backwards leaves alone.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations

from token_rotation.schema import PostgresSql

IS_RETIRED = import_module("token_rotation.migrations.0002_retired_functions").IS_RETIRED
RETIRE = import_module("token_rotation.migrations.0003_retired_after_the_snapshot").RETIRE


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation", "0003_retired_after_the_snapshot")]

    operations: ClassVar = [
        PostgresSql(IS_RETIRED, PostgresSql.noop),
        PostgresSql(RETIRE, PostgresSql.noop),
    ]
