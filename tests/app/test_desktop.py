"""What goes into a home for the desktop and the shell, and out of it again; with the real tools where they are."""

import os
import shlex
import shutil
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from conftest import make_picture
from PIL import Image

import selfvae_codec
from selfvae_codec.app import main
from selfvae_codec.app.desktop import integration, shells
from selfvae_codec.format import header as header_module

pytestmark = pytest.mark.skipif(os.name != "posix", reason="files of the desktops of freedesktop.org")


anywhere = pytest.mark.parametrize("home", ["default", "XDG_DATA_HOME"], indirect=True)


@pytest.fixture
def home(request, tmp_path, monkeypatch):
    """An empty home; data goes to ~/.local/share, or to another place that the user chose."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    for name in ("XDG_DATA_HOME", "XDG_CONFIG_HOME"):
        monkeypatch.delenv(name, raising=False)
    if getattr(request, "param", "default") == "XDG_DATA_HOME":
        monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "home" / "my data"))
    return tmp_path / "home"


def everything(folder):
    return {str(path.relative_to(folder)): path.read_bytes() if path.is_file() else None for path in folder.rglob("*")}


def data_home(home):
    return Path(os.environ.get("XDG_DATA_HOME", home / ".local" / "share"))


def run(*command):
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=120).stdout.strip()


def needs(*tools):
    missing = [tool for tool in tools if not shutil.which(tool)]
    if missing:
        pytest.skip(f"{' and '.join(missing)} not installed")


def small_file(folder, **settings):
    path = folder / "a picture.svae"
    path.write_bytes(selfvae_codec.encode(make_picture(96, 64), effort=0, **settings))
    return path


@anywhere
def test_uninstall_leaves_a_home_as_it_was(home, capsys):
    (home / "notes").write_text("mine")
    before = everything(home)
    assert main.run(["desktop", "--install"]) == 0
    assert (data_home(home) / "thumbnailers" / "selfvae-codec.thumbnailer").exists()
    assert (data_home(home) / "mime" / "packages" / "selfvae-codec.xml").exists()
    once = everything(home)
    assert main.run(["desktop", "--install"]) == 0  # again: the same
    assert everything(home).keys() == once.keys()
    assert main.run(["desktop", "--uninstall"]) == 0
    assert everything(home) == before
    assert capsys.readouterr().out == ""
    assert main.run(["desktop", "--uninstall"]) == 0
    assert "nothing is installed" in capsys.readouterr().err


@anywhere
def test_uninstall_leaves_types_rules_and_thumbnailers_of_others(home):
    others = {
        data_home(home) / "mime" / "packages" / "other.xml": integration.mime_type().replace("svae", "other"),
        data_home(home) / "thumbnailers" / "other.thumbnailer": "[Thumbnailer Entry]\n",
        home / ".magic": "0\tstring\tOTHER\tanother kind\n",
    }
    for path, content in others.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
    assert main.run(["desktop", "--install"]) == 0
    assert "another kind" in (home / ".magic").read_text() and "svae" in (home / ".magic").read_text()
    assert main.run(["desktop", "--uninstall"]) == 0
    assert {path: path.read_text() for path in others} == others
    assert not [path for path in home.rglob("*svae*")]


@pytest.mark.parametrize(
    "rules", [b"0\tstring\tcaf\xe9\tLatin 1\n", b"# a\r\n0\tstring\tX\tx\r\n", b"# no line end", b"\r# old\r"]
)
def test_rules_of_the_user_stay_byte_for_byte(home, rules):
    (home / ".magic").write_bytes(rules)
    for _ in range(2):
        assert main.run(["desktop", "--install"]) == 0
        assert (home / ".magic").read_bytes().count(b"selfvae-codec picture") == 1
    assert main.run(["desktop", "--uninstall"]) == 0
    assert (home / ".magic").read_bytes() == rules


@anywhere
def test_a_file_of_the_same_name_that_is_not_ours_is_left_alone(home, capsys):
    path = data_home(home) / "thumbnailers" / "selfvae-codec.thumbnailer"
    path.parent.mkdir(parents=True)
    path.write_text("[Thumbnailer Entry]\nExec=mine\n")
    assert main.run(["desktop", "--install"]) == 1
    assert "exists already and was left as it is" in capsys.readouterr().err
    assert main.run(["desktop", "--uninstall"]) == 0
    assert path.read_text() == "[Thumbnailer Entry]\nExec=mine\n"


def test_file_knows_what_it_is_and_how_large(home):
    needs("file")
    path = small_file(home)
    assert main.run(["desktop", "--install"]) == 0
    version = selfvae_codec.read_header(path.read_bytes()).version
    assert run("file", "--brief", str(path)) == f"selfvae-codec picture, format {version}, 96 x 64"
    assert run("file", "--brief", "--mime-type", str(path)) == "image/x-svae"
    assert run("file", "--brief", "--mime-type", __file__).startswith("text/")


def test_the_desktop_knows_the_type_by_name_and_by_content(home):
    needs("update-mime-database", "gio")
    path = small_file(home)
    assert main.run(["desktop", "--install"]) == 0
    named, unnamed = path, home / "download"
    shutil.copy(path, unnamed)
    for file in (named, unnamed):
        assert "image/x-svae" in run("gio", "info", "-a", "standard::content-type", str(file))
    needs("xdg-mime")
    assert run("xdg-mime", "query", "filetype", str(named)) == "image/x-svae"


@pytest.mark.skipif(sys.platform != "linux", reason="paths are any bytes on Linux alone")
def test_a_thumbnailer_names_a_python_whose_path_is_no_utf_8(home, monkeypatch):
    monkeypatch.setattr(sys, "executable", os.fsdecode(b"/opt/caf\xe9/python"))
    assert main.run(["desktop", "--install"]) == 0
    entry = data_home(home) / "thumbnailers" / "selfvae-codec.thumbnailer"
    assert b"TryExec=/opt/caf\xe9/python\n" in entry.read_bytes()


def test_the_thumbnailer_runs_as_file_managers_run_it(home, tmp_path):
    source, target = small_file(home), tmp_path / "thumb nail.png"
    entry = dict(line.split("=", 1) for line in integration.thumbnailer().splitlines() if "=" in line)
    assert shutil.which(entry["TryExec"]) and entry["MimeType"] == "image/x-svae;"
    fills = {"%i": str(source), "%o": str(target), "%s": "32", "%%": "%"}
    command = [fills.get(word, word) for word in shlex.split(entry["Exec"])]
    without = "import sys; sys.modules['torch'] = None; import socket; socket.socket = None; "
    assert command[1:3] == ["-m", "selfvae_codec"]
    code = f"{without}from selfvae_codec.app.main import main; main(sys.argv[1:])"
    with open(target, "w+b") as held:  # Tumbler makes the file, and reads what it holds open
        done = subprocess.run([command[0], "-c", code, *command[3:]], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert held.read() == target.read_bytes()
    with Image.open(target) as small:
        assert small.format == "PNG" and small.size == (32, 21)
        whole = Image.fromarray(selfvae_codec.decode(source.read_bytes())).resize((32, 21), Image.Resampling.BOX)
        assert np.abs(np.array(small, float) - np.array(whole)).mean() < 12


def test_a_thumbnail_of_what_is_no_picture_or_too_large_is_an_error_without_a_file(home, tmp_path, capsys):
    bad, large = tmp_path / "bad.svae", tmp_path / "large.svae"
    bad.write_bytes(b"no picture")
    selfvae_codec_file = small_file(home).read_bytes()
    for path, words in ((bad, "not a selfvae-codec file"), (tmp_path / "absent.svae", "No such file")):
        assert main.run(["thumbnail", str(path), str(tmp_path / "out.png")]) == 1
        assert words in capsys.readouterr().err
    large.write_bytes(claiming(selfvae_codec_file, 16384, 16384))
    assert main.run(["thumbnail", str(large), str(tmp_path / "out.png")]) == 1
    assert "the limit" in capsys.readouterr().err
    assert not (tmp_path / "out.png").exists()


def test_a_thumbnail_does_not_replace_its_picture(home, tmp_path, capsys):
    path = small_file(home)
    before = path.read_bytes()
    os.symlink(path, tmp_path / "link.svae")
    for target in (path, tmp_path / "link.svae"):
        assert main.run(["thumbnail", str(path), str(target)]) == 2
        assert f"{target} is the input; give the output another name" in capsys.readouterr().err
    assert path.read_bytes() == before


def claiming(data, width, height):
    """A file with another size in its header, and the checksum that fits it."""
    header = selfvae_codec.read_header(data)
    end = (header.metadata or header.levels[0]).offset  # of the table
    start, at = header_module.HEADER_BYTES, integration.offset("width")
    head = data[:at] + struct.pack("<HH", width, height) + data[at + 4 : start - 4]
    return head + zlib.crc32(head + data[start:end]).to_bytes(4, "little") + data[start:]


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_printed_installed_and_taken_out_again(home, capsys, shell):
    before = everything(home)
    assert main.run(["completion", shell]) == 0
    printed = capsys.readouterr().out
    assert "_SELFVAE_CODEC_COMPLETE" in printed and "selfvae-codec" in printed
    assert main.run(["completion", shell, "--install"]) == 0
    assert shells.place(shell).read_text() == printed
    assert main.run(["completion", shell, "--uninstall"]) == 0
    assert everything(home) == before


@pytest.fixture
def program(home, monkeypatch):
    """The command under its own name on the PATH."""
    program = home / "bin" / "selfvae-codec"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m selfvae_codec "$@"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:{os.environ['PATH']}")


def test_bash_completes_commands_and_options(home, program):
    needs("bash")
    script = """
        source <(selfvae-codec completion bash)
        COMP_WORDS=(selfvae-codec encode --loss) COMP_CWORD=2
        _selfvae_codec_completion selfvae-codec
        COMP_WORDS=(selfvae-codec ba) COMP_CWORD=1
        _selfvae_codec_completion selfvae-codec
        echo "${COMPREPLY[@]}"
    """
    assert run("bash", "-c", script).split() == ["--lossless", "batch"]


def test_fish_completes_commands(home, program):
    needs("fish")
    assert main.run(["completion", "fish", "--install"]) == 0
    assert "encode" in run("fish", "-c", "complete -C 'selfvae-codec enc'")


def test_zsh_completes_commands(home, program):
    needs("zsh")
    assert main.run(["completion", "zsh", "--install"]) == 0
    script = f"""
        fpath=({shlex.quote(str(shells.place("zsh").parent))} $fpath)
        autoload -Uz compinit && compinit -u -D && print -r -- $_comps[selfvae-codec]
        compadd() {{ print -r -- "$@"; }}; _describe() {{ print -r -- ${{(P)2}} ${{(P)4}} }}
        words=(selfvae-codec enc) CURRENT=2
        autoload +X $_comps[selfvae-codec] && print loads
    """
    assert run("zsh", "-f", "-c", script).split() == ["_selfvae-codec", "loads"]
