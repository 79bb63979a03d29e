"""batch from and to stores that fsspec knows: memory, files by URL, archives, and S3 where moto can stand in for it."""

import os
import zipfile
from pathlib import Path

import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.app import main
from selfvae_codec.app.batch import stores
from selfvae_codec.errors import CodecError

fsspec = pytest.importorskip("fsspec", reason="pip install 'selfvae-codec[batch]'")


@pytest.fixture
def album(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    os.makedirs("photos/deep")
    for number, name in enumerate(("photos/a.png", "photos/deep/b.png")):
        Image.fromarray(make_picture(40, 24, seed=number)).save(name)
    return tmp_path


@pytest.fixture
def memory():
    fs = fsspec.filesystem("memory")
    yield fs
    fs.store.clear()
    fs.pseudo_dirs[:] = [""]


def batch(*arguments):
    return main.run(["batch", *arguments, "-j", "1"])


def same(data, path):
    return data == selfvae_codec.encode(Image.open(path))


def test_folders_and_globs_of_a_store_come_in_and_files_go_out(album, core, memory, capsys):
    memory.put("photos", "memory://in", recursive=True)
    for source in ("memory://in", "memory://in/**/*.png"):
        assert batch(source, "--to", "memory://out/of") == 0
        assert same(memory.cat("/out/of/a.svae"), "photos/a.png")
        assert same(memory.cat("/out/of/deep/b.svae"), "photos/deep/b.png")
        assert memory.find("/out") == ["/out/of/a.svae", "/out/of/deep/b.svae"]
        assert os.path.exists("svae-manifest.jsonl")
    assert "0 pictures to do, 2 done before" in capsys.readouterr().err
    memory.rm("/out/of/a.svae")
    assert batch("memory://in", "--to", "memory://out/of") == 0
    assert "1 pictures to do, 1 done before" in capsys.readouterr().err


def test_a_store_without_such_a_file_is_a_failed_picture_and_not_the_end(album, core, memory, capsys):
    assert batch("memory://absent.png", "photos/a.png", "--to", "memory://out") == 1
    assert "memory://absent.png: no such file" in capsys.readouterr().err
    assert memory.find("/out") == ["/out/a.svae"]


def test_a_url_and_a_path_of_one_picture_are_one_and_no_file_replaces_an_input(album, core, memory, capsys):
    assert batch("photos/a.png", (album / "photos/a.png").as_uri(), "--to", "out") == 0
    assert os.path.exists("out/a.svae") and "1 pictures to do" in capsys.readouterr().err
    memory.put("photos/a.png", "/in/x.svae")
    os.rename("photos/a.png", "photos/x.svae")
    for source, folder in (("memory://in/x.svae", "memory://in"), ("photos/x.svae", (album / "photos").as_uri())):
        assert batch(source, "--to", folder) == 1
        assert f"{folder}/x.svae is an input" in capsys.readouterr().err


def test_pictures_of_an_archive_are_read_and_names_that_lead_out_of_it_refused(album, core, capsys):
    with zipfile.ZipFile("all.zip", "w") as archive:
        archive.write("photos/a.png", "x/a.png")
    assert batch("zip://x::all.zip", "zip://**/a.png::all.zip", "--to", "out") == 0
    assert same(Path("out/a.svae").read_bytes(), "photos/a.png")
    with zipfile.ZipFile("bad.zip", "w") as archive:
        archive.write("photos/a.png", "../../a.png")
    assert batch("zip://::bad.zip", "--to", "out/deep/er") == 1
    assert "leads out of the destination" in capsys.readouterr().err
    assert sorted(os.listdir(".")) == ["all.zip", "bad.zip", "out", "photos"] and "deep" not in os.listdir("out")


def test_stores_that_are_no_object_stores_get_a_temporary_name_and_then_a_move(album, core, monkeypatch):
    url = (album / "made").as_uri()
    assert batch("photos", "--to", url) == 0
    assert sorted(os.listdir("made")) == ["a.svae", "deep"] and same(Path("made/a.svae").read_bytes(), "photos/a.png")
    fs, _ = stores.filesystem(url)

    def fail(*_, **__):
        raise OSError("the link is down")

    monkeypatch.setattr(type(fs), "mv", fail)
    monkeypatch.setattr(type(fs), "mv_file", fail, raising=False)
    with pytest.raises(CodecError, match="the link is down"):
        stores.write(f"{url}/a.svae", b"new")
    assert sorted(os.listdir("made")) == ["a.svae", "deep"] and same(Path("made/a.svae").read_bytes(), "photos/a.png")


def test_unknown_stores_are_named(album, core, capsys):
    assert batch("nosuch://x", "--to", "out") == 1
    assert "nosuch://x: Protocol not known: nosuch" in capsys.readouterr().err


def test_an_s3_bucket_comes_in_and_goes_out(album, core, monkeypatch, capsys):
    server = pytest.importorskip("moto.server", reason="moto stands in for S3")
    s3fs = pytest.importorskip("s3fs", reason="s3fs reads S3")
    running = server.ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    running.start()
    try:
        host, port = running.get_host_and_port()
        for name, value in (("ACCESS_KEY_ID", "x"), ("SECRET_ACCESS_KEY", "x"), ("DEFAULT_REGION", "us-east-1")):
            monkeypatch.setenv(f"AWS_{name}", value)
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://{host}:{port}")
        s3fs.S3FileSystem.clear_instance_cache()
        fs = s3fs.S3FileSystem()
        fs.mkdir("bucket")
        fs.put("photos", "bucket/in", recursive=True)
        assert batch("s3://bucket/in", "--to", "s3://bucket/out") == 0
        fs.invalidate_cache()
        assert sorted(fs.find("bucket/out")) == ["bucket/out/a.svae", "bucket/out/deep/b.svae"]
        assert same(fs.cat("bucket/out/a.svae"), "photos/a.png")
        assert batch("s3://bucket/in", "--to", "s3://bucket/out") == 0
        assert "0 pictures to do, 2 done before" in capsys.readouterr().err
    finally:
        running.stop()
