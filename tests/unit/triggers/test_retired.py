"""The triggers for retired tokens can be written into migrations and come out the same."""

from django.db.migrations.writer import MigrationWriter

from tickets.models import Ticket
from token_rotation.triggers.retired import UnconditionalSql, keep_retired


def test_a_migration_holds_the_same_statement_as_the_model() -> None:
    for trigger in keep_retired():
        compiled = trigger.compile(Ticket)
        text, imports = MigrationWriter.serialize(compiled.sql)
        assert imports == {"import token_rotation.schema"}
        (_, _, kept) = compiled.sql.deconstruct()
        assert str(UnconditionalSql(**kept)) == str(compiled.sql)
        assert "_pgtrigger_should_ignore" not in str(compiled.sql)
        assert "UnconditionalSql" in text
