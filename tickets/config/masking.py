"""Keep tokens out of everything that is written about a request."""

import logging
import re

MASK = "[token]"

# Whatever follows /t/ is a token or was meant to be one. Elsewhere (a Referer, a traceback, a
# database error) a token is known by its form; other UUIDs are hidden with it.
_SECRET = re.compile(
    r"(?<=/t/)(?!\[token\])[^\s/?#\"'&<>]+"
    r"|(?<![0-9a-f])[0-9a-f]{8}-?(?:[0-9a-f]{4}-?){3}[0-9a-f]{12}(?![0-9a-f])",
    re.IGNORECASE,
)
_ESCAPED = re.compile("%([2-7][0-9a-f])", re.IGNORECASE)


def mask(text: str) -> str:
    """Return `text` with every token replaced by ``[token]``, percent-encoded ones too."""
    return _SECRET.sub(MASK, _ESCAPED.sub(_needless_escape, text))


def _needless_escape(escaped: re.Match[str]) -> str:
    # "/%74/" names the same page as "/t/". Control characters and delimiters stay escaped.
    character = chr(int(escaped[1], 16))
    return character if character.isalnum() or character in "-/" else escaped[0]


class MaskTokens(logging.Filter):
    """Masks a record's message, traceback and stack for the handler that it is attached to."""

    def filter(self, record: logging.LogRecord) -> bool:
        record.msg, record.args = mask(record.getMessage()), None
        if record.exc_info and not record.exc_text:
            record.exc_text = logging.Formatter().formatException(record.exc_info)
        if record.exc_text:  # formatters take this text instead of making it again
            record.exc_text = mask(record.exc_text)
        if record.stack_info:
            record.stack_info = mask(record.stack_info)
        return True
