"""The package talks to nobody and leaves nothing behind."""

import os
import shutil
import subprocess
import sys

import pytest
from conftest import make_picture
from PIL import Image

CODE = """
import selfvae_codec.pillow
from PIL import Image
Image.open('a.png').save('b.svae', quality=20)
Image.open('b.svae').load()
from selfvae_codec.app import main
assert main.run(['encode', 'a.png', '-o', 'c.svae', '-q', '20', '--backend', 'onnxruntime']) == 0
assert main.run(['decode', 'b.svae', 'c.svae', '--output-dir', 'out', '-j', '2', '--backend', 'onnxruntime']) == 0
"""


def traces():
    if not shutil.which("strace"):
        return False
    return subprocess.run(["strace", "-f", "-o", os.devnull, "true"], capture_output=True).returncode == 0


def test_encoding_and_decoding_leave_no_file_below_home_and_open_no_socket(tmp_path):
    pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    home, work = tmp_path / "home", tmp_path / "work"
    home.mkdir()
    work.mkdir()
    Image.fromarray(make_picture(64, 48)).save(work / "a.png")
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("ORT_", "XDG_"))}
    command = [sys.executable, "-c", CODE]
    if traces():
        log = tmp_path / "calls"
        command = ["strace", "-f", "-qq", "-e", "trace=socket,connect", "-o", str(log), *command]
    done = subprocess.run(command, cwd=work, env=environment | {"HOME": str(home)}, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert list(home.rglob("*")) == []
    if traces():
        calls = [line for line in log.read_text().splitlines() if "socket(" in line or "connect(" in line]
        # processes of -j may talk to each other; nothing may reach a network or a name service
        assert [line for line in calls if "AF_UNIX" not in line or "nscd" in line] == []
