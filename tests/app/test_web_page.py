"""The page in a real browser on a slow connection: a picture sharpens level by level, as far as its screen needs."""

import re
import subprocess
import sys

import numpy as np
import pytest
from conftest import make_picture
from headless import chromium
from PIL import Image

import selfvae_codec

pytest.importorskip("uvicorn", reason="pip install 'selfvae-codec[serve]'")
pytest.importorskip("selenium.webdriver", reason="pip install 'selfvae-codec[browser]'")

from selenium.webdriver.support.ui import WebDriverWait  # noqa: E402

# What the page says at every level, as it says it: a look from outside may come too late.
NOTES_LEVELS = """
window.seen = [];
new MutationObserver(() => {
  const seen = [document.body.dataset.level, document.getElementById("used").textContent];
  if (seen[0] !== window.seen.at(-1)?.[0]) window.seen.push(seen);
}).observe(document, {subtree: true, attributeFilter: ["data-level"]});
"""
BYTES_A_SECOND = 30_000


@pytest.fixture
def browser(tmp_path):
    with chromium(tmp_path / "profile", "window-size=900,800") as browser:
        yield browser


@pytest.fixture
def site(tmp_path):
    """The server, as people start it, and the file that it shows."""
    folder = tmp_path / "shown"
    folder.mkdir()
    data = selfvae_codec.encode(make_picture(320, 200), quality=85, effort=0)
    (folder / "a <b> & c.svae").write_bytes(data)
    command = [sys.executable, "-m", "selfvae_codec", "serve", str(folder), "--port", "0"]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        said = server.stderr.readline()
        yield re.search(r"http://127\.0\.0\.1:\d+/", said).group(), selfvae_codec.read_header(data)
    finally:
        server.terminate()
        _, said = server.communicate(timeout=120)
        assert "Traceback" not in said


def test_a_picture_sharpens_while_it_loads_and_the_slider_goes_back(site, browser, tmp_path):
    url, header = site
    browser.set_network_conditions(latency=20, download_throughput=BYTES_A_SECOND, upload_throughput=BYTES_A_SECOND)
    browser.get(url)
    WebDriverWait(browser, 60).until(lambda b: b.find_elements("css selector", "#gallery a"))
    assert "a <b> & c.svae" in browser.find_element("id", "gallery").text
    WebDriverWait(browser, 60).until(
        lambda b: b.execute_script("return document.querySelector('#gallery img').naturalWidth")
    )

    def level():
        return int(browser.execute_script("return document.body.dataset.level ?? 0"))

    def said():
        return browser.find_element("id", "used").text

    browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": NOTES_LEVELS})
    browser.find_element("css selector", "#gallery a").click()
    stages, shown = {}, 0
    while shown < header.n_levels:
        WebDriverWait(browser, 60, poll_frequency=0.02).until(lambda b, n=shown: level() > n)
        shown = level()
        browser.save_screenshot(tmp_path / f"level-{shown}.png")
        stages[shown] = np.array(Image.open(tmp_path / f"level-{shown}.png").convert("RGB"), float)
    seen = browser.execute_script("return window.seen")
    assert [int(n) for n, _ in seen] == sorted({int(n) for n, _ in seen}) and len(seen) >= 3
    for n, text in seen:
        assert text.startswith(f"{header.levels[int(n) - 1].end:,} of {header.file_bytes:,} bytes of the file used")
    assert len(stages) >= 2  # of those that stay long enough to be looked at
    last = stages[header.n_levels]
    far = [np.abs(shown - last).mean() for shown in stages.values()]
    assert far == sorted(far, reverse=True) and far[0] > far[-1] == 0

    slide = "const s = document.getElementById('slider'); s.value = arguments[0]; s.dispatchEvent(new Event('input'))"
    browser.execute_script(slide, 2)
    WebDriverWait(browser, 60).until(lambda b: level() == 2)
    assert said().startswith(f"{header.levels[1].end:,} of ")
    assert browser.find_element("id", "level").text == f"2 of {header.n_levels} (y1)"
    assert browser.get_log("browser") == []


def test_a_small_screen_is_sent_fewer_levels_and_a_broken_file_says_so(site, browser, tmp_path):
    url, header = site
    browser.set_window_size(500, 260)  # room for a quarter of the picture's height
    browser.get(f"{url}view/a%20%3Cb%3E%20%26%20c.svae")
    WebDriverWait(browser, 60).until(lambda b: b.execute_script("return document.body.dataset.done"))
    needed = int(browser.execute_script("return document.body.dataset.done"))
    assert needed < header.n_levels and f"this screen needs level {needed}" in browser.find_element("id", "used").text
    (tmp_path / "shown" / "broken.svae").write_bytes(b"no picture")
    browser.get(f"{url}view/broken.svae")
    WebDriverWait(browser, 60).until(lambda b: "not a selfvae-codec file" in b.find_element("id", "used").text)
