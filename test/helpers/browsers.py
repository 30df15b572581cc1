"""Headless Chromium for tests of pages; a test that imports this is skipped where there is none."""

from __future__ import annotations

import os
import shutil
from importlib import import_module
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
if CHROMIUM is None and not os.environ.get("CI"):
    pytest.skip("no chromium: sudo apt install chromium", allow_module_level=True)
sync_api = import_module("playwright.sync_api") if os.environ.get("CI") else pytest.importorskip("playwright.sync_api")

# Software WebGL, since a machine that runs tests often has no GPU; small, since it is slow.
OPTIONS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")
LONG_MS = 240_000.0
"""Longest wait for an event: software WebGL draws slowly, on a busy machine far more slowly."""


def opened(browser: Any, address: str, width: int = 700, height: int = 500) -> Any:
    page = browser.new_page(viewport={"width": width, "height": height})
    page.set_default_timeout(LONG_MS)
    page.goto(address)
    return page
