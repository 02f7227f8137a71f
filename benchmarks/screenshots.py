"""`python -m benchmarks.screenshots`: the images of the search page in `docs/images`, taken again.

They look as the README shows them where the font Inter is installed (Debian: fonts-inter).
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.chromium import chromium
from benchmarks.service_process import running_service
from benchmarks.terminal import out
from starter.demo_shop import DEMO_DIR, make_shop

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
TARGET = Path("docs/images")
QUALITY = 86
SETTLE_MS = 1500
"""Cards that move, thumbnails that come, the sheet that slides in."""


def keep(page: Page, name: str) -> None:
    """Write what the window shows."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLE_MS)
    target = TARGET / f"{name}.webp"
    Image.open(io.BytesIO(page.screenshot())).save(target, quality=QUALITY, method=6)
    out.print(f"{target}: {target.stat().st_size / 1000:.0f} KB")


def open_(browser: Browser, url: str, *, size: dict[str, int] = WIDE, dark: bool = False) -> Page:
    """A window in which nothing moves."""
    page = browser.new_page(
        viewport={"width": size["width"], "height": size["height"]},
        device_scale_factor=1.5,
        reduced_motion="reduce",
        color_scheme="dark" if dark else "light",
    )
    page.goto(url)
    page.wait_for_selector(".examples li")
    return page


def ask(page: Page, example: int = 0) -> None:
    """Use one of the examples and wait for the reranked order."""
    page.locator(".examples button").nth(example).click()
    page.wait_for_selector(".why:visible")


def open_answer(page: Page, section: str) -> None:
    """Open the first product and scroll to a heading of its sheet."""
    page.locator("#lanes .shot").first.click()
    heading = page.locator("#sheet-body h3", has_text=section)
    heading.evaluate("one => one.closest('#sheet-body').scrollTo(0, one.offsetTop - 330)")


def main(folder: Annotated[Path, typer.Option("--dir", help="Where the demo shop is.")] = DEMO_DIR) -> None:
    """Take them all."""
    TARGET.mkdir(parents=True, exist_ok=True)
    with running_service(make_shop(folder / "shop-900", 900), folder) as service, chromium() as browser:
        ask(open_(browser, service.url))  # the times of a first search are not those of others
        page = open_(browser, service.url)
        keep(page, "start")
        ask(page)
        keep(page, "result")
        open_answer(page, "What the model saw")
        keep(page, "answer")
        phone = open_(browser, service.url, size=PHONE)
        ask(phone)
        keep(phone, "phone")
        dark = open_(browser, service.url, dark=True)
        ask(dark, 2)
        dark.get_by_label("Compare two configurations").check()
        dark.wait_for_selector("#agreement:visible")
        keep(dark, "compare")


if __name__ == "__main__":
    typer.run(main)
