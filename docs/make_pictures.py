"""Draw the pictures of the README: python docs/make_pictures.py; that of the page needs the extra browser."""

import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import tensorgrad as tg

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "examples"))
import gallery  # noqa: E402  # it stands beside the other examples

step, inputs = gallery.mlp(np.random.default_rng(0))
tg.draw(step, *inputs).save(HERE / "mlp.svg")
tg.draw(step, *inputs, view="both").save(HERE / "mlp_both.svg")
step, inputs = gallery.sigmoids(np.random.default_rng(0))
tg.draw(step, *inputs, depth=1).save(HERE / "health.svg")

chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if chromium is not None:
    from playwright.sync_api import sync_playwright

    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        step, inputs = gallery.mlp(np.random.default_rng(0))
        file = tg.draw(step, *inputs, detail="full").save(Path(folder) / "mlp.html")
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1400, "height": 900}, color_scheme="light")
        page.goto(file.as_uri())
        for _ in range(6):
            page.keyboard.press("ArrowRight")
        page.wait_for_timeout(500)
        page.screenshot(path=HERE / "page.png")
        browser.close()
