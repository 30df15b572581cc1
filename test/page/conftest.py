"""A headless Chromium for each file of tests of the page."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest


@pytest.fixture(scope="module")  # not longer: a page that draws by software takes a core from the tests of boards
def browser() -> Iterator[Any]:
    from helpers.browsers import CHROMIUM, OPTIONS, sync_api

    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=list(OPTIONS))
        yield browser
        browser.close()
