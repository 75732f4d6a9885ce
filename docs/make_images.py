"""Take the pictures of this documentation from the running app: ``python docs/make_images.py``.

It needs Debian's ``chromium`` and the package ``playwright``. Every page that the app has is taken on the built-in data and the published
run.
"""

import re
import shutil
import sys
import tempfile
from io import BytesIO
from pathlib import Path

from PIL import Image
from playwright.sync_api import expect, sync_playwright

DOCS = Path(__file__).resolve().parent
sys.path.insert(0, str(DOCS.parent))

from tests.browser.server import APPS, FLAGS, serve  # noqa: E402

WIDTH, HEIGHT, SHOWN_WIDTH = 1280, 1150, 960
LIMIT = 120_000
QUALITY = 90


def pages() -> list[str]:
    """Name the app's pages."""
    table = (APPS / "explore.py").read_text(encoding="utf-8").partition("PAGES = {")[2].partition("FIRST")[0]
    return re.findall(r'^\s+"(\w+)": \(', table, re.MULTILINE)


def shrink(taken: bytes, path: Path) -> None:
    """Keep a picture as small as a page of text needs it."""
    with Image.open(BytesIO(taken)) as picture:
        size = (SHOWN_WIDTH, SHOWN_WIDTH * picture.height // picture.width)
        picture.convert("RGB").resize(size, Image.Resampling.LANCZOS).save(path, quality=QUALITY, method=6)


def main() -> None:
    """Take every page."""
    names = sys.argv[1:] or pages()
    chromium = shutil.which("chromium")
    if not chromium:
        sys.exit("there is no chromium on this machine; install Debian's package chromium")
    with tempfile.TemporaryDirectory() as folder:
        take(names, chromium, Path(folder))


def take(names: list[str], chromium: str, folder: Path) -> None:
    """Open each page and take its picture."""
    with serve(folder) as app, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=list(FLAGS))
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(LIMIT)
        expect.set_options(timeout=LIMIT)
        for name in names:
            page.goto(f"{app.address}/?page={name}&run=shipped&theme=light")
            expect(page.locator(".lab-question")).to_be_visible()
            expect(page.locator(".js-plotly-plot .main-svg, .srg-flow").first).to_be_visible()
            page.wait_for_load_state("networkidle")
            path = DOCS / "images" / f"{name}.webp"
            shrink(page.screenshot(animations="disabled"), path)
            sys.stdout.write(f"{path.relative_to(DOCS.parent)}: {path.stat().st_size / 1000:.0f} kB\n")
        browser.close()


if __name__ == "__main__":
    main()
