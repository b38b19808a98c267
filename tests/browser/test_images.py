"""The pictures in the documentation: scripts/screenshots."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.browser.chromium import DESK, Browser
from tests.browser.conftest import Site
from tests.support.waiting import until

DIRECTORY = os.environ.get("ROTATION_IMAGES")
ROWS = 360_000

pytestmark = pytest.mark.skipif(DIRECTORY is None, reason="made by scripts/screenshots")


def test_pictures_of_a_rotation_whose_pace_was_changed(
    browser: Browser, site: Site, leaked: Callable[[int], None]
) -> None:
    assert DIRECTORY is not None
    directory = Path(DIRECTORY)
    leaked(ROWS)
    canary = site.rotate("--limit", "1000")
    canary.communicate(timeout=60)
    rotation = site.rotate("--max-rows-per-second", "400")
    browser.open(f"{site.origin}/rotation/")
    browser.until_seen("Change pace")
    site.execute("UPDATE token_rotation_operation SET os_user = 'ann', host = 'db1'")
    for rate, seconds in ((400, 60), (900, 70), (600, 40), (1500, 80)):
        browser.type("[name=max_rows_per_second]", str(rate))
        browser.click(".pace .button")
        browser.until_seen(f"goes on with at most {rate:,} rows/s")
        passed = browser.ask("return Date.now()") + seconds * 1000
        until(lambda: browser.ask("return Date.now()") > passed, timeout_seconds=120)  # noqa: B023
    browser.open(f"{site.origin}/rotation/")
    browser.until_seen("live, ")
    for scheme in ("light", "dark"):
        browser.prefer(scheme)
        browser.resize(DESK)
        browser.photograph(directory / f"rotation-page-{scheme}.png")
    browser.prefer("light")
    browser.resize((390, 1240), scale=2, is_phone=True)
    browser.photograph(directory / "rotation-page-phone.png", whole=False)
    browser.resize(DESK)
    browser.click(".button--stop")
    rotation.communicate(timeout=60)
