"""A headless browser for tests: it opens a page from disk, says what it complained of and what it asked the network for.

`browser()` starts Chromium, or Chrome, of this machine in a profile of its own; `why_not()` says why there is none.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
#: No sandbox: in a container root has none. Nothing of the browser's own goes to the network.
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--hide-scrollbars", "--mute-audio",
    "--no-first-run", "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--disable-default-apps", "--disable-extensions", "--no-proxy-server", "--force-color-profile=srgb",
)  # fmt: skip


def found() -> tuple[str, str] | None:
    """Return the programs of browser and driver; None where one of them is missing."""
    program = next(filter(None, map(shutil.which, NAMES)), None)
    driver = shutil.which("chromedriver")
    return (program, driver) if program and driver else None


@cache
def why_not() -> str:
    """Say why no browser can be opened here; "" where one can."""
    try:
        import selenium.webdriver  # noqa: F401
    except ImportError:
        return "selenium is not installed"
    return "" if found() else "no chromium with chromedriver on this machine (apt-get install chromium chromium-driver)"


@contextmanager
def browser(width: int = 1440, height: int = 900, javascript: bool = True, dark: bool = False) -> Iterator[Any]:
    """Start a headless browser in a temporary profile and end it; downloads go to `driver.downloads`.

    Args:
        width: Pixels of the window.
        height: Pixels of the window.
        javascript: Whether pages may run scripts.
        dark: Whether the reader prefers dark pages.
    """
    from selenium import webdriver

    programs = found()
    assert programs, why_not()
    folder = Path(tempfile.mkdtemp(prefix="mmcollapse-browser-"))
    downloads = folder / "downloads"
    downloads.mkdir()
    options = webdriver.ChromeOptions()
    options.binary_location = programs[0]
    for flag in (*FLAGS, f"--user-data-dir={folder / 'profile'}", f"--window-size={width},{height}"):
        options.add_argument(flag)
    options.add_experimental_option(
        "prefs",
        {
            "download.default_directory": str(downloads),
            "download.prompt_for_download": False,
            "profile.managed_default_content_settings.javascript": 1 if javascript else 2,
        },
    )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver: Any = webdriver.Chrome(options=options, service=webdriver.ChromeService(executable_path=programs[1]))
    driver.downloads = downloads
    driver.set_script_timeout(600)  # how busy a machine is fails no test
    try:
        # The window's size holds the browser's own frame, and has a least width: a page is given exact pixels.
        driver.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False},
        )
        preferred = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": preferred})
        yield driver
    finally:
        driver.quit()
        shutil.rmtree(folder, ignore_errors=True)


def open_page(driver: Any, file: Path, fragment: str = "") -> None:
    """Open a file from disk, anew, at a fragment such as "method=ema"."""
    driver.get("about:blank")
    driver.get(file.resolve().as_uri() + (f"#{fragment}" if fragment else ""))


def complaints(driver: Any) -> list[str]:
    """Return what the console has said since the last call: warnings and errors."""
    return [entry["message"] for entry in driver.get_log("browser") if entry["level"] in ("WARNING", "SEVERE")]


def requested(driver: Any) -> list[str]:
    """Return the addresses asked for since the last call, but for files, data and what the page itself made."""
    found = []
    for entry in driver.get_log("performance"):
        message = json.loads(entry["message"])["message"]
        if message["method"] in ("Network.requestWillBeSent", "Network.webSocketCreated"):
            parameters = message["params"]
            url = parameters["request"]["url"] if "request" in parameters else parameters["url"]
            if not url.startswith(("file:", "data:", "blob:", "about:", "chrome:")):
                found.append(url)
    return found


def screenshot(driver: Any, file: Path) -> None:
    """Write a picture of the whole page, however long."""
    import base64

    size = driver.execute_cdp_cmd("Page.getLayoutMetrics", {})["cssContentSize"]
    clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
    shot = {"format": "png", "captureBeyondViewport": True, "clip": clip}
    file.write_bytes(base64.b64decode(driver.execute_cdp_cmd("Page.captureScreenshot", shot)["data"]))
