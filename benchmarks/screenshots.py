"""`python -m benchmarks.screenshots`: takes the images in `docs/images` of the search page and of the lab's report.

They look as the README shows them where the font Inter is installed (Debian: fonts-inter). The report is that of
`withthis evaluate --demo`, which takes minutes the first time.
"""

from __future__ import annotations

import io
import subprocess
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from PIL import Image
from playwright.sync_api import Browser, Page

from benchmarks.chromium import chromium
from benchmarks.machine import ROOT
from benchmarks.service_process import COMMAND, of, running_service
from benchmarks.terminal import out
from starter.demo_shop import DEMO_DIR, make_shop

WIDE = {"width": 1280, "height": 860}
PHONE = {"width": 390, "height": 844}
REPORT = {"width": 1280, "height": 925}
TARGET = Path("docs/images")
EVALUATED = Path(".withthis/evaluate/demo")
QUALITY = 86
SETTLE_MS = 1500
"""Cards that move, thumbnails that come, the sheet that slides in."""


Keep = Callable[[Page, str], None]


def keep(page: Page, name: str, folder: Path) -> None:
    """Write what the window shows."""
    page.mouse.move(0, 0)
    page.wait_for_timeout(SETTLE_MS)
    target = folder / f"{name}.webp"
    Image.open(io.BytesIO(page.screenshot())).save(target, quality=QUALITY, method=6)
    out.print(f"{target}: {target.stat().st_size / 1000:.0f} KB")


def open_(
    browser: Browser, url: str, *, size: dict[str, int] = WIDE, dark: bool = False, shown: str = ".examples li"
) -> Page:
    """A window in which nothing moves, once it shows an element."""
    page = browser.new_page(
        viewport={"width": size["width"], "height": size["height"]},
        device_scale_factor=1.5,
        reduced_motion="reduce",
        color_scheme="dark" if dark else "light",
    )
    page.goto(url)
    page.wait_for_selector(shown)
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


def scroll(page: Page, heading: str) -> None:
    """Bring a heading to the top of the window."""
    page.locator("h2, h3", has_text=heading).first.evaluate(
        "one => scrollTo(0, scrollY + one.getBoundingClientRect().top - 16)"
    )


def take_search_page(browser: Browser, folder: Path, keep: Keep) -> None:
    """The demo shop's page."""
    with running_service(make_shop(folder / "shop-900", 900), folder) as service:
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


def take_report(browser: Browser, folder: Path, keep: Keep) -> None:
    """The report of `withthis evaluate --demo`, whose results are in a folder or go there."""
    command = [*COMMAND, "evaluate", "--demo", "--out", str(folder)]
    subprocess.run(command, env=of(ROOT), cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    address = (ROOT / folder / "report.html").as_uri()
    page = open_(browser, address, size=REPORT, shown="h1")
    scroll(page, "Quality")
    keep(page, "report-composition")
    scroll(page, "gained most")
    keep(page, "report-queries")


def main(
    folder: Annotated[Path, typer.Option("--dir", help="Where the demo shop is.")] = DEMO_DIR,
    evaluated: Annotated[Path, typer.Option(help="Where the results of the demo's evaluation are or go.")] = EVALUATED,
    out_folder: Annotated[Path, typer.Option("--out", help="Where the images go.")] = TARGET,
) -> None:
    """Take them all."""
    out_folder.mkdir(parents=True, exist_ok=True)
    kept = partial(keep, folder=out_folder)
    with chromium() as browser:
        take_search_page(browser, folder, kept)
        take_report(browser, evaluated, kept)


if __name__ == "__main__":
    typer.run(main)
