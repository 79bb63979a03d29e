"""The command line, in process and with a stand-in for the networks; test_codec.py has the real ones."""

import io
import json
import os
import subprocess
import sys

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.app import cli, console, main
from selfvae_codec.pictures import files

X = make_picture(70, 40)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """An empty working folder with photo.png and photo.svae."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(X).save("photo.png")
    return tmp_path


@pytest.fixture
def coded(folder, core):
    data = selfvae_codec.encode(X)
    (folder / "photo.svae").write_bytes(data)
    return data


def opened(path):
    return Image.open(io.BytesIO(files.read(path)))


def call(*arguments):
    return main.run([str(argument) for argument in arguments])


def test_encode_and_decode_write_beside_the_input_and_say_what_they_did(folder, core, capsys):
    assert call("encode", "photo.png") == 0
    said = capsys.readouterr()
    data = (folder / "photo.svae").read_bytes()
    assert said.out == ""
    assert said.err.startswith("photo.png -> photo.svae: ") and f"{len(data):,} bytes" in said.err
    for word in ("bpp", "4 levels", "quality 50", b"fakefake".hex(), " s\n"):
        assert word in said.err
    (folder / "photo.png").unlink()
    assert call("decode", "photo.svae") == 0
    assert np.array_equal(np.array(opened("photo.png")), selfvae_codec.decode(data))
    assert "70x40, levels 1 to 4 of 4" in capsys.readouterr().err


@pytest.mark.parametrize("raw", [(), ("--raw",)])
def test_a_picture_of_more_pixels_than_were_allowed_is_refused_before_it_is_decoded(coded, core, capsys, raw):
    core.calls.clear()
    assert call("decode", "photo.svae", "-o", "a.png", "--size-limit", 128 * 64 - 1, *raw) == 1
    assert "photo.svae: a picture of 70x40 takes the work of 8192 pixels" in capsys.readouterr().err
    assert core.calls == [] and not os.path.exists("a.png")
    assert call("decode", "photo.svae", "-o", "a.png", "--size-limit", 128 * 64, *raw) == 0


def test_no_more_is_read_than_a_header_speaks_of(folder, coded, capsys, monkeypatch):
    data = (folder / "photo.svae").read_bytes()
    (folder / "endless").write_bytes(data + bytes(10**6))
    monkeypatch.setattr(files, "read", None)
    assert len(files.read_coded("endless")) == len(data) + 1
    assert files.read_head("endless") == (selfvae_codec.read_header(data), len(data) + 1)
    assert call("decode", "endless", "-o", "a.png") == 1 and call("info", "endless") == 0
    said = capsys.readouterr()
    assert "endless: bytes follow the end" in said.err and "endless: more bytes follow" in said.err
    assert call("info", "/dev/zero" if os.path.exists("/dev/zero") else "photo.png") == 1
    assert "not a selfvae-codec file" in capsys.readouterr().err


def test_an_output_that_was_not_named_never_replaces_a_file(coded, capsys):
    assert call("decode", "photo.svae") == 1
    assert "photo.png: exists already" in capsys.readouterr().err
    assert np.array_equal(np.array(opened("photo.png")), X)


def test_options_reach_the_encoder(folder, core):
    assert call("encode", "photo.png", "-o", "a.svae", "-q", "20", "--levels", "2") == 0
    header = selfvae_codec.read_header((folder / "a.svae").read_bytes())
    assert (header.quality, header.n_levels) == (20, 2)
    assert call("encode", "photo.png", "-o", "b.svae", "--target-bpp", "38") == 0
    assert (folder / "b.svae").stat().st_size <= 38 * 70 * 40 / 8


def test_lossless_settles_quality_and_size(folder, core, capsys):
    assert call("encode", "photo.png", "-o", "a.svae", "--lossless") == 0
    assert selfvae_codec.read_header((folder / "a.svae").read_bytes()).lossless
    for other in (("-q", "20"), ("--target-bpp", "3"), ("--target-size", "900"), ("--target-psnr", "40")):
        assert call("encode", "photo.png", "-o", "b.svae", "--lossless", *other) == 2
        said = capsys.readouterr().err
        assert "settle the same thing" in said and "--lossless" in said
    assert not (folder / "b.svae").exists()


def test_a_target_out_of_reach_writes_the_smallest_file_with_a_warning(folder, core, capsys):
    assert call("encode", "photo.png", "-o", "a.svae", "--target-bpp", "0.001") == 0
    assert "selfvae-codec: warning: photo.png: quality 0 takes" in capsys.readouterr().err
    assert selfvae_codec.read_header((folder / "a.svae").read_bytes()).quality == 0


def test_metadata_is_kept_unless_stripped(folder, core):
    Image.fromarray(X).save("profile.png", icc_profile=b"profile")
    assert call("encode", "profile.png", "-o", "a.svae") == 0
    assert call("decode", "a.svae", "-o", "a.png") == 0
    assert opened("a.png").info["icc_profile"] == b"profile"
    assert call("encode", "profile.png", "-o", "b.svae", "--strip") == 0
    assert selfvae_codec.read_header((folder / "b.svae").read_bytes()).metadata is None


def test_damaged_metadata_costs_a_warning_and_not_the_picture(folder, core, capsys):
    Image.fromarray(X).save("profile.png", icc_profile=b"profile")
    call("encode", "profile.png", "-o", "a.svae")
    data = bytearray((folder / "a.svae").read_bytes())
    data[selfvae_codec.read_header(data).metadata.offset] ^= 1
    (folder / "a.svae").write_bytes(data)
    assert call("decode", "a.svae", "-o", "a.png") == 0
    assert "warning: a.svae: the metadata is damaged" in capsys.readouterr().err
    assert "icc_profile" not in opened("a.png").info


def test_grey_pictures_come_back_grey(folder, core):
    Image.fromarray(X[:, :, 0]).save("grey.png")
    assert call("encode", "grey.png") == 0 and call("decode", "grey.svae", "-o", "out.png") == 0
    assert opened("out.png").mode == "L"


def test_levels_stop_the_decoder_and_raw_writes_the_thumbnail(coded, core):
    assert call("decode", "photo.svae", "-o", "a.png", "--levels", "2") == 0
    assert np.array_equal(np.array(opened("a.png")), selfvae_codec.decode(coded, 2))
    assert call("decode", "photo.svae", "-o", "b.png", "--levels", "1", "--raw") == 0
    assert np.array_equal(np.array(opened("b.png")), selfvae_codec.representation(coded, 1))


def test_info_as_json_lists_the_levels_and_adds_up(coded, capsys):
    assert call("info", "photo.svae", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert (facts["width"], facts["height"], facts["quality"]) == (70, 40, 50)
    assert facts["model"] == b"fakefake".hex() and facts["step"] == round(3 ** (600 / 256), 4)
    assert [list(row) for row in facts["levels"]] == [["level", "name", "offset", "bytes", "bpp"]] * 4
    assert [row["name"] for row in facts["levels"]] == ["y2", "y1", "z.0", "z.1"]
    last = facts["levels"][-1]
    assert facts["file_bytes"] == len(coded) == last["offset"] + last["bytes"]


def test_info_shows_the_same_to_people(coded, capsys):
    assert call("info", "photo.svae") == 0
    said = capsys.readouterr().out
    assert said.startswith(f"photo.svae: 70x40, {len(coded):,} bytes") and "z.1" in said


def test_info_and_decode_say_when_a_file_is_cut_off(coded, folder, capsys):
    (folder / "cut.svae").write_bytes(coded[:-1])
    assert call("info", "cut.svae") == 0
    assert "warning: cut.svae: cut off after" in capsys.readouterr().err
    assert call("decode", "cut.svae", "-o", "a.png") == 0
    said = capsys.readouterr().err
    assert "warning: cut.svae: the file is cut off" in said and "levels 1 to 3 of 4" in said
    assert "--partial shows what there is of the next" in said
    assert call("decode", "cut.svae", "-o", "b.png", "--partial") == 0
    said = capsys.readouterr().err
    assert "warning: cut.svae: the file is cut off" in said and "levels 1 to 3 and 100 % of level 4 of 4" in said
    assert "--partial" not in said


def test_encode_as_json_prints_what_info_prints_and_the_seconds(folder, core, capsys):
    assert call("encode", "photo.png", "-o", "a.svae", "--json") == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["output"] == "a.svae" and facts["seconds"] >= 0 and len(facts["levels"]) == 4


def test_a_dash_is_standard_input_and_output(folder, core, monkeypatch, capfdbinary):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO((folder / "photo.png").read_bytes())))
    assert call("encode", "-", "-o", "-") == 0
    data = capfdbinary.readouterr().out
    assert np.array_equal(selfvae_codec.decode(data), X)
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))
    assert call("decode", "-") == 0
    assert np.array_equal(np.array(Image.open(io.BytesIO(capfdbinary.readouterr().out))), X)


def test_generate_draws_a_picture_of_the_size_asked_for(folder, core):
    assert call("generate", "-o", "drawn.png", "--size", "33x21", "--seed", "4") == 0
    assert opened("drawn.png").size == (33, 21)


def test_demo_shows_every_level_and_writes_the_pictures(folder, core, capsys):
    assert call("demo", "photo.png", "-o", "shown") == 0
    said = capsys.readouterr().out
    assert [line.split()[:2] for line in said.splitlines()[2:]] == [
        ["1", "y2"], ["2", "y1"], ["3", "z.0"], ["4", "z.1"],
    ]  # fmt: skip
    names = {f"photo-level{level}.png" for level in (1, 2, 3, 4)} | {"photo.png", "photo.svae"}
    assert set(os.listdir("shown")) == names
    assert opened("shown/photo-level1.png").size == (70, 40)


def test_demo_shows_pictures_with_alpha_and_takes_nobodys_place(folder, core, capsys):
    x = np.dstack([X, np.full(X.shape[:2], 90, np.uint8)])
    Image.fromarray(x).save("clear.png")
    assert call("demo", "clear.png", "-o", "shown") == 0
    assert np.array_equal(np.array(opened("shown/clear.png")), x)
    for picture, place in (("clear.png", "."), ("link/clear.png", ".")):
        os.makedirs("link", exist_ok=True)
        if not os.path.lexists("link/clear.png"):
            os.symlink(os.path.abspath("clear.png"), "link/clear.png")
        assert call("demo", picture, "-o", place) == 1
        assert "give another folder" in capsys.readouterr().err
    assert np.array_equal(np.array(opened("clear.png")), x)


def test_demo_without_a_picture_uses_one_that_a_package_ships_or_says_what_to_install(
    folder, core, capsys, monkeypatch
):
    from selfvae_codec.app import demo

    package = folder / "packaged"
    (package / "data").mkdir(parents=True)
    (package / "__init__.py").write_text("")
    (folder / "photo.png").rename(package / "data/photo.png")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(demo, "_SHIPPED", {"no_such_package": "x.png", "packaged": "data/photo.png"})
    assert call("demo", "-o", "shown") == 0
    assert "photo.png: 70x40" in capsys.readouterr().out
    monkeypatch.setattr(demo, "_SHIPPED", {})
    assert call("demo", "-o", "shown") == 1
    assert "pip install 'selfvae-codec[demo]'" in capsys.readouterr().err


BAD = {
    "not an image": (["encode", "text.txt", "-o", "out"], 1, "is not a picture"),
    "empty": (["encode", "empty", "-o", "out"], 1, "is empty"),
    "missing": (["encode", "missing.png", "-o", "out"], 1, "missing.png: No such file"),
    "directory": (["encode", "sub", "-o", "out"], 1, "sub: Is a directory"),
    "unwritable": (["encode", "photo.png", "-o", "missing/out"], 1, "missing/out: cannot write there"),
    "output is a directory": (["encode", "photo.png", "-o", "sub"], 1, "sub: is a directory"),
    "output is another kind of picture": (["encode", "photo.png", "-o", "out.jpg"], 2, "ends in .svae"),
    "output is the input": (["encode", "photo.png", "-o", "photo.png"], 2, "photo.png is the input"),
    "output is a new folder": (["encode", "photo.png", "-o", "new/"], 1, "new/: is a directory; name a file"),
    "no name": (["encode", "."], 2, "'.' is no file's name"),
    "nothing for a name": (["decode", ""], 2, "'' is no file's name"),
    "gain of no mask": (["encode", "photo.png", "-o", "out", "--roi-gain", "3"], 2, "give --roi, too"),
    "one input twice": (["encode", "-", "-o", "out", "--roi", "-"], 2, "the picture or its mask, not both"),
    "thumbnail of 16 bits": (
        ["decode", "photo.svae", "-o", "out.png", "--raw", "--depth", "16"],
        2,
        "leave out --depth",
    ),
    "side over the limit": (["encode", "long.png", "-o", "out"], 1, "a side may have 65535"),
    "quality 101": (["encode", "photo.png", "-o", "out", "-q", "101"], 2, "101"),
    "quality nan": (["encode", "photo.png", "-o", "out", "-q", "nan"], 1, "out of range"),
    "two rates": (
        ["encode", "photo.png", "-o", "out", "-q", "1", "--target-bpp", "1"],
        2,
        "--quality and --target-bpp",
    ),
    "encode levels 99": (["encode", "photo.png", "-o", "out", "--levels", "99"], 1, "levels=99"),
    "encode levels 5": (["encode", "photo.png", "-o", "out", "--levels", "5"], 1, "levels=5 is out of range"),
    "levels 99": (["decode", "photo.svae", "-o", "out.png", "--levels", "99"], 1, "holds 4 levels"),
    "levels 0": (["decode", "photo.svae", "-o", "out.png", "--levels", "0"], 1, "levels=0 is out of range"),
    "a PNG to decode": (["decode", "photo.png", "-o", "out.png"], 1, "photo.png: not a selfvae-codec file"),
    "a coded file to encode": (["encode", "photo.svae", "-o", "out"], 1, "decode it"),
    "empty to decode": (["decode", "empty", "-o", "out.png"], 1, "it is empty"),
    "missing to decode": (["decode", "missing.svae", "-o", "out.png"], 1, "missing.svae: No such file"),
    "unknown extension": (["decode", "photo.svae", "-o", "out.xyz"], 1, "no picture format"),
    "keep existing": (["encode", "photo.png", "-o", "kept", "--no-overwrite"], 1, "kept: exists already"),
    "bad size": (["generate", "-o", "out.png", "--size", "10by10"], 2, "--size is WxH"),
    "info of a PNG": (["info", "photo.png"], 1, "not a selfvae-codec file"),
    "unknown command": (["transcode"], 2, "No such command"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_clear_line_and_leaves_everything_as_it_was(coded, folder, capfd, case):
    (folder / "text.txt").write_text("this is no picture")
    (folder / "empty").write_bytes(b"")
    (folder / "sub").mkdir()
    (folder / "kept").write_bytes(b"kept")
    Image.new("1", (65536, 1)).save("long.png")
    before = {name: os.path.isdir(name) or (folder / name).read_bytes() for name in os.listdir()}

    arguments, status, message = BAD[case]
    assert call(*arguments) == status
    said = capfd.readouterr()
    assert said.out == ""
    assert said.err.startswith("selfvae-codec: error: ") and said.err.count("\n") == 1
    assert message in said.err
    assert {name: os.path.isdir(name) or (folder / name).read_bytes() for name in os.listdir()} == before


def test_a_failure_halfway_keeps_the_existing_output(coded, folder, core, monkeypatch, capsys):
    (folder / "out.png").write_bytes(b"old")

    def fails(*_, **__):
        raise MemoryError

    monkeypatch.setattr(core, "decode_levels", fails)
    before = sorted(os.listdir())
    assert call("decode", "photo.svae", "-o", "out.png") == 1
    assert "not enough memory" in capsys.readouterr().err
    assert (folder / "out.png").read_bytes() == b"old" and sorted(os.listdir()) == before


@pytest.mark.parametrize(("error", "status"), [(KeyboardInterrupt, 130), (ZeroDivisionError, 1), (OSError, 1)])
def test_no_failure_ends_in_a_traceback(coded, core, monkeypatch, capsys, error, status):
    def fails(*_, **__):
        raise error("details")

    monkeypatch.setattr(core, "decode_levels", fails)
    assert call("decode", "photo.svae", "-o", "out.png") == status
    said = capsys.readouterr().err.strip()
    assert said.startswith("selfvae-codec: error: ") and "\n" not in said


def test_commands_of_other_parts_are_forwarded_with_their_arguments(monkeypatch):
    import types

    calls = []
    for name in ("models.training.train", "models.training.plot", "benchmarks.studies.evaluate", "benchmarks.__main__"):
        module = types.ModuleType(f"selfvae_codec.{name}")
        module.main = lambda arguments, name=name: calls.append((name, arguments))
        monkeypatch.setitem(sys.modules, module.__name__, module)
    assert call("train", "--data", "folder", "--help") == 0
    assert call("train-plot", "runs/x") == call("evaluate", "-q") == call("bench", "folder", "--fast") == 0
    assert calls == [
        ("models.training.train", ["--data", "folder", "--help"]),
        ("models.training.plot", ["runs/x"]),
        ("benchmarks.studies.evaluate", ["-q"]),
        ("benchmarks.__main__", ["folder", "--fast"]),
    ]


def test_a_missing_dependency_names_the_extra_that_has_it(monkeypatch, capsys):
    def missing(name):
        raise ModuleNotFoundError("No module named 'imagecodecs'", name="imagecodecs")

    monkeypatch.setattr(cli.importlib, "import_module", missing)
    assert call("bench", "folder") == 1
    said = capsys.readouterr().err
    assert "bench needs imagecodecs" in said and "pip install 'selfvae-codec[bench]'" in said


def test_help_and_info_import_no_heavy_library(coded):
    code = (
        "import sys; from selfvae_codec.app import main; status = main.run(sys.argv[1:]);"
        "heavy = {'torch', 'numpy', 'PIL', 'constriction', 'onnxruntime'} & set(sys.modules);"
        "sys.exit(status or len(heavy))"
    )
    for arguments in (["info", "photo.svae"], ["--help"]):
        subprocess.run([sys.executable, "-c", code, *arguments], check=True, capture_output=True)


def test_libraries_print_nothing_about_odd_files(folder, core, capfd):
    Image.fromarray(X).save("cut.tif", compression="tiff_lzw")
    data = (folder / "cut.tif").read_bytes()
    (folder / "cut.tif").write_bytes(data[:300] + bytes(500) + data[800:])
    assert call("encode", "cut.tif", "-o", "a.svae") == 1
    said = capfd.readouterr().err
    assert said.startswith("selfvae-codec: error: cut.tif: is a damaged picture") and said.count("\n") == 1


needs_unix = pytest.mark.skipif(os.name != "posix", reason="pipes and closed streams as on Unix")
PROGRAM = [sys.executable, "-m", "selfvae_codec"]


@needs_unix
@pytest.mark.parametrize("names", [["photo.svae"], ["photo.svae", "photo.svae"]])
def test_a_reader_that_leaves_early_is_no_error(coded, names):
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run([*PROGRAM, "info", *names], stdout=write, stderr=subprocess.PIPE)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


@needs_unix
def test_closed_streams_fail_what_needs_them_in_one_line_and_nothing_else(coded, folder):
    def closed(streams, *arguments):
        return subprocess.run(["sh", "-c", f'exec "$@" {streams}', "sh", *PROGRAM, *arguments], capture_output=True)

    done = closed(">&-", "info", "photo.svae")
    assert done.returncode == 1
    assert done.stderr == b"selfvae-codec: error: standard output: is closed: there is nowhere to write\n"
    done = closed("<&-", "decode", "-", "-o", "out.png")
    assert done.returncode == 1 and b"standard input: is closed" in done.stderr
    assert closed("<&- >&- 2>&-", "encode", "photo.png", "-o", "new.svae", "--levels", "1").returncode == 0
    assert selfvae_codec.read_header((folder / "new.svae").read_bytes()).width == 70


@needs_unix
def test_an_interrupt_while_libraries_load_is_one_line(tmp_path):
    (tmp_path / "click.py").write_text("import os, signal, time\nos.kill(os.getpid(), signal.SIGINT)\ntime.sleep(9)")
    done = subprocess.run([*PROGRAM, "--help"], capture_output=True, env=os.environ | {"PYTHONPATH": str(tmp_path)})
    assert (done.returncode, done.stderr) == (130, b"selfvae-codec: error: interrupted\n")


def test_next_to_nothing_is_loaded_before_an_interrupt_is_answered():
    """What is interrupted before that is Python's own start."""
    code = "import sys, selfvae_codec.__main__; print(*sorted(n for n in sys.modules if n.startswith('selfvae_codec')))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["selfvae_codec", "selfvae_codec.__main__", "selfvae_codec.errors"]


def test_an_interrupt_that_a_library_turns_into_another_error_is_an_interrupt(folder, core, monkeypatch, capsys):
    def loads(*_, **__):
        try:
            console.interrupt()
        except KeyboardInterrupt:
            raise ImportError("could not be initialised") from None

    monkeypatch.setattr(core, "encode_levels", loads)
    monkeypatch.setattr(console, "_interrupted", False)
    Image.fromarray(X).save("other.png")
    for names in (["photo.png", "-o", "a.svae"], ["photo.png", "other.png"]):
        assert call("encode", *names) == 130
        assert capsys.readouterr().err.strip() == "selfvae-codec: error: interrupted"


@pytest.fixture
def album(folder, core):
    """Three pictures, of which bad.png is none, in a working folder with photo.png."""
    for name in ("a.png", "b.jpg"):
        Image.fromarray(X).save(name)
    (folder / "bad.png").write_bytes(b"no picture")
    return folder


def test_many_inputs_go_beside_themselves_or_into_a_folder(album, capsys):
    assert call("encode", "a.png", "b.jpg", "-q", "20") == 0
    assert capsys.readouterr().err.count(".svae: ") == 2
    assert call("encode", "a.png", "b.jpg", "-q", "20", "--output-dir", "new/coded") == 0
    for name in ("a.svae", "b.svae"):
        assert (album / name).read_bytes() == (album / "new" / "coded" / name).read_bytes()
    assert call("decode", "a.svae", "b.svae", "--output-dir", "out") == 0
    assert sorted(path.name for path in (album / "out").iterdir()) == ["a.png", "b.png"]


def test_one_of_many_that_fails_is_named_and_the_others_are_done(album, capsys):
    assert call("encode", "bad.png", "a.png", "absent.png", "--json") == 1
    said = capsys.readouterr()
    assert [row["output"] for row in json.loads(said.out)] == ["a.svae"]
    for words in ("error: bad.png: ", "error: absent.png: No such file", "error: 2 of 3 inputs failed"):
        assert words in said.err
    assert not (album / "bad.svae").exists()
    assert call("info", "a.svae", "bad.png") == 1
    assert capsys.readouterr().out.startswith("a.svae: 70x40")


def test_what_lies_in_a_folder_is_no_picture_of_ours_until_told_so(album, capsys):
    """The original of a decoded file may lie where the decoded one would go."""
    assert call("encode", "a.png", "--output-dir", "coded") == 0
    (album / "a.png").write_bytes(b"the original")
    assert call("decode", "coded/a.svae", "--output-dir", ".") == 1
    assert "a.png: exists already" in capsys.readouterr().err
    assert (album / "a.png").read_bytes() == b"the original"
    assert call("decode", "coded/a.svae", "--output-dir", ".", "--overwrite") == 0
    assert opened("a.png").size == (70, 40)


def test_a_named_folder_is_written_into_again_unless_told_not_to(album, capsys):
    for expected, more in ((0, ()), (0, ()), (1, ("--no-overwrite",))):
        assert call("encode", "a.png", "--output-dir", "coded", *more) == expected
    assert "exists already" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a.png", "b.jpg", "-o", "c.svae"), "-o names one file"),
        (("a.png", "-o", "c.svae", "--output-dir", "d"), "-o or --output-dir, not both"),
        (("a.png", "a.jpg"), "a.png and a.jpg would both become a.svae"),
        (("a.png", "sub/a.jpg", "--output-dir", "d"), "would both become d/a.svae"),
        (("a.png", "-"), "standard input (-) has no name"),
        (("photo.svae", "--output-dir", "."), "photo.svae is the input"),
    ],
)
def test_outputs_that_would_collide_are_refused_before_any_work(album, capsys, arguments, message):
    (album / "photo.svae").write_bytes(b"here before")
    assert call("encode", *arguments) == 2
    said = capsys.readouterr()
    assert said.out == "" and message.replace("/", os.sep) in said.err
    assert not (album / "a.svae").exists() and not (album / "d").exists()
    assert (album / "photo.svae").read_bytes() == b"here before"
