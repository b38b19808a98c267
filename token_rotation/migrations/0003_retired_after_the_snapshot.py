"""No transaction stores a token that was retired after it took its snapshot.

A query does not see such a hash under REPEATABLE READ and SERIALIZABLE, and a unique index does. So
the function inserts the new token's hash and takes it back, in a subtransaction: it waits for
whoever is retiring the token, fails if somebody did, and leaves no row and no lock behind.
"""

from importlib import import_module
from typing import ClassVar

from django.db import migrations

from token_rotation.schema import PostgresSql

BEFORE = import_module("token_rotation.migrations.0002_retired_functions").RETIRE
RETIRE = """
CREATE OR REPLACE FUNCTION token_rotation_retire(
    replaced_hash bytea, of_column text, new_hash bytea
) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
    IF replaced_hash IS NOT NULL THEN
        INSERT INTO token_rotation_retiredtoken (hash, source, retired_at)
        SELECT replaced_hash, of_column, clock_timestamp()
        WHERE NOT EXISTS (SELECT FROM token_rotation_retiredtoken WHERE hash = new_hash)
        ON CONFLICT (hash) DO NOTHING;
    END IF;
    IF NOT FOUND AND EXISTS (SELECT FROM token_rotation_retiredtoken WHERE hash = new_hash) THEN
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
            MESSAGE = 'a token was retired while it was written again';
    END IF;
    IF new_hash IS NULL
        OR current_setting('transaction_isolation') IN ('read committed', 'read uncommitted')
    THEN
        RETURN;
    END IF;
    BEGIN
        INSERT INTO token_rotation_retiredtoken (hash, source, retired_at)
        VALUES (new_hash, '', clock_timestamp()) ON CONFLICT (hash) DO NOTHING;
        IF FOUND THEN
            RAISE EXCEPTION USING ERRCODE = 'TR001', MESSAGE = 'not retired: take the hash back';
        END IF;
        RAISE EXCEPTION USING ERRCODE = 'serialization_failure';
    EXCEPTION
        WHEN SQLSTATE 'TR001' THEN
            NULL;
        WHEN serialization_failure THEN
            RAISE EXCEPTION USING ERRCODE = 'serialization_failure',
                MESSAGE = 'a token was retired while it was written again';
    END;
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation", "0002_retired_functions")]

    operations: ClassVar = [PostgresSql(RETIRE, BEFORE)]
