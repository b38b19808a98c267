"""Mask tokens in logs and error reports."""

import logging
import re

MASK = "[token]"

# Everything after /t/ counts as a token. Elsewhere (a Referer, a traceback, a database error) every
# UUID does.
_SECRET = re.compile(
    r"(?<=/t/)(?!\[token\])[^\s/?#\"'&<>]+"
    r"|(?<![0-9a-f])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)
_ESCAPED = re.compile("%([2-7][0-9a-f])", re.IGNORECASE)


def mask(text: str) -> str:
    """Return ``text`` with ``[token]`` for every token, also percent-encoded ones."""
    return _SECRET.sub(MASK, _ESCAPED.sub(_needless_escape, text))


def _needless_escape(escaped: re.Match[str]) -> str:
    # "/%74/" names the same page as "/t/". Control characters and delimiters stay escaped.
    character = chr(int(escaped[1], 16))
    return character if character.isalnum() or character in "-/" else escaped[0]


class MaskTokens(logging.Filter):
    """Mask a record's message, traceback and stack.

    It serves the handlers that use this filter.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:  # formatters take this text instead of making it again
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True
