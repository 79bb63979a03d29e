"""The server of a folder: what it shows, what it hides, and how much it takes on. test_web_page.py has the browser."""

import asyncio
import io
import os
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import warnings

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.app import main
from selfvae_codec.errors import CodecError, TruncatedWarning

testclient = pytest.importorskip("starlette.testclient", reason="pip install 'selfvae-codec[serve]' httpx")

from selfvae_codec.app.web import decoders as web_decoders  # noqa: E402
from selfvae_codec.app.web import rendering, server  # noqa: E402
from selfvae_codec.app.web.decoders import Busy, Decoders, Limits, TooLong  # noqa: E402
from selfvae_codec.app.web.rendering import Wanted  # noqa: E402

X = make_picture(200, 136)


class InThisProcess:
    """Decoders without processes, which count what they are asked."""

    def __init__(self, pixels=10**6):
        self.asked, self.pixels = [], pixels

    async def get(self, wanted):
        self.asked.append(wanted)
        return rendering.rendered(wanted, self.pixels)

    async def close(self):
        pass


@pytest.fixture
def folder(tmp_path, core):
    shown = tmp_path / "shown"
    (shown / "deep").mkdir(parents=True)
    data = selfvae_codec.encode(X, metadata=selfvae_codec.Metadata(exif=b"II*\0\x08\0\0\0\0\0\0\0\0\0"))
    (shown / "a.svae").write_bytes(data)
    (shown / "deep" / "b c&.svae").write_bytes(data)
    (shown / ".hidden.svae").write_bytes(data)
    (shown / "notes.txt").write_text("private")
    (tmp_path / "secret.svae").write_bytes(data)
    os.symlink(tmp_path / "secret.svae", shown / "link.svae")
    os.symlink(shown / "a.svae", shown / "inside.svae")
    return shown


@pytest.fixture
def decoders():
    return InThisProcess()


@pytest.fixture
def client(folder, decoders):
    app = server.application(folder, Limits(), ["testserver"], decoders)
    with testclient.TestClient(app, raise_server_exceptions=False) as client:
        yield client


def test_every_picture_of_the_folder_is_listed_and_nothing_else(client):
    listed = client.get("/pictures.json").json()
    assert [picture["name"] for picture in listed] == ["a.svae", "inside.svae", "deep/b c&.svae"]
    assert all((picture["width"], picture["height"]) == (200, 136) for picture in listed)


@pytest.mark.skipif(sys.platform != "linux", reason="names are any bytes on Linux alone")
def test_names_that_cannot_be_asked_for_are_left_out_and_odd_ones_are_served(client, folder):
    data = (folder / "a.svae").read_bytes()
    odd = ['"quoted".svae', "a?b#c&.svae", "\N{SNOWMAN} é.svae"]
    (folder / os.fsdecode(b"fold\xe9r")).mkdir()
    for name in (*odd, "line\nend.svae", os.fsdecode(b"caf\xe9.svae"), os.fsdecode(b"fold\xe9r/a.svae")):
        (folder / name).write_bytes(data)
    named = [picture["name"] for picture in client.get("/pictures.json").json()]
    assert sorted(named) == sorted([*odd, "a.svae", "inside.svae", "deep/b c&.svae"])
    for name in odd:
        quoted = urllib.parse.quote(name)
        assert client.get(f"/files/{quoted}").content == data and client.get(f"/facts/{quoted}").json()["name"] == name
    for name in ("caf%e9.svae", "caf\udce9.svae".encode("utf-8", "surrogatepass")):
        assert client.get(f"/files/{urllib.parse.quote(name, safe='%')}").status_code == 404


def test_a_file_that_may_not_be_read_is_listed_without_its_place_on_this_machine(client, folder, monkeypatch):
    def refuse(shown):
        raise PermissionError(13, "Permission denied", str(shown.path))

    monkeypatch.setattr(server, "_header", refuse)
    assert client.get("/pictures.json").json()[0] == {"name": "a.svae", "error": "cannot be read"}


WAYS = ["/", "/view/a.svae", "/page/style.css", "/pictures.json", "/files/a.svae", "/facts/a.svae"]


@pytest.mark.parametrize("way", [*WAYS, "/thumbnails/a.svae", "/pictures/a.svae?level=2"])
def test_what_a_browser_has_is_not_sent_again(client, way):
    whole = client.get(way)
    assert whole.status_code == 200 and whole.headers["cache-control"] == "no-cache"
    for known in (whole.headers["etag"], f'"x", W/{whole.headers["etag"]}', "*"):
        again = client.get(way, headers={"If-None-Match": known})
        assert again.status_code == 304 and again.content == b"" and again.headers["etag"] == whole.headers["etag"]
        assert "content-security-policy" in again.headers
    assert client.get(way, headers={"If-None-Match": '"x"'}).content == whole.content


def test_the_list_is_sent_again_once_a_picture_is_added(client, folder):
    known = {"If-None-Match": client.get("/pictures.json").headers["etag"]}
    (folder / "new.svae").write_bytes((folder / "a.svae").read_bytes())
    assert "new.svae" in client.get("/pictures.json", headers=known).text


@pytest.mark.parametrize(
    "way, headers, status",
    [
        ("/files/a.svae", {"Range": "bytes=99999999-"}, 416),
        ("/files/a.svae", {"Range": "lines=1-2"}, 400),
        ("/files/absent.svae", {}, 404),
        ("/nowhere", {}, 404),
        ("/pictures/a.svae?level=0", {}, 400),
        ("/", {"Host": "rebound.example"}, 400),
    ],
)
def test_errors_let_no_script_in_either_and_are_not_kept(client, way, headers, status):
    answer = client.get(way, headers=headers)
    assert answer.status_code == status and answer.headers["cache-control"] == "no-store"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_fault_of_ours_is_an_answer_with_the_same_headers(client, decoders, monkeypatch):
    monkeypatch.setattr(decoders, "get", None)
    answer = client.get("/thumbnails/a.svae")
    assert answer.status_code == 500 and "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "name",
    [
        "../secret.svae",
        "..%2fsecret.svae",
        "%2e%2e/secret.svae",
        "deep/../../secret.svae",
        "deep%5c..%5c..%5csecret.svae",
        "%00.svae",
        "a.svae%00",
        "/etc/passwd",
        "%2fetc%2fpasswd",
        "link.svae",
        ".hidden.svae",
        "notes.txt",
        "deep",
        "",
        "x" * 5000 + ".svae",
    ],
)
@pytest.mark.parametrize("way", ["files", "facts", "pictures", "thumbnails", "view"])
def test_no_other_file_can_be_had_by_any_name(client, way, name):
    answer = client.get(f"/{way}/{name}")
    assert answer.status_code == 404
    assert b"private" not in answer.content and b"SVA" not in answer.content and "shown" not in answer.text


def test_files_come_whole_in_ranges_and_not_at_all_where_they_are_known(client, folder):
    data = (folder / "a.svae").read_bytes()
    whole = client.get("/files/a.svae")
    assert whole.content == data and whole.headers["content-type"] == "image/x-svae"
    assert whole.headers["accept-ranges"] == "bytes" and int(whole.headers["content-length"]) == len(data)
    header = selfvae_codec.read_header(data)
    part = client.get("/files/a.svae", headers={"Range": f"bytes=0-{header.levels[0].end - 1}"})
    assert part.status_code == 206 and part.content == data[: header.levels[0].end]
    assert part.headers["content-range"] == f"bytes 0-{header.levels[0].end - 1}/{len(data)}"
    assert client.get("/files/a.svae", headers={"Range": f"bytes={len(data)}-"}).status_code == 416
    head = client.head("/files/a.svae")
    assert head.status_code == 200 and head.content == b"" and int(head.headers["content-length"]) == len(data)
    tag = whole.headers["etag"]
    again = client.get("/files/a.svae", headers={"If-None-Match": tag})
    assert again.status_code == 304 and again.content == b""
    stale = client.get("/files/a.svae", headers={"Range": "bytes=0-9", "If-Range": '"another"'})
    assert stale.status_code == 200 and stale.content == data


@pytest.mark.parametrize("name, kind", [("webp", "WEBP"), ("png", "PNG")])
def test_a_level_comes_as_a_picture_that_browsers_show(client, decoders, folder, name, kind):
    data = (folder / "a.svae").read_bytes()
    answer = client.get(f"/pictures/a.svae?level=3&format={name}")
    assert answer.headers["content-type"] == f"image/{name}" and answer.headers["x-content-type-options"] == "nosniff"
    shown = Image.open(io.BytesIO(answer.content))
    assert shown.format == kind and shown.size == (200, 136)
    x = selfvae_codec.decode(data, 3)
    if kind == "PNG":
        assert np.array_equal(np.array(shown), x)
    assert np.abs(np.array(shown.convert("RGB")).astype(int) - x).mean() < 8
    half = client.get("/pictures/deep/b%20c&.svae", params={"level": 4, "reduce": 2, "format": name})
    assert Image.open(io.BytesIO(half.content)).size == (100, 68)
    guess = client.get("/pictures/a.svae", params={"level": 1, "format": name})
    assert Image.open(io.BytesIO(guess.content)).size == (25, 17)  # as much as a guess has to show
    asked = len(decoders.asked)
    known = client.get(f"/pictures/a.svae?level=3&format={name}", headers={"If-None-Match": answer.headers["etag"]})
    assert known.status_code == 304 and len(decoders.asked) == asked
    os.utime(folder / "a.svae", (1, 1))
    changed = client.get(f"/pictures/a.svae?level=3&format={name}", headers={"If-None-Match": answer.headers["etag"]})
    assert changed.status_code == 200


def test_thumbnails_are_small_and_pages_let_no_script_of_others_in(client):
    small = Image.open(io.BytesIO(client.get("/thumbnails/a.svae").content))
    assert max(small.size) <= 256
    for page in ("/", "/view/a.svae", "/page/picture.js", "/page/style.css", "/page/icon.svg"):
        answer = client.get(page)
        assert answer.status_code == 200 and "default-src 'none'" in answer.headers["content-security-policy"]
    assert client.get("/page/server.py").status_code == client.get("/page/../server.py").status_code == 404


def test_facts_say_what_levels_cost_and_what_screens_need(client, folder):
    facts = client.get("/facts/a.svae").json()
    header = selfvae_codec.read_header((folder / "a.svae").read_bytes())
    assert [level["bytes"] for level in facts["levels"]] == [level.end for level in header.levels]
    needed = {row["reduce"]: row["level"] for row in facts["needed"]}
    assert needed == {1: 4, 2: 4, 4: 3, 8: 3, 16: 2, 32: 2}


@pytest.mark.parametrize("query", ["level=0", "level=5", "level=x", "level=-1", "reduce=3", "format=gif", "level=١"])
def test_what_makes_no_sense_is_a_bad_request_in_one_line(client, query):
    answer = client.get(f"/pictures/a.svae?{query}")
    assert answer.status_code == 400 and "must be one of" in answer.text and answer.text.count("\n") == 1


def test_damaged_cut_off_and_large_files_are_errors_with_words(client, decoders, folder):
    data = (folder / "a.svae").read_bytes()
    (folder / "no.svae").write_bytes(b"no picture")
    (folder / "cut.svae").write_bytes(data[:-1])
    for name, query, words in (
        ("no.svae", "", "not a selfvae-codec file"),
        ("cut.svae", "?level=4", "levels 1 to 3 of 4 are whole"),
    ):
        answer = client.get(f"/pictures/{name}{query}")
        assert answer.status_code == 422 and words in answer.text and answer.headers["cache-control"] == "no-store"
    assert client.get("/pictures/cut.svae?level=3").status_code == 200
    assert len(client.get("/facts/cut.svae").json()["levels"]) == 3
    assert "error" in next(p for p in client.get("/pictures.json").json() if p["name"] == "no.svae")
    decoders.pixels = 200 * 136 - 1
    answer = client.get("/pictures/a.svae?level=2")
    assert answer.status_code == 422 and "the limit" in answer.text


def test_only_reading_is_allowed_and_only_by_the_names_of_this_machine(client):
    assert client.post("/files/a.svae").status_code == client.delete("/files/a.svae").status_code == 405
    assert client.get("/pictures.json", headers={"Host": "rebound.example"}).status_code == 400


def complaining(wanted, pixels):
    warnings.warn("the file is cut off", TruncatedWarning, stacklevel=1)
    return b"picture"


def test_a_decoder_s_warning_is_a_line_that_names_the_file(capfd):
    async def scene():
        decoders = Decoders(Limits(), complaining)
        assert await decoders.get(Wanted("cut.svae", "t", "PNG")) == b"picture"
        await decoders.close()

    asyncio.run(scene())
    assert capfd.readouterr().err == "selfvae-codec: warning: cut.svae: the file is cut off\n"


@pytest.mark.filterwarnings("always")
def test_a_warning_that_nobody_reads_costs_no_picture(monkeypatch):
    def gone(message):
        raise BrokenPipeError

    monkeypatch.setattr(web_decoders.console, "warn", gone)
    assert web_decoders._told(complaining, Wanted("cut.svae", "t", "PNG"), 1) == b"picture"


def slow(wanted, pixels):
    time.sleep(30 if wanted.level == 9 else 0.01)
    return f"{os.getpid()} {wanted.level}".encode()


def fatal(wanted, pixels):
    os._exit(9)


def test_a_decode_that_takes_too_long_is_ended_and_the_next_one_is_served():
    async def scene():
        decoders = Decoders(Limits(seconds=20, decodes=1, waiting=1), slow)
        first = await decoders.get(Wanted("p", "t", "PNG", level=1))
        decoders.limits = Limits(seconds=0.5, decodes=1, waiting=1)
        started = time.monotonic()
        waiting = [asyncio.create_task(decoders.get(Wanted("p", "t", "PNG", level=level))) for level in (9, 9, 2)]
        await asyncio.sleep(0.1)
        with pytest.raises(Busy):
            await decoders.get(Wanted("p", "t", "PNG", level=3))
        assert await decoders.get(Wanted("p", "t", "PNG", level=1)) == first  # kept
        decoders.limits = Limits(seconds=20, decodes=1, waiting=1)
        for task in waiting[:2]:  # asked for twice, decoded once
            with pytest.raises(TooLong, match="not decoded within 0.5 s"):
                await task
        assert time.monotonic() - started < 10
        after = await waiting[2]
        assert after.split()[1] == b"2" and after.split()[0] != first.split()[0]  # in another process
        await decoders.close()

    asyncio.run(scene())


def test_a_decoder_that_is_killed_is_an_error_and_another_takes_its_place():
    async def scene():
        decoders = Decoders(Limits(decodes=1), fatal)
        for _ in range(2):
            with pytest.raises(CodecError, match="the decoder was killed"):
                await decoders.get(Wanted("p", "t", "PNG", level=1))
        await decoders.close()

    asyncio.run(scene())


def test_the_cache_is_bounded():
    async def scene():
        decoders = Decoders(Limits(cache=20), slow)
        for level in range(8):
            await decoders.get(Wanted("p", "t", "PNG", level=level))
        assert 0 < sum(map(len, decoders._cache.values())) == decoders._cached_bytes <= 20
        await decoders.close()

    asyncio.run(scene())


def test_what_cannot_be_served_is_said_in_a_line(tmp_path, capsys):
    import socket

    assert main.run(["serve", str(tmp_path / "nowhere")]) == 2
    with socket.create_server(("127.0.0.1", 0)) as taken:
        assert main.run(["serve", str(tmp_path), "--port", str(taken.getsockname()[1])]) == 1
    said = capsys.readouterr().err
    assert "--port 0 takes any that is free" in said and "Traceback" not in said


@pytest.mark.skipif(sys.platform != "linux", reason="processes are counted by Linux' /proc")
def test_decoders_end_with_a_server_that_is_killed(folder):
    command = [sys.executable, "-m", "selfvae_codec", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as run:
        address = run.stderr.readline().partition(": ")[2].partition(" ")[0]
        with pytest.raises(urllib.error.HTTPError, match="422"):  # of a model that is not installed
            urllib.request.urlopen(f"{address}pictures/a.svae?level=1", timeout=120)
        with open(f"/proc/{run.pid}/task/{run.pid}/children") as children:
            others = children.read().split()
        assert others
        run.kill()
        until = time.monotonic() + 120
        while any(os.path.exists(f"/proc/{pid}") for pid in others) and time.monotonic() < until:
            time.sleep(0.05)
        assert [pid for pid in others if os.path.exists(f"/proc/{pid}")] == []
