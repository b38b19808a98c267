"""Each security event is one line of JSON, in the words of its page."""

import json
import logging
import re
from collections.abc import Iterator
from io import StringIO

import pytest

from tests.support.documents import DOCS
from token_rotation.security_log import LEVELS, LOGGER, SecurityEvent, SecurityJson, tell

PAGE = (DOCS / "how-to" / "security-log.md").read_text()


@pytest.fixture
def written() -> Iterator[StringIO]:
    stream = StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(SecurityJson())
    logger = logging.getLogger(LOGGER)
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    yield stream
    logger.removeHandler(handler)
    logger.setLevel(logging.NOTSET)


def test_a_line_break_in_a_name_begins_no_second_event(written: StringIO) -> None:
    tell(SecurityEvent.GUARD_ALTERED, 'a "trigger"\n{"event": "no"}', target="a\nb", rows=3)
    (line,) = written.getvalue().splitlines()
    found = json.loads(line)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", found.pop("datetime"))
    assert found == {
        "appid": "token_rotation",
        "level": "WARNING",
        "event": "token_guard_altered",
        "target": "a\nb",
        "rows": 3,
        "description": 'a "trigger"\n{"event": "no"}',
    }


def test_a_logger_without_a_handler_of_its_own_says_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.INFO)
    tell(SecurityEvent.TOKEN_REVOKED, "the application replaced tokens")
    assert caplog.records == []


def test_the_page_has_each_event_and_its_level() -> None:
    rows = re.findall(r"^\| `(\w+)` \| ([A-Z]+) \|", PAGE, re.MULTILINE)
    levels = {
        each.value: logging.getLevelName(LEVELS.get(each, logging.INFO)) for each in SecurityEvent
    }
    assert dict(rows) == levels
