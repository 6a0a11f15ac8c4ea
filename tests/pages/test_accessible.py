"""Pages can be read by everybody: axe-core finds nothing serious, on a phone and a desk, light and dark."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages.browser import browser, open_page, why_not
from tests.pages.made import PAGES

SERIOUS = ("serious", "critical")


def findings(driver) -> list[str]:
    """What axe-core finds serious, one line each."""
    from axe_core_python import sync_playwright

    script = Path(sync_playwright.__file__).with_name("axe.min.js").read_text(encoding="utf-8")
    driver.execute_cdp_cmd("Page.setBypassCSP", {"enabled": True})
    driver.execute_script(script)
    found = driver.execute_async_script("const done = arguments[0]; axe.run().then(r => done(r.violations))")
    return [
        f"{v['id']}: {node['html'][:150]}: {node['any'][:1] and node['any'][0]['message']}"
        for v in found if v["impact"] in SERIOUS for node in v["nodes"][:3]
    ]  # fmt: skip


@pytest.mark.skipif(bool(why_not()), reason=why_not() or "-")
@pytest.mark.parametrize(("width", "dark"), [(390, True), (1440, False)])
@pytest.mark.parametrize("name", PAGES)
def test_axe_finds_nothing_serious_and_nothing_leaves_the_screen(
    name: str, width: int, dark: bool, tmp_path: Path
) -> None:
    file = PAGES[name](tmp_path)
    with browser(width, 900, dark=dark) as driver:
        open_page(driver, file, "method=accumulate")
        assert findings(driver) == []
        wide = driver.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
        assert wide[0] <= wide[1], "the page is wider than the screen"
