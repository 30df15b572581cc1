"""Viewers of the page: a browser, and a process that receives everything and draws nothing."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

CHROMIUM = "/usr/bin/chromium"
GRAPHICS = ("--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader")


@contextlib.contextmanager
def browser(address: str) -> Iterator[Any]:
    """Open a page in headless Chromium, with software graphics."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=CHROMIUM, args=list(GRAPHICS))
        page = chromium.new_page(viewport={"width": 700, "height": 500})
        page.set_default_timeout(120_000)
        page.goto(address)
        page.get_by_role("button", name="EMERGENCY STOP").wait_for()
        yield page
        chromium.close()


@contextlib.contextmanager
def receiver(address: str) -> Iterator[None]:
    """Open a page in a process that receives and does not draw. Raises RuntimeError if it has not received anything."""
    program = [sys.executable, str(Path(__file__).with_name("receiving_viewer.py")), address]
    viewer = subprocess.Popen(program, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    yield
    viewer.terminate()  # it has ended before if the page has
    told, fault = viewer.communicate(timeout=60)
    if "received" not in told:
        raise RuntimeError(f"the viewer received nothing: {fault.strip().splitlines()[-1:]}")
