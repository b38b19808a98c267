"""Functions for the triggers that keep retired tokens.

The triggers name these functions and no table, so a later release may move the table. Their names
and arguments are frozen.
"""

from typing import ClassVar

from django.db import migrations

from token_rotation.schema import PostgresSql

IS_RETIRED = """
CREATE OR REPLACE FUNCTION token_rotation_is_retired(token_hash bytea) RETURNS boolean
LANGUAGE plpgsql STABLE AS $$
BEGIN
    RETURN EXISTS (SELECT FROM token_rotation_retiredtoken WHERE hash = token_hash);
END $$
"""
# One statement for both: each statement costs as much as its look-up.
RETIRE = """
CREATE OR REPLACE FUNCTION token_rotation_retire(
    replaced_hash bytea, of_column text, new_hash bytea
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO token_rotation_retiredtoken (hash, source, retired_at)
    SELECT replaced_hash, of_column, clock_timestamp()
    WHERE replaced_hash IS NOT NULL
    AND NOT EXISTS (SELECT FROM token_rotation_retiredtoken WHERE hash = new_hash)
    ON CONFLICT (hash) DO NOTHING;
    IF NOT FOUND AND EXISTS (SELECT FROM token_rotation_retiredtoken WHERE hash = new_hash) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
            MESSAGE = 'a token was retired while it was written again';
    END IF;
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation", "0001_retired_token")]

    operations: ClassVar = [
        PostgresSql(IS_RETIRED, "DROP FUNCTION token_rotation_is_retired(bytea)"),
        PostgresSql(RETIRE, "DROP FUNCTION token_rotation_retire(bytea, text, bytea)"),
    ]
