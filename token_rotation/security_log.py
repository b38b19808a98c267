"""Events for a security team: one JSON line each, to a logger of their own.

The logger ``token_rotation.security`` writes nothing until it has a handler. No event holds a
token, a key of a row, or a name of a person.
"""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime
from enum import StrEnum

LOGGER = "token_rotation.security"
_FIELDS = "security_event"
logger = logging.getLogger(LOGGER)


class SecurityEvent(StrEnum):
    """What happened: OWASP's word where its logging vocabulary has one."""

    ROTATION_BEGUN = "token_rotation_begun"
    ROTATION_ENDED = "token_rotation_ended"
    TOKEN_REVOKED = "authn_token_revoked"
    RETIRED_TOKEN_USED = "authn_token_reuse"
    GUARD_DISABLED = "sys_monitor_disabled"
    GUARD_ALTERED = "token_guard_altered"
    LEAK_REPORTED = "token_leak_reported"
    OWNER_TOLD = "token_owner_told"


LEVELS = {
    SecurityEvent.RETIRED_TOKEN_USED: logging.CRITICAL,
    SecurityEvent.GUARD_DISABLED: logging.WARNING,
    SecurityEvent.GUARD_ALTERED: logging.WARNING,
    SecurityEvent.LEAK_REPORTED: logging.WARNING,
}
"""Of the others: INFO."""
LEVEL_NAMES = {logging.WARNING: "WARN"}
"""OWASP's words, where they are not Python's."""


def is_heard() -> bool:
    """Return True if the logger has a handler."""
    return bool(logger.handlers)


def tell(event: SecurityEvent, description: str, **fields: str | int | bool | None) -> None:
    """Log an event. After the commit of what it tells: nobody takes a line back."""
    if is_heard():
        extra = {_FIELDS: {"event": event.value, **fields}}
        logger.log(LEVELS.get(event, logging.INFO), "%s", description, extra=extra)


class SecurityJson(logging.Formatter):
    """Formatter of ``token_rotation.security``: one JSON object a line, no line break in it."""

    def format(self, record: logging.LogRecord) -> str:
        fields = getattr(record, _FIELDS, {})
        return json.dumps(
            {
                "datetime": datetime.fromtimestamp(record.created, UTC).isoformat(),
                "appid": "token_rotation",
                "level": LEVEL_NAMES.get(record.levelno, record.levelname),
                **fields,
                "description": record.getMessage(),
            }
        )
