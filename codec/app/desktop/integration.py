"""What tells a desktop about .svae files: their type, how to know them, and who makes their thumbnails.

shared-mime-info and .thumbnailer files are read by GNOME, KDE, Xfce, MATE, Cinnamon and LXDE; ``file`` reads ~/.magic.
"""

from __future__ import annotations

import contextlib
import shlex
import shutil
import struct
import subprocess
import sys
from pathlib import Path

from ...format import fields
from ..console import PROGRAM
from .home import Record, data_home

MIME = "image/x-svae"
_GENERATED = (  # by update-mime-database, beside a folder for each media type
    "XMLnamespaces", "aliases", "generic-icons", "globs", "globs2", "icons", "magic", "mime.cache", "subclasses",
    "treemagic", "types", "version",
)  # fmt: skip


def mime_type() -> str:
    """A package of the shared MIME-info database."""
    magic = "".join(chr(byte) if 32 <= byte < 127 else f"\\x{byte:02x}" for byte in fields.MAGIC)
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<mime-info xmlns="http://www.freedesktop.org/standards/shared-mime-info">
  <mime-type type="{MIME}">
    <comment>selfvae-codec picture</comment>
    <generic-icon name="image-x-generic"/>
    <magic priority="60">
      <match type="string" offset="0" value="{magic}"/>
    </magic>
    <glob pattern="*.svae"/>
  </mime-type>
</mime-info>
"""


def magic_rule() -> str:
    """Lines for ``file``: what it is, its format number and its size."""
    magic = "".join(f"\\x{byte:02x}" for byte in fields.MAGIC)
    return f"""0\tstring\t{magic}\tselfvae-codec picture
!:mime\t{MIME}
!:ext\tsvae
>{offset("version")}\tubyte\tx\t\\b, format %u
>{offset("width")}\tuleshort\tx\t\\b, %u
>{offset("height")}\tuleshort\tx\t\\b x %u
"""


def offset(name: str) -> int:
    names = [field.name for field in fields.FIELDS]
    return struct.calcsize("<" + "".join(field.code for field in fields.FIELDS[: names.index(name)]))


def thumbnailer() -> str:
    """An entry for thumbnail services: this Python and this package, by their full paths."""
    python = shlex.quote(sys.executable)
    return f"""[Thumbnailer Entry]
TryExec={sys.executable}
Exec={python} -m selfvae_codec thumbnail %i %o --size %s
MimeType={MIME};
"""


def install() -> list[str]:
    """Puts everything in place, anew if it was there. Returns lines for the user. Raises CodecError, OSError."""
    uninstall()
    record, said = Record("desktop"), []
    for path, content in (
        (data_home() / "mime" / "packages" / "selfvae-codec.xml", mime_type()),
        (data_home() / "thumbnailers" / "selfvae-codec.thumbnailer", thumbnailer()),
    ):
        record.put(path, content)
        said.append(f"{path}: written")
    said += _update_mime()
    rules = Path.home() / ".magic"
    if rules.is_dir() or rules.with_name(".magic.mgc").exists():
        said.append(f"{rules}: left alone; `file` reads compiled rules of yours in its place")
    else:
        record.insert(rules, magic_rule())
        said.append(f"{rules}: the rule for `file` added")
    return said + _advice()


def uninstall() -> list[str]:
    """Takes back what ``install`` put there, and nothing else."""
    record = Record("desktop")
    mime = data_home() / "mime"
    ours = str(mime) in record.folders

    def update() -> None:
        if ours and not list((mime / "packages").glob("*")):
            _remove_generated(mime)
        else:
            _update_mime()

    return [f"{path}: removed" for path in record.remove(update)]


def _remove_generated(mime: Path) -> None:
    """A database of ours alone goes with us: what update-mime-database made in a folder that we made."""
    for name in _GENERATED:
        (mime / name).unlink(missing_ok=True)
    (mime / MIME).with_suffix(".xml").unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        (mime / MIME).parent.rmdir()


def _update_mime() -> list[str]:
    """The database is compiled: nothing knows the new type before that."""
    tool = shutil.which("update-mime-database")
    if tool is None:
        return ["update-mime-database is not installed (shared-mime-info): types are known once it has run"]
    done = subprocess.run([tool, str(data_home() / "mime")], capture_output=True, text=True)
    return [] if done.returncode == 0 else [f"update-mime-database failed: {done.stderr.strip()}"]


def _advice() -> list[str]:
    """What desktops need besides."""
    said = [
        f"KDE: Dolphin shows these thumbnails with KDE Frameworks 6.6 or newer, once {PROGRAM} is chosen in its "
        "settings under Previews"
    ]
    if not Path(sys.prefix).is_relative_to("/usr"):
        said.append(
            "GNOME: Files runs thumbnailers in a sandbox that sees /usr alone, and this installation is in "
            f"{sys.prefix}: its thumbnails need one below /usr. Xfce, MATE, Cinnamon, LXDE and KDE show them as it is"
        )
    return said
