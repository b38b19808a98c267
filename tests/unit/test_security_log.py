"""Each security event is one line of JSON, in the words of its page."""

import logging
import re

import pytest

from tests.support.documents import DOCS
from tests.support.security import hearing
from token_rotation.security_log import LEVEL_NAMES, LEVELS, SecurityEvent, tell

PAGE = (DOCS / "how-to" / "security-log.md").read_text()


def test_a_line_break_in_a_name_begins_no_second_event() -> None:
    with hearing() as heard:
        tell(SecurityEvent.GUARD_ALTERED, 'a "trigger"\n{"event": "no"}', target="a\nb", rows=3)
    (found,) = heard.events
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+\+00:00", found.pop("datetime"))
    assert found == {
        "appid": "token_rotation",
        "level": "WARN",
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
    levels = {each.value: LEVELS.get(each, logging.INFO) for each in SecurityEvent}
    assert dict(rows) == {
        event: LEVEL_NAMES.get(level, logging.getLevelName(level))
        for event, level in levels.items()
    }
