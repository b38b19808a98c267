"""The guard's triggers can be written into migrations and come out the same."""

import pytest
from django.db.migrations.writer import MigrationWriter
from pgtrigger import Trigger

from tickets.models import Ticket
from token_rotation.triggers.guard import guard
from token_rotation.triggers.retired import keep_retired
from token_rotation.triggers.templates import GuardSql

TRIGGERS = [
    *guard(accept="sent", derived={"subject": "left({token}::text, 8)"}, partitioned=True),
    *keep_retired(partitioned=True),
]


@pytest.mark.parametrize("trigger", TRIGGERS, ids=lambda trigger: trigger.name)
def test_a_migration_holds_the_same_statement_as_the_model(trigger: Trigger) -> None:
    compiled = trigger.compile(Ticket)
    text, imports = MigrationWriter.serialize(compiled.sql)
    assert imports == {"import token_rotation.schema"}
    (_, _, kept) = compiled.sql.deconstruct()
    assert str(GuardSql(**kept)) == str(compiled.sql)
    assert "GuardSql" in text
    assert "_pgtrigger_should_ignore" not in str(compiled.sql)
    assert "DROP TRIGGER" not in str(compiled.sql)
