"""SQL that installs triggers. Migrations refer to these classes.

Their texts must never change: a new text is a new class.
"""

from pgtrigger.compiler import UpsertTriggerSql


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


class GuardSql(UpsertTriggerSql):
    """A row trigger that is replaced in place, so that the table is never without it.

    ``pgtrigger.ignore`` cannot switch it off. It takes a weaker lock than dropping a trigger does
    (SHARE ROW EXCLUSIVE), so nobody who reads the table waits. PostgreSQL 14 or newer. Migrations
    refer to this template: it must never change.
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

            CREATE OR REPLACE TRIGGER {pgid}
                {when} {operation} ON {table}
                FOR EACH {level} {condition}
                EXECUTE FUNCTION {execute};

            COMMENT ON TRIGGER {pgid} ON {table} IS '{hash}';
        """
