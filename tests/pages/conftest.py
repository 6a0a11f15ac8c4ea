"""One browser for all tests of a file: starting one takes a second or two."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.pages.browser import browser, why_not


@pytest.fixture(scope="module")
def driver() -> Iterator[Any]:
    if reason := why_not():
        pytest.skip(reason)
    with browser() as made:
        yield made


@pytest.fixture(scope="module")
def silent_driver() -> Iterator[Any]:
    """A browser that runs no script."""
    if reason := why_not():
        pytest.skip(reason)
    with browser(javascript=False) as made:
        yield made
