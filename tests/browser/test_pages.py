"""The pages in a real browser; the rotation page beside real rotations."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from selenium.webdriver.common.keys import Keys

from tests.browser.chromium import PHONE, Browser
from tests.browser.conftest import Site, log_in
from tests.support.leaked import assert_each_token_changed_once, leak, pending
from tests.support.waiting import until

ROWS = 2_000
Leak = Callable[[int], None]

PERCENT = ".percent strong"
STATE = ".state"


def ended(rotation: Any) -> int:
    stdout, stderr = rotation.communicate(timeout=60)
    assert "Traceback" not in stderr, stdout + stderr
    return int(rotation.returncode)


def watch(browser: Browser, site: Site) -> None:
    browser.open(f"{site.origin}/rotation/")


def test_a_rotation_is_watched_from_0_to_100_percent_without_a_reload(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    leaked(1_500)
    watch(browser, site)
    browser.until_seen("Rows are pending", STATE)
    assert browser.text(PERCENT) == "0.00"
    browser.ask("window.sameAsBefore = true")
    rotation = site.rotate("--max-rows-per-second", "150", "--batch-rows", "50")
    seen: list[float] = []

    def is_complete() -> bool:
        percent, state = browser.texts(PERCENT, STATE)
        seen.append(float(percent))
        return state == "Complete"

    browser.until(is_complete)
    assert ended(rotation) == 0
    between = {percent for percent in seen if 0 < percent < 100}
    assert len(between) >= 2, seen
    assert seen == sorted(seen)
    assert seen[-1] == 100
    browser.until_seen("Nothing is pending and the guard is whole")
    assert browser.ask("return window.sameAsBefore") is True
    assert_each_token_changed_once(site.tickets)


def test_a_rotation_is_stopped_by_keyboard_and_the_next_made_faster(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    leaked(ROWS)
    watch(browser, site)
    first = site.rotate("--max-rows-per-second", "20")
    browser.until_seen("Stop operation")
    browser.press_tab_until(".button--stop")
    browser.press(Keys.ENTER)
    browser.until_seen("stops after its current batch")
    assert ended(first) == 3
    browser.until_seen("Rows are pending", STATE)
    assert 0 < pending(site.tickets) < ROWS
    browser.until_seen("stopped")

    second = site.rotate("--max-rows-per-second", "20")
    browser.until_seen("Change pace")
    browser.until_seen("the pace asked for: at most 20 rows/s")
    browser.type("[name=max_rows_per_second]", "5000")
    browser.click(".pace .button")
    browser.until_seen("goes on with at most 5,000 rows/s")
    browser.until_seen("Complete", STATE)
    assert ended(second) == 0
    assert_each_token_changed_once(site.tickets)


def test_a_guard_that_breaks_is_seen_and_so_is_its_mending(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    leaked(10)
    watch(browser, site)
    browser.until_seen("Start the rotation")
    site.execute("ALTER TABLE tickets_ticket DISABLE TRIGGER USER")
    browser.until_seen("The guard is not whole", STATE)
    browser.until_seen("Run: python manage.py pgtrigger enable tickets.Ticket:")
    assert not browser.sees("Start the rotation")
    assert browser.text("#said").startswith("The guard is not whole")
    assert findings(browser) == []
    site.execute("ALTER TABLE tickets_ticket ENABLE TRIGGER USER")
    browser.until_seen("Rows are pending", STATE)


@pytest.fixture(scope="class")
def rotating(site: Site) -> Iterator[None]:
    """A slow rotation, which the tests of a class leave at work."""
    leak(site.tickets, 5 * ROWS)
    rotation = site.rotate("--max-rows-per-second", "20")
    yield
    rotation.terminate()
    assert ended(rotation) == 3
    site.forget()


@pytest.mark.usefixtures("rotating")
class TestBesideARotation:
    def test_the_rate_is_a_curve_and_a_table(self, browser: Browser, site: Site) -> None:
        watch(browser, site)
        browser.until_seen("The same as a table")
        assert browser.ask("return document.querySelectorAll('.chart canvas').length") == 1
        browser.click("summary")
        assert "rows/s" in browser.text(".rates")

    def test_what_is_being_typed_survives_the_news(self, browser: Browser, site: Site) -> None:
        """Which come every two seconds by themselves."""
        watch(browser, site)
        browser.until_seen("Change pace")
        browser.type("[name=pause_seconds]", "0.125")
        before = browser.text(PERCENT)
        browser.until(lambda: browser.text(PERCENT) != before)
        assert browser.ask("return document.activeElement.name") == "pause_seconds"
        assert browser.ask("return document.activeElement.value") == "0.125"

    def test_axe_finds_nothing_serious_in_light_and_dark(
        self, browser: Browser, site: Site
    ) -> None:
        watch(browser, site)
        browser.until_seen("The same as a table")
        assert findings(browser) == []

    def test_on_a_phone_nothing_lies_beyond_the_edge(self, browser: Browser, site: Site) -> None:
        browser.resize(PHONE)
        watch(browser, site)
        browser.until_seen("The same as a table")
        assert beyond_the_edge(browser) == []
        browser.resize((320, PHONE[1]))
        assert beyond_the_edge(browser) == []


def findings(browser: Browser) -> list[str]:
    found = []
    for scheme in ("dark", "light"):
        browser.prefer(scheme)
        found += [f"{scheme}: {finding}" for finding in browser.findings()]
    return found


def beyond_the_edge(browser: Browser) -> list[str]:
    """What makes the page scroll sideways."""
    found: list[str] = browser.ask(
        "const width = document.documentElement.clientWidth;"
        "if (document.documentElement.scrollWidth <= width) return [];"
        "return Array.from(document.querySelectorAll('main *'))"
        ".filter((it) => it.getBoundingClientRect().right > width).map((it) => it.outerHTML);"
    )
    return found


def test_without_a_worker_start_gives_the_command_to_type(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    leaked(10)
    watch(browser, site)
    browser.until_seen("Start the rotation")
    browser.click(".button--main")
    browser.until_seen("Nothing was started: the Celery broker")
    browser.until_seen("in a terminal: python manage.py rotate_tokens")


def test_when_the_connection_is_lost_the_page_says_so_and_comes_back(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    leaked(10)
    watch(browser, site)
    browser.until_seen("live, ")
    browser.unplug(unplugged=True)
    try:
        browser.until_seen("The connection to the server is lost. These figures are from")
    finally:
        browser.unplug(unplugged=False)
    browser.until(lambda: not browser.sees("The connection to the server is lost"))


def test_when_the_database_is_out_of_reach_the_page_says_so_and_comes_back(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    leaked(10)
    watch(browser, site)
    browser.until_seen("Rows are pending", STATE)
    with site.unreachable():
        browser.until_seen("The database cannot be reached.")
        assert browser.text(STATE) == "Rows are pending", "the last figures stay, marked as old"
    browser.until(lambda: not browser.sees("The database cannot be reached."))


def test_who_may_only_watch_has_no_buttons(browser: Browser, site: Site, leaked: Leak) -> None:
    leaked(10)
    log_in(browser, site, "bob")
    watch(browser, site)
    browser.until_seen("You may only watch.")
    assert browser.ask("return document.querySelectorAll('button').length") == 0


def test_the_page_is_served_under_a_strict_policy(browser: Browser, site: Site) -> None:
    """That nothing on any page breaks it is looked at after each of these tests."""
    watch(browser, site)
    policy = browser.ask(
        "return fetch('/rotation/').then((it) => it.headers.get('content-security-policy'))"
    )
    for rule in ("default-src", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"):
        assert rule in policy
    assert "unsafe" not in policy


def test_staff_make_a_ticket_and_its_link_is_all_that_is_needed_to_change_it(
    browser: Browser, site: Site, leaked: Leak
) -> None:
    """A form of a page that sends no Referer passes in a real browser; axe looks at each page."""
    leaked(0)  # and none is there at the end
    browser.open(f"{site.origin}/tickets/")
    assert browser.findings() == []
    browser.type("[name=subject]", "Invoice is missing")
    browser.click("[type=submit]")
    link = until(lambda: browser.text("main a"))  # of the next page: this one has none
    assert browser.findings() == []
    browser.forget_cookies()
    browser.user = ""
    browser.click("main a")
    until(lambda: browser.ask("return location.href") == link)
    assert browser.findings() == []
    browser.type("[name=subject]", "Paid")
    browser.click("[type=submit]")
    browser.until_seen("Paid", "h1")
    token = link.rsplit("/", 2)[1]
    assert token not in browser.ask("return document.title + document.documentElement.outerHTML")
    browser.open(f"{link[:-5]}0000/")
    assert browser.text("h1") == "Not found"
    assert browser.findings() == []
    assert browser.referrers()
    assert [url for url in browser.referrers() if token[:8] in url] == []
