"""The command batch on this machine's files: what it takes, writes, remembers and survives."""

import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import FAKE_MODEL, make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.app import main
from selfvae_codec.app.batch import manifest, sources, task
from selfvae_codec.errors import CodecError
from selfvae_codec.models.exact import weights


@pytest.fixture
def album(tmp_path, monkeypatch):
    """photos/ with three pictures, one of them deeper, and what is none."""
    monkeypatch.chdir(tmp_path)
    for number, name in enumerate(("a.png", "b.jpg", "deep/er/c.png")):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(make_picture(40, 24, seed=number)).save(path)
    (tmp_path / "photos" / "notes.txt").write_text("no picture")
    (tmp_path / "photos" / "leaflet.pdf").write_bytes(b"%PDF-1.4")
    hidden = tmp_path / "photos" / ".thumbnails"
    hidden.mkdir()
    shutil.copy(tmp_path / "photos" / "a.png", hidden)
    return tmp_path


def batch(*arguments):
    return main.run(["batch", *map(str, arguments), "-j", "1"])


def rows(folder="out"):
    return [json.loads(line) for line in Path(folder, manifest.NAME).read_text().splitlines()]


def written(folder="out"):
    found = (os.path.join(at, name) for at, _, names in os.walk(folder) for name in names)
    return sorted(os.path.relpath(path, folder) for path in found if not path.endswith(manifest.NAME))


def encodes(core):
    return sum(call == "encode" for call, _ in core.calls)


def test_a_folder_keeps_its_shape_and_only_pictures_are_taken(album, core, capsys):
    assert batch("photos", "--to", "out", "-q", "20", "--levels", "2") == 0
    said = capsys.readouterr()
    assert said.out == "" and "3 pictures to do, 0 done before; local: 1 worker, 1 thread each" in said.err
    assert written() == ["a.svae", "b.svae", os.path.join("deep", "er", "c.svae")]
    for row in rows():
        data = Path(row["output"]).read_bytes()
        header = selfvae_codec.read_header(data)
        assert (header.quality, header.n_levels) == (20, 2) == (row["settings"]["quality"], len(row["levels"]))
        assert row["bytes"] == len(data) and row["bpp"] == pytest.approx(8 * len(data) / (40 * 24), abs=1e-6)
        assert row["levels"] == [level.length for level in header.levels] and row["error"] is None
        assert data == selfvae_codec.encode(Image.open(row["source"]), quality=20, levels=2)


def test_globs_and_files_are_taken_as_they_are_named(album, core):
    assert batch("photos/**/*.png", "photos/b.jpg", "photos/deep/er/c.png", "--to", "out") == 0
    assert written() == ["a.svae", "b.svae", os.path.join("deep", "er", "c.svae")]


def test_two_pictures_that_would_be_one_file_are_refused_before_any_work(album, core, capsys):
    shutil.copy("photos/a.png", "photos/b.png")
    assert batch("photos", "--to", "out") == 1
    assert "b.jpg and photos/b.png would both become out/b.svae; --full-names" in capsys.readouterr().err
    assert core.calls == [] and not os.path.exists("out")
    assert batch("photos", "--to", "out", "--full-names") == 0
    assert written()[:3] == ["a.png.svae", "b.jpg.svae", "b.png.svae"]


@pytest.mark.parametrize("source", ["nowhere/*.png", "empty", ""])
def test_what_names_no_picture_is_an_error(album, core, capsys, source):
    os.mkdir("empty")
    assert batch("photos", source, "--to", "out") == 1
    assert f"error: {source}: names no picture" in capsys.readouterr().err


def test_a_bad_picture_stops_no_other_and_is_listed_at_the_end_and_tried_again(album, core, capsys):
    Path("photos/broken.png").write_bytes(b"not a picture")
    assert batch("photos", "absent.png", "--to", "out") == 1
    said = capsys.readouterr().err.splitlines()
    assert "photos/broken.png: is not a picture" in said[-2] + said[-3] and "absent.png: No such" in said[-2] + said[-3]
    assert said[-1].endswith("2 of 5 pictures failed; the same command tries them again")
    assert len(written()) == 3 and encodes(core) == 3 and not any("Traceback" in line for line in said)
    shutil.copy("photos/a.png", "photos/broken.png")
    shutil.copy("photos/a.png", "absent.png")
    assert batch("photos", "absent.png", "--to", "out") == 0
    assert "2 pictures to do, 3 done before" in capsys.readouterr().err
    assert encodes(core) == 5 and len(written()) == 5


def test_a_batch_goes_on_where_it_was_killed_and_a_torn_line_is_done_again(album, core):
    assert batch("photos", "--to", "out") == 0
    path = os.path.join("out", manifest.NAME)
    whole = Path(path).read_bytes()
    Path(path).write_bytes(whole[: len(whole) - 30])
    assert batch("photos", "--to", "out") == 0
    assert encodes(core) == 4 and len(rows()) == 3 and len({row["source"] for row in rows()}) == 3
    assert batch("photos", "--to", "out") == 0
    assert encodes(core) == 4


def test_a_picture_settings_or_a_file_that_changed_is_done_again(album, core):
    assert batch("photos", "--to", "out") == 0
    Image.fromarray(make_picture(30, 24)).save("photos/a.png")
    os.remove("out/b.svae")
    assert batch("photos", "--to", "out") == 0
    assert encodes(core) == 5
    assert batch("photos", "--to", "out", "-q", "10") == 0
    assert encodes(core) == 8
    assert selfvae_codec.read_header(Path("out/a.svae").read_bytes()).width == 30


def test_what_stays_of_metadata_is_a_setting_too_and_rows_that_do_not_say_it_are_of_files_with_all(album, core):
    exif = Image.Exif()
    exif[0x010E] = "at home"
    Image.open("photos/a.png").save("photos/a.png", exif=exif)
    assert batch("photos", "--to", "out") == 0
    assert selfvae_codec.read_metadata(Path("out/a.svae").read_bytes()).exif
    old = [{key: value for key, value in row.items() if key != "strip"} for row in rows()]
    Path("out", manifest.NAME).write_text("".join(json.dumps(row) + "\n" for row in old))
    assert batch("photos", "--to", "out") == 0 and encodes(core) == 3
    assert batch("photos", "--to", "out", "--strip") == 0 and encodes(core) == 6
    assert not selfvae_codec.read_metadata(Path("out/a.svae").read_bytes()).exif
    assert batch("photos", "--to", "out", "--strip") == 0 and encodes(core) == 6
    assert batch("photos", "--to", "out") == 0 and encodes(core) == 9


def test_pictures_are_done_again_where_other_weights_have_the_model_s_name(album, core, monkeypatch):
    assert batch("photos", "--to", "out") == 0
    assert {row["model"] for row in rows()} == {FAKE_MODEL.hex()}
    monkeypatch.setattr(weights, "identify", lambda name: b"newer!!!")
    assert batch("photos", "--to", "out") == 0
    assert encodes(core) == 6


def test_a_model_that_is_not_there_is_an_error_before_any_work(album, capsys):
    assert batch("photos", "--to", "out", "--model", "nosuch") == 1
    assert "no weights of a model 'nosuch'" in capsys.readouterr().err and not os.path.exists("out")


def test_a_last_row_without_its_line_end_is_kept(album, core):
    assert batch("photos", "--to", "out") == 0
    path = Path("out", manifest.NAME)
    path.write_bytes(path.read_bytes()[:-1])
    shutil.copy("photos/a.png", "photos/d.png")
    assert batch("photos", "--to", "out") == 0
    assert encodes(core) == 4 and len(rows()) == 4


def test_a_file_that_is_no_manifest_is_refused_and_left_alone(album, core, capsys):
    assert batch("photos/a.png", "--to", "out") == 0
    row = Path("out", manifest.NAME).read_bytes()
    core.calls.clear()
    others = (b'{"important": 1}', b'{"source": "a"}', b"{", b"[]\n", row + b'{"a": 1}', row + b"my notes")
    for content in (b"my notes\n", b"my notes", b'{"a": 1}\n', b'{"source": [], "output": "b"}\n', *others):
        Path("notes").write_bytes(content)
        assert batch("photos", "--to", "out", "--manifest", "notes") == 1
        assert "name another file with --manifest" in capsys.readouterr().err
        assert Path("notes").read_bytes() == content
    assert core.calls == []


@pytest.mark.skipif(os.name != "posix", reason="locks of files are POSIX's")
def test_one_batch_at_a_time_writes_a_manifest(tmp_path):
    with manifest.Manifest(tmp_path / "m"), pytest.raises(CodecError, match="another batch is writing to it"):
        manifest.Manifest(tmp_path / "m")


def test_a_task_that_an_engine_runs_again_codes_its_picture_once(album, core):
    told = task.Task("photos/a.png", None, "out/a.svae", before=None, settings={"quality": 30})
    first, again = task.run(told), task.run(told)
    assert encodes(core) == 1 and first["error"] is again["error"] is None
    assert (first["bytes"], first["levels"]) == (again["bytes"], again["levels"])
    there = task.run(replace(told, output="out/b.svae"))
    assert there["error"] is None and encodes(core) == 2


def test_no_overwrite_leaves_files_of_others_alone_and_knows_its_own(album, core, capsys):
    os.mkdir("out")
    Path("out/a.svae").write_bytes(b"precious")
    assert batch("photos", "--to", "out", "--no-overwrite") == 1
    assert "out/a.svae: exists already and was left as it is" in capsys.readouterr().err
    assert Path("out/a.svae").read_bytes() == b"precious" and len(written()) == 3
    os.remove("out/a.svae")
    assert batch("photos", "--to", "out", "--no-overwrite") == 0
    assert batch("photos", "--to", "out") == 0
    assert encodes(core) == 3


def test_a_file_whose_row_was_lost_with_a_batch_that_was_stopped_is_known_to_be_its_own(album, core, monkeypatch):
    add, added = manifest.Manifest.add, []

    def stop_at_the_second(book, row):
        added.extend([row] * (row["error"] is None))
        if len(added) == 2:
            raise KeyboardInterrupt
        add(book, row)

    with monkeypatch.context() as patch:
        patch.setattr(manifest.Manifest, "add", stop_at_the_second)
        assert batch("photos", "--to", "out", "--no-overwrite") == 130
    assert len(written()) == 2 and sum(row["error"] is None for row in rows()) == 1
    Path("out/deep/er").mkdir(parents=True)
    Path("out/deep/er/c.svae").write_bytes(b"precious")  # which was not begun
    assert batch("photos", "--to", "out", "--no-overwrite") == 1
    assert encodes(core) == 2 and Path("out/deep/er/c.svae").read_bytes() == b"precious"
    assert {row["source"] for row in rows() if row["error"] is None} == {"photos/a.png", "photos/b.jpg"}
    os.remove("out/deep/er/c.svae")
    assert batch("photos", "--to", "out", "--no-overwrite") == 0 and encodes(core) == 3


def test_the_end_says_what_helps_pictures_whose_files_exist_already(album, core, capsys):
    os.mkdir("out")
    Path("out/a.svae").write_bytes(b"precious")
    assert batch("photos", "--to", "out", "--no-overwrite") == 1
    words = "pictures failed; of 1 there is a file already, which --overwrite replaces"
    assert capsys.readouterr().err.endswith(f"1 of 3 {words}\n")
    assert batch("photos", "absent.png", "--to", "out", "--no-overwrite") == 1
    assert capsys.readouterr().err.endswith(f"2 of 2 {words}; the same command tries the others again\n")


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
def test_an_odd_file_in_a_folder_stops_no_other(album, core, capsys):
    os.symlink("loop.png", "photos/loop.png")
    os.symlink("nowhere.png", "photos/dangling.png")
    os.mkfifo("photos/pipe.png")
    shutil.copy("photos/a.png", "photos/" + "x" * 251 + ".png")
    shutil.copy("photos/a.png", b"photos/caf\xe9.png")
    assert batch("photos", "--to", "out") == 1
    said = capsys.readouterr().err
    assert "photos/loop.png: Too many levels" in said and "photos/dangling.png: No such file" in said
    assert "x.svae: File name too long" in said and "pipe" not in said and "3 of 7 pictures failed" in said
    assert len(written()) == 4 and os.path.exists(b"out/caf\xe9.svae")


def test_a_picture_is_taken_once_however_it_is_named(album, core):
    os.symlink("photos", "album")
    os.symlink("a.png", "photos/linked.png")  # a picture with a name of its own
    names = ["photos/a.png", "./photos/a.png", "album/a.png", album / "photos" / "a.png", "album/linked.png"]
    assert batch(*names, "--to", "out") == 0
    assert written() == ["a.svae", "linked.svae"] and encodes(core) == 2


def test_two_pictures_of_one_name_are_not_told_to_keep_their_extensions(album, core, capsys):
    os.mkdir("others")
    shutil.copy("photos/a.png", "others/a.png")
    assert batch("photos/a.png", "others/a.png", "--to", "out") == 1
    assert "others/a.png would both become out/a.svae\n" in capsys.readouterr().err


@pytest.mark.parametrize("target", ["photos/x.svae", "out/x.svae"])
def test_no_file_replaces_an_input(album, core, capsys, target):
    shutil.copy("photos/a.png", "photos/x.svae")
    if target.startswith("out"):
        os.mkdir("out")
        os.symlink("../photos/x.svae", "out/x.svae")
    assert batch("photos/x.svae", "--to", os.path.dirname(target)) == 1
    assert f"{target} is an input, which the file of photos/x.svae would replace" in capsys.readouterr().err
    assert Path("photos/x.svae").read_bytes() == Path("photos/a.png").read_bytes() and core.calls == []
    assert batch("photos/x.svae", "--to", os.path.dirname(target), "--full-names") == 0


@pytest.mark.parametrize(
    "arguments, words",
    [
        (["--to", "out", "--address", "tcp://here:1"], "--address is of a cluster"),
        (["--to", "zip://x::out.zip"], "an archive takes no file after file"),
        (["--to", "https://example.org/x"], "the web is read-only"),
        (["--to", "memory://x", "--engine", "dask"], "memory:// is the memory of one process"),
        (["--to", "out", "-q", "10", "--lossless"], "settle the same thing"),
    ],
)
def test_what_cannot_be_meant_is_a_usage_error(album, core, capsys, arguments, words):
    assert main.run(["batch", "photos", *arguments]) == 2
    assert words in capsys.readouterr().err and core.calls == []


def test_missing_extras_are_named(album, capsys, monkeypatch):
    for module, arguments, extra in (
        ("fsspec.core", ["--to", "s3://bucket"], "batch"),
        ("distributed", ["--to", "out", "--engine", "dask"], "dask"),
        ("ray", ["--to", "out", "--engine", "ray"], "ray"),
    ):
        monkeypatch.setitem(sys.modules, module, None)
        assert main.run(["batch", "photos", *arguments]) == 1
        assert f"pip install 'selfvae-codec[{extra}]'" in capsys.readouterr().err


def test_a_source_whose_name_leads_out_of_the_destination_is_refused():
    with pytest.raises(CodecError, match="leads out of the destination"):
        sources.below("photos/../../x.png", "photos", "zip://::a.zip")


@pytest.mark.skipif(os.name != "posix", reason="one process of several is interrupted")
def test_pictures_that_were_finished_at_an_interrupt_are_in_the_manifest(tmp_path):
    (tmp_path / "photos").mkdir()
    for number in range(8):
        Image.fromarray(make_picture(300, 200, seed=number)).save(tmp_path / "photos" / f"{number}.png")
    command = [sys.executable, "-m", "selfvae_codec", "batch", "photos", "--to", "out", "-j", "2"]
    run = subprocess.Popen(command, cwd=tmp_path, stderr=subprocess.PIPE, text=True)
    while not list(tmp_path.glob("out/*.svae")):
        assert run.poll() is None, run.stderr.read()
        time.sleep(0.01)
    run.send_signal(signal.SIGINT)  # not to those that work for it, which a terminal interrupts, too
    _, said = run.communicate(timeout=120)
    assert run.returncode == 130 and "Traceback" not in said
    names = written(tmp_path / "out")
    assert 1 < len(names) < 8
    assert sorted(os.path.basename(row["output"]) for row in rows(tmp_path / "out")) == names


def kill_one(folder, after):
    """Kill the process that wrote the latest row of a manifest, once it has so many; returns when that is done."""
    path = os.path.join(folder, manifest.NAME)
    while True:
        time.sleep(0.02)
        lines = Path(path).read_text().splitlines(keepends=True) if os.path.exists(path) else []
        done = [json.loads(line) for line in lines if line.endswith("\n")]
        if len(done) >= after:
            os.kill(int(done[-1]["worker"].split(":")[1]), signal.SIGKILL)
            return


def killed_in_the_middle(tmp_path, monkeypatch, *more):
    """Code ten pictures with two workers, one of which is killed on the way: nothing is lost or done twice."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").mkdir()
    for number in range(10):
        Image.fromarray(make_picture(64, 64, seed=number)).save(f"photos/{number}.png")
    killer = threading.Thread(target=kill_one, args=("out", 2), daemon=True)
    killer.start()
    assert main.run(["batch", "photos", "--to", "out", "-j", "2", "--effort", "0", *more]) == 0
    assert not killer.is_alive()
    assert sorted(row["source"] for row in rows()) == [f"photos/{number}.png" for number in range(10)]
    assert all(row["error"] is None for row in rows()) and len(written()) == 10
    row = rows()[-1]
    data = Path(row["output"]).read_bytes()
    assert data == selfvae_codec.encode(Image.open(row["source"]), effort=0) and row["bytes"] == len(data)


@pytest.mark.skipif(os.name != "posix", reason="processes are killed with a signal")
def test_a_process_killed_in_the_middle_loses_nothing(tmp_path, monkeypatch):
    killed_in_the_middle(tmp_path, monkeypatch)
