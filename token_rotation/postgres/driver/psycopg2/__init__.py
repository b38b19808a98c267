"""psycopg 2 behind the names of ``driver``."""

from __future__ import annotations

from psycopg2 import (
    DataError,
    Error,
    InternalError,
    OperationalError,
    ProgrammingError,
    sql,
)
from psycopg2.errors import ObjectNotInPrerequisiteState, QueryCanceled
from psycopg2.extensions import Diagnostics
from psycopg2.sql import SQL, Composed, Identifier, Literal

from token_rotation.postgres.driver.psycopg2.connections import (
    is_idle,
    libpq_path,
    make_own,
    notices_of,
    parameters_of,
    pointer_of,
)
from token_rotation.postgres.driver.psycopg2.errors import SQLSTATE_NAME, session_of, sqlstate_of
from token_rotation.postgres.driver.psycopg2.hooked import hook, hook_of, hooked_cursor, unhook
from token_rotation.postgres.driver.psycopg2.polled import PolledConnection
from token_rotation.postgres.driver.psycopg2.texts import (
    bound_text,
    copy_from,
    in_one_message,
    show_last_answer,
    text_of,
)

__all__ = [
    "SQL",
    "SQLSTATE_NAME",
    "Composed",
    "DataError",
    "Diagnostics",
    "Error",
    "Identifier",
    "InternalError",
    "Literal",
    "ObjectNotInPrerequisiteState",
    "OperationalError",
    "PolledConnection",
    "ProgrammingError",
    "QueryCanceled",
    "bound_text",
    "copy_from",
    "hook",
    "hook_of",
    "hooked_cursor",
    "in_one_message",
    "is_idle",
    "libpq_path",
    "make_own",
    "notices_of",
    "parameters_of",
    "pointer_of",
    "session_of",
    "show_last_answer",
    "sql",
    "sqlstate_of",
    "text_of",
    "unhook",
]
