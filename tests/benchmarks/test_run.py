"""A whole small run: files, anchors, tables, and the report in a real browser."""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path

import pytest

for _module in ("imagecodecs", "bjontegaard", "ssimulacra2", "pytorch_msssim", "jinja2", "tqdm"):
    pytest.importorskip(_module)
sys.path.insert(0, str(Path(__file__).parent))

from headless import chromium  # noqa: E402
from PIL import Image  # noqa: E402
from test_measures import photo_like  # noqa: E402

from selfvae_codec.benchmarks.__main__ import main  # noqa: E402
from selfvae_codec.benchmarks.measures import anchors  # noqa: E402
from selfvae_codec.benchmarks.report import chart, readme_table  # noqa: E402
from selfvae_codec.benchmarks.studies import rd  # noqa: E402

LOSSY = ("ours", "ours-embedded", "ours-psnr", "ours-edge", "jpeg420", "webp", "jpeg2000")
CODECS = ",".join((*LOSSY, "ours-lossless", "png", "qoi"))


def table(path):
    return list(csv.DictReader(path.read_text().splitlines()))


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """(result folder, arguments) of one run over two small pictures."""
    root = tmp_path_factory.mktemp("bench")
    (root / "mini").mkdir()
    for seed in (1, 2):
        Image.fromarray(photo_like(226, 228, seed)).save(root / "mini" / f"picture{seed}.png")
    (root / "anchors" / "mini").mkdir(parents=True)
    curve = {
        "bpp": [0.5, 1, 2, 4, 8],
        "psnr-rgb": [20, 25, 30, 35, 40],
        "ms-ssim-rgb": [0.7, 0.8, 0.9, 0.95, 0.99],
    }
    (root / "anchors" / "mini" / "vtm.json").write_text(json.dumps({"name": "VTM", "results": curve}))
    argv = [
        str(root / "mini"),
        "--api",
        "bench_fake_codec",
        "--codecs",
        CODECS,
        "--settings",
        "5",
        "--repeats",
        "1",
        "--timed",
        "1",
        "--workers",
        "2",
        "--megapixels",
        "0.05",
        "--anchors",
        str(root / "anchors"),
        "--out",
        str(root / "out"),
    ]
    assert main(argv) == 0
    return root / "out", argv


def test_json_has_compressais_keys_and_nothing_missing(run):
    out, _ = run
    for key in LOSSY:
        data = json.loads((out / "mini" / f"{key}.json").read_text())
        assert {"name", "description", "results", "per_image", "dataset", "env"} <= set(data)
        results = data["results"]
        assert set(results) == {
            "psnr-rgb",
            "ms-ssim-rgb",
            "ssimulacra2",
            "butteraugli-3-norm",
            "cvvdp-jod",
            "bpp",
            "encoding_time",
            "decoding_time",
        }
        assert {len(values) for values in results.values()} == {4 if key == "ours-embedded" else 5}
        assert results["bpp"] == sorted(results["bpp"])


def test_the_environment_is_told_without_paths_of_this_machine(run):
    out, _ = run
    env = json.loads((out / "mini" / "ours.json").read_text())["env"]
    assert env["timing"]["threads"] == 1 and env["model_id"] == "fake0001"
    assert env["versions"]["numpy"] and env["machine"]["cores"] >= 1
    assert not any(word.startswith("/") for word in env["command"].split())


def test_bpp_counts_every_byte_of_the_file(run):
    out, _ = run
    rows = table(out / "mini" / "rows.csv")
    assert len(rows) == 2 * (6 * 5 + 4)
    for row in rows:
        assert float(row["bpp"]) == pytest.approx(int(row["bytes"]) * 8 / (226 * 228), rel=1e-5)


def test_bd_rate_is_written_with_its_overlap_over_pictures_and_over_the_set(run):
    out, _ = run
    rows = table(out / "mini" / "bd_rate.csv")
    scopes = {row["scope"] for row in rows if row["test"] == "ours" and row["anchor"] == "webp"}
    assert scopes == {"set", "mean of pictures"}
    assert {row["pictures"] for row in rows if row["smaller"]} == {"2"}
    assert {row["anchor_kind"] for row in rows if row["anchor"] == "vtm"} == {"published"}
    assert all(row["overlap"] for row in rows)


def test_a_second_run_goes_on_from_the_first(run, capfd):
    out, argv = run
    before = (out / "mini" / "journal.jsonl").read_text()
    assert main([*argv, "--only", "rd"]) == 0
    assert "2 pictures were measured before" in capfd.readouterr().err
    assert (out / "mini" / "journal.jsonl").read_text() == before


def test_rows_of_another_picture_or_another_build_are_measured_anew(tmp_path, capfd, monkeypatch):
    (tmp_path / "one").mkdir()
    argv = [
        str(tmp_path / "one"),
        "--api",
        "bench_fake_codec",
        "--codecs",
        "ours,jpeg420",
        "--settings",
        "2",
        "--only",
        "rd",
    ]
    argv += ["--repeats", "1", "--timed", "1", "--workers", "1", "--out", str(tmp_path / "out")]

    def measured(seed):
        Image.fromarray(photo_like(226, 228, seed)).save(tmp_path / "one" / "picture.png")
        assert main(argv) == 0
        again = "measured before" in capfd.readouterr().err
        rows = table(tmp_path / "out" / "one" / "rows.csv")
        return again, {row["bytes"] for row in rows}

    first = measured(1)
    assert first[0] is False and measured(1) == (True, first[1])
    other = measured(2)
    assert other[0] is False and other[1] != first[1]
    monkeypatch.setattr(rd, "code", lambda api: "another")
    assert measured(2) == other


def test_two_sets_of_one_name_are_refused(tmp_path, capfd):
    for folder in ("a/photos", "b/photos"):
        (tmp_path / folder).mkdir(parents=True)
        Image.fromarray(photo_like(64, 64, 1)).save(tmp_path / folder / "picture.png")
    assert main([str(tmp_path / "a/photos"), str(tmp_path / "b/photos"), "--out", str(tmp_path / "out")]) == 1
    assert "two sets are called photos" in capfd.readouterr().err


def test_lossless_and_scale_tables_are_written(run):
    out, _ = run
    summary = json.loads((out / "mini" / "summary.json").read_text())
    assert {line["codec"] for line in summary["lossless"]} == {"ours-lossless", "png", "qoi"}
    assert summary["embedding"]["levels"] and summary["cost"]
    scale = json.loads((out / "scale.json").read_text())
    assert {row["codec"] for row in scale["against_size"]} == set(LOSSY) - {"ours-embedded", "ours-psnr", "ours-edge"}
    assert all(row["mpx_per_s"] > 0 for row in scale["over_cores"])


def test_readme_tables_and_chart_come_from_the_files(run, tmp_path, capsys):
    out, _ = run
    assert readme_table.main([str(out), "--set", "mini"]) == 0
    text = capsys.readouterr().out
    assert "| JPEG 4:2:0 |" in text and "VTM (VVC intra) (published)" in text and "Price" in text
    assert "**selfvae-codec, edge model**: BD-rate against the default +" in text
    assert "| PSNR-RGB, --tune psnr |" in text and "**selfvae-codec --tune psnr**: BD-rate" in text
    summary = json.loads((out / "mini" / "summary.json").read_text())
    summary["made"]["lossless"] |= {"cpu": "another"}  # where they were measured apart
    text = readme_table.tables(summary)
    assert f", {summary['made']['rd']['cpu']}. lossless by " in text and ", another. " in text
    page = tmp_path / "README.md"
    page.write_text("before\n<!-- bench:begin -->\nold\n<!-- bench:end -->\nafter\n")
    assert readme_table.main([str(out), "--into", str(page)]) == 0
    assert page.read_text().startswith("before\n") and page.read_text().endswith("after\n")
    assert "old" not in page.read_text() and "bpsp" in page.read_text()
    assert chart.main([str(out), "-o", str(tmp_path / "rd.svg")]) == 0
    svg = (tmp_path / "rd.svg").read_text()
    assert svg.startswith("<svg") and "VTM" in svg and "prefers-color-scheme" in svg and "edge model" not in svg
    assert chart.main([str(out), "--codecs", "ours,ours-edge", "-o", str(tmp_path / "models.svg")]) == 0
    svg = (tmp_path / "models.svg").read_text()
    assert "edge model" in svg and "WebP" not in svg


def test_anchor_files_of_several_schemas_are_read(tmp_path):
    (tmp_path / "kodak").mkdir()
    bare = {"psnr": [30, 35], "bpp": [0.5, 1.0]}
    (tmp_path / "kodak" / "a.json").write_text(json.dumps(bare))
    (tmp_path / "kodak" / "b.json").write_text(json.dumps({"S": {"bpp": [2, 1], "PSNR": [33, 31]}}))
    (tmp_path / "kodak" / "c.json").write_text(
        json.dumps({"name": "C", "results": {"bpp": [1, 2], "ms-ssim-db-rgb": [12, 15]}})
    )
    (tmp_path / "kodak" / "broken.json").write_text("{")
    (tmp_path / "kodak" / "D_PSNR.csv").write_text("\ufeff2.0,38.0\n1.0,33.0\n", encoding="utf-8")
    assert anchors.folder_for(tmp_path, "other") is None
    found = {c.key: c for c in anchors.read_folder(anchors.folder_for(tmp_path, "kodak"))}
    assert set(found) == {"a", "b:S", "c", "D_PSNR"}
    assert found["b:S"].bpp == [1, 2] and found["b:S"].psnr_db == [31, 33]
    assert found["c"].ms_ssim_db == [12, 15] and found["D_PSNR"].bpp == [1, 2]
    assert all(curve.published for curve in found.values())


def test_a_folder_without_pictures_is_refused_in_one_line(tmp_path, capsys):
    assert main([str(tmp_path), "--out", str(tmp_path / "out")]) == 1
    assert "no pictures" in capsys.readouterr().err


def test_the_report_works_in_a_browser(run, tmp_path):
    webdriver = pytest.importorskip("selenium.webdriver")
    from selenium.webdriver.common.by import By
    from selenium.webdriver.support.ui import Select, WebDriverWait

    out, _ = run
    words = ("force-prefers-reduced-motion", "window-size=1200,1000")
    with chromium(tmp_path / "profile", *words) as browser:
        browser.get((out / "report.html").resolve().as_uri())

        def one(selector):
            return browser.find_element(By.CSS_SELECTOR, selector)

        def loaded(selector):
            return browser.execute_script("return arguments[0].naturalWidth", one(selector)) > 0

        for selector in (".viewer .left", ".viewer .right", ".strip img", ".picker img"):
            WebDriverWait(browser, 20).until(lambda _, s=selector: loaded(s))
        assert len(browser.find_elements(By.CSS_SELECTOR, ".strip figure")) == 6
        assert len(browser.find_elements(By.CSS_SELECTOR, ".chart")) >= 4

        def split():
            return browser.execute_script(
                "return getComputedStyle(arguments[0]).getPropertyValue('--split')", one(".viewer")
            )

        assert split() == "50%"
        width = one("#split").size["width"]
        webdriver.ActionChains(browser).move_to_element(one("#split")).click_and_hold().move_by_offset(
            int(width * 0.3), 0
        ).release().perform()
        assert 75 < float(split().rstrip("%")) < 85
        assert "inset" in one(".viewer .left").value_of_css_property("clip-path")

        before = one(".viewer .left").get_attribute("src")
        Select(one("#left")).select_by_value("webp")
        assert one(".viewer .left").get_attribute("src") != before
        assert "WebP" in one(".tag.l").text and "bpp" in one(".tag.l").text

        chip = one('.chip[data-key="webp"]')
        browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", chip)
        chip.click()
        assert not one('.curve[data-key="webp"]').is_displayed()

        background = one("body").value_of_css_property("background-color")
        one(".theme").click()
        assert one("body").value_of_css_property("background-color") != background

        browser.set_window_size(500, 900)
        overflow = browser.execute_script(
            "return document.documentElement.scrollWidth - document.documentElement.clientWidth"
        )
        assert overflow == 0
        assert browser.save_screenshot(str(tmp_path / "report.png"))
        errors = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
        assert not errors
