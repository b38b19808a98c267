"""A job is started, paused and watched in a real browser, and worked on by a real worker."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.browser.chromium import PHONE, Browser
from tests.browser.conftest import ONE_WORKER, Site, log_in
from tests.support.celery_workers import RedisServer, Worker
from tests.support.databases import make_server_directory
from tests.support.leaked import value
from tests.support.manage import PROJECT
from tests.support.waiting import until
from tests.support.web_server import WebServer

NEW = "SELECT count(*) FROM tickets_ticket WHERE subject LIKE 'new%?'"
SHOUTED = "SELECT count(*) FROM tickets_ticket WHERE subject LIKE '%!'"


@pytest.fixture
def jobs(installed: None, site: Site) -> Iterator[Any]:
    """The page with a worker, and a browser of its own: to the others its origin is foreign."""
    directory = make_server_directory()
    for name in ("files", "worker", "server", "broker", "profile"):
        (directory / name).mkdir()
    broker = RedisServer(directory / "broker")
    env = {"CELERY_BROKER_URL": broker.url, "TEST_JOB_FILES": str(directory / "files")}
    worker = Worker(directory / "worker", {**env, "DATABASE_URL": site.database_url}, concurrency=1)
    settings = {"DJANGO_SETTINGS_MODULE": "tests.browser.settings_of_jobs"}
    server = WebServer(directory / "server", site.database_url, {**env, **settings}, ONE_WORKER)
    browser = Browser(directory / "profile")
    try:
        worker.until_ready()
        origin = f"http://127.0.0.1:{server.port}"
        yield SimpleNamespace(origin=origin, browser=browser, files=directory / "files")
        assert browser.requests_elsewhere(origin) == []
        assert [line for line in browser.console() if "Content Security Policy" in line] == []
    finally:
        browser.close()
        server.stop()
        worker.kill()
        broker.client.close()
        broker.stop()
        site.execute("TRUNCATE tickets_ticket, token_rotation_operation CASCADE")
        shutil.rmtree(directory, ignore_errors=True)


def field(job: str, name: str) -> str:
    return f"form[action='/rotation/jobs/{job}/start'] [name={name}]"


def test_jobs_are_started_with_a_file_and_a_form_paused_and_watched_without_a_reload(
    jobs: Any, site: Site, tmp_path: Path
) -> None:
    browser: Browser = jobs.browser
    file = tmp_path / "subjects.csv"
    file.write_text("subject\n" + "".join(f"new {number}\n" for number in range(50)))
    log_in(browser, jobs, "ann")
    browser.click("nav a[href='/rotation/jobs/']")
    browser.until_seen("Jobs", "h1")
    browser.ask("window.sameAsBefore = true")

    browser.ask("document.querySelector(arguments[0]).required = false", field("Import", "file"))
    press(browser, "Start Import")
    browser.until_seen("Nothing was started: Import: file: This field is required.")
    browser.type(field("Import", "file"), str(file))
    press(browser, "Start Import")
    browser.until_seen("was handed to the workers")
    browser.until_seen("complete")
    assert list(jobs.files.rglob("*.csv")) == []

    browser.type(field("Mark", "sign"), "?")
    press(browser, "Start Mark")
    browser.until_seen("50 of 50 items")
    assert value(site.tickets, NEW) == 50

    site.execute("UPDATE tickets_ticket SET subject = 'gate' WHERE subject LIKE 'new 7?'")
    patient = "[id^=job_runs-patient]"
    press(browser, "Start Patient")
    browser.until_seen("running", patient)
    press(browser, "Pause")
    browser.until_seen("paused", patient)
    press(browser, "Resume")
    browser.until_seen("running", patient)
    browser.click(f"{patient} summary")
    browser.photograph(PROJECT / "var" / "browser" / "jobs.png")
    assert browser.findings() == []
    browser.resize(PHONE)
    assert browser.ask("return document.documentElement.scrollWidth") <= PHONE[0]
    site.execute("UPDATE tickets_ticket SET subject = 'open' WHERE subject = 'gate'")
    browser.until_seen("50 of 50 items", patient)
    assert browser.ask("return window.sameAsBefore") is True
    assert value(site.tickets, SHOUTED) == 50


def press(browser: Browser, text: str) -> None:
    """The button that begins with these words."""
    script = (
        "const found = Array.from(document.querySelectorAll('button'))"
        ".find((it) => it.textContent.startsWith(arguments[0]));"
        "if (found) found.click(); return Boolean(found);"
    )
    until(lambda: browser.ask(script, text))
