"""What the security log hears."""

import json
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from io import StringIO
from typing import Any

from token_rotation.security_log import LOGGER, SecurityJson


class Heard:
    """The lines so far."""

    def __init__(self) -> None:
        self.stream = StringIO()

    @property
    def lines(self) -> list[str]:
        return self.stream.getvalue().splitlines()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.lines]


@contextmanager
def hearing() -> Iterator[Heard]:
    """Give the logger a handler inside."""
    heard = Heard()
    handler = logging.StreamHandler(heard.stream)
    handler.setFormatter(SecurityJson())
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
    try:
        yield heard
    finally:
        logger.removeHandler(handler)
        logger.setLevel(logging.NOTSET)
        logger.propagate = True
