"""A function for formats with a checksum: a text, and its CRC32 in six characters of base62.

PostgreSQL 18 has crc32(). Before, six tables take six bytes at a time: one expression of PL/pgSQL
costs much less than six. Each type is exact, so that no function or operator of another schema is
preferred. SET search_path would cost as much as the checksum. Its name and argument are frozen.
"""

from typing import ClassVar

from django.db import migrations

from token_rotation.schema import PostgresSql

BYTES_AT_A_TIME = 6
BASE62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


def _tables() -> list[list[int]]:
    """What a byte adds to the CRC32, with 0, 1, 2... bytes after it."""
    first = list(range(256))
    for _ in range(8):
        first = [each >> 1 ^ (0xEDB88320 if each & 1 else 0) for each in first]
    tables = [first]
    while len(tables) < BYTES_AT_A_TIME:
        tables.append([each >> 8 ^ first[each & 255] for each in tables[-1]])
    return tables


def _looked_up(table: list[int], byte: int, crc_bits: int | None) -> str:
    index = f"get_byte(raw, place + {byte})"
    if crc_bits is not None:
        index = f"({index} # (crc >> {crc_bits} & 255::bigint)::integer)"
    return f"('{{{','.join(map(str, table))}}}'::bigint[])[{index} + 1]"


TABLES = _tables()
SIX_BYTES = " # ".join(
    _looked_up(table, byte, 8 * byte if byte < 4 else None)
    for byte, table in enumerate(reversed(TABLES))
)
ONE_BYTE = _looked_up(TABLES[0], 0, 0)
DIGITS = " || ".join(
    f"substr('{BASE62}'::text, (crc / {62**place}::bigint % 62::bigint)::integer + 1, 1)"
    for place in reversed(range(6))
)
WITH_CHECKSUM = f"""
CREATE OR REPLACE FUNCTION token_rotation_with_checksum(random text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
    raw bytea := convert_to(random, 'UTF8'::name);
    size integer := length(raw);
    place integer := 0;
    crc bigint := 4294967295;
BEGIN
    IF current_setting('server_version_num'::text)::integer >= 180000 THEN
        crc := crc32(raw);
    ELSE
        WHILE place + {BYTES_AT_A_TIME} <= size LOOP
            crc := {SIX_BYTES};
            place := place + {BYTES_AT_A_TIME};
        END LOOP;
        WHILE place < size LOOP
            crc := crc >> 8 # {ONE_BYTE};
            place := place + 1;
        END LOOP;
        crc := crc # 4294967295::bigint;
    END IF;
    RETURN random || {DIGITS};
END $$
"""


class Migration(migrations.Migration):
    dependencies: ClassVar = [("token_rotation", "0004_retired_functions_again")]

    operations: ClassVar = [
        PostgresSql(WITH_CHECKSUM, "DROP FUNCTION token_rotation_with_checksum(text)")
    ]
