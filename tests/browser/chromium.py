"""A real browser: Debian's Chromium, driven by its own chromedriver."""

import json
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from selenium.common.exceptions import StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement

from tests.support.waiting import until

VENDOR = Path(__file__).parent / "vendor"
DESK = (1280, 900)
PHONE = (360, 740)


def why_missing() -> str | None:
    """What is not installed, in words; None when all is."""
    missing = [name for name in ("chromium", "chromedriver") if shutil.which(name) is None]
    return f"{' and '.join(missing)} not installed (scripts/install_services)" if missing else None


class Browser:
    """One window. What it requests, and what its console says, is kept for the whole session."""

    def __init__(self, profile: Path) -> None:
        options = ChromeOptions()
        options.binary_location = shutil.which("chromium") or ""
        for argument in (
            "--headless=new",
            "--no-sandbox",  # as root, in a container
            "--disable-dev-shm-usage",
            "--disable-gpu",
            "--disable-background-networking",
            "--disable-component-update",
            "--no-first-run",
            f"--user-data-dir={profile}",
        ):
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = Chrome(options, ChromeService(shutil.which("chromedriver")))
        self.user = ""  # who is logged in
        self._requests: list[str] = []
        self._referrers: list[str] = []
        self._console: list[str] = []
        self.resize(DESK)

    def close(self) -> None:
        self.driver.quit()

    # What a person does.

    def open(self, url: str) -> None:
        self.driver.get(url)

    def type(self, selector: str, text: str) -> None:
        self._with(selector, lambda field: field.clear())
        self._with(selector, lambda field: field.send_keys(text))

    def click(self, selector: str) -> None:
        self._with(selector, lambda element: element.click())

    def _with(self, selector: str, act: Callable[[WebElement], None]) -> None:
        """Act on what is there now: a live page may put another in its place while one looks."""

        def acted() -> bool:
            try:
                act(self.driver.find_element(By.CSS_SELECTOR, selector))
            except StaleElementReferenceException:
                return False
            return True

        self.until(acted)

    def press_tab_until(self, selector: str) -> None:
        """Move the focus there with the keyboard alone."""
        body = self.driver.find_element(By.TAG_NAME, "body")
        for _ in range(60):
            if self.ask("return document.activeElement.matches(arguments[0])", selector):
                return
            (self.driver.switch_to.active_element or body).send_keys(Keys.TAB)
        raise AssertionError(f"{selector} cannot be reached by the keyboard")

    def press(self, key: str) -> None:
        self.driver.switch_to.active_element.send_keys(key)

    # What a person sees.

    def sees(self, text: str) -> bool:
        return text in self.text()

    def look_again(self) -> None:
        """As one who comes back to the window: the rotation page then asks at once."""
        self.ask("document.dispatchEvent(new Event('visibilitychange'))")

    def until_seen(self, text: str, selector: str = "body") -> None:
        """Look again now and then."""

        def sees() -> bool:
            if text in self.text(selector):
                return True
            self.look_again()
            return False

        until(sees, pause_seconds=0.3)

    def text(self, selector: str = "body") -> str:
        """What is visible, on one line; "" where there is no such element."""
        return self.texts(selector)[0]

    def texts(self, *selectors: str) -> list[str]:
        """The text of each, at one moment: between two questions the page may have changed."""
        found: list[str] = self.ask(
            "return Array.from(arguments, (selector) => {"
            "const found = document.querySelector(selector);"
            "return found ? found.innerText.replace(/\\s+/g, ' ').trim() : '';});",
            *selectors,
        )
        return found

    def ask(self, script: str, *values: Any) -> Any:
        return self.driver.execute_script(script, *values)

    # What surrounds the page.

    def forget_cookies(self) -> None:
        self._command("Network.clearBrowserCookies", {})

    def resize(self, size: tuple[int, int], *, scale: float = 1, is_phone: bool = False) -> None:
        """A phone's scroll bar lies over the page."""
        width, height = size
        self._command(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": scale, "mobile": is_phone},
        )

    def prefer(self, scheme: str) -> None:
        """Light or dark."""
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self._command("Emulation.setEmulatedMedia", {"features": features})

    def unplug(self, *, unplugged: bool) -> None:
        """Cut the connection, or bring it back."""
        conditions = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        self._command("Network.enable", {})
        self._command("Network.emulateNetworkConditions", {**conditions, "offline": unplugged})

    def photograph(self, path: Path, *, whole: bool = True) -> None:
        """As PNG; the whole page, or what is in the window."""
        path.parent.mkdir(parents=True, exist_ok=True)
        if whole:
            height = self.ask("return document.documentElement.scrollHeight")
            width = self.ask("return window.innerWidth")
            scale = self.ask("return window.devicePixelRatio")
            self.resize((width, height), scale=scale)
            until(lambda: self.ask("return window.innerHeight") == height)
            self.driver.save_screenshot(str(path))
            return
        self.driver.save_screenshot(str(path))

    def findings(self) -> list[str]:
        """What axe has to say against the page, serious or critical, one line a finding."""
        self.ask((VENDOR / "axe.min.js").read_text())
        result: Mapping[str, Any] = self.driver.execute_async_script(
            "const done = arguments[0]; axe.run(document, {resultTypes: ['violations']})"
            ".then(done, (error) => done({violations: [{impact: 'critical', id: String(error),"
            " nodes: []}]}));"
        )
        return [
            f"{each['impact']}: {each['id']} at {node['target']}: {node.get('failureSummary', '')}"
            for each in result["violations"]
            for node in each["nodes"] or [{"target": "?"}]
            if each["impact"] in {"serious", "critical"}
        ]

    def requests_elsewhere(self, origin: str) -> list[str]:
        """The URLs of everything that was requested so far, but for the site and what is local."""
        self._read_log()
        own = ("data", "about", "chrome", "chrome-untrusted", "chrome-extension")
        return [
            url
            for url in self._requests
            if not url.startswith(f"{origin}/") and urlsplit(url).scheme not in own
        ]

    def referrers(self) -> list[str]:
        """The Referer of everything that was requested so far with one."""
        self._read_log()
        return self._referrers

    def _read_log(self) -> None:
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self._requests.append(message["params"]["request"]["url"])
            elif message["method"] == "Network.requestWillBeSentExtraInfo":
                headers = message["params"]["headers"]
                self._referrers += [headers[name] for name in headers if name.lower() == "referer"]

    def console(self) -> list[str]:
        """Every warning and error so far."""
        for entry in self.driver.get_log("browser"):
            if entry["level"] in {"WARNING", "SEVERE"}:
                self._console.append(entry["message"])
        return self._console

    def until(self, happened: Callable[[], object], *, timeout_seconds: float = 60) -> None:
        until(happened, timeout_seconds=timeout_seconds, pause_seconds=0.05)

    def _command(self, name: str, values: dict[str, Any]) -> None:
        self.driver.execute_cdp_cmd(name, values)
