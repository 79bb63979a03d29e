"""The command ``serve``: a folder of files as web pages."""

from __future__ import annotations

import ipaddress
import socket
from pathlib import Path

import click

from ...errors import CodecError
from .. import console

_LOOPBACK = ["localhost", "127.0.0.1", "[::1]"]


@click.command()
@click.argument("folder", type=click.Path(path_type=Path, exists=True, file_okay=False))
@click.option("--host", default="127.0.0.1", show_default=True, help="Address to listen at; 0.0.0.0 for every network.")
@click.option("--port", type=click.IntRange(0, 65535), default=8765, show_default=True, help="0: any that is free.")
@click.option(
    "--decodes", type=click.IntRange(min=1), default=1, show_default=True, help="Decodes at once, each with its memory."
)
@click.option(
    "--size-limit", type=click.IntRange(min=1), default=50_000_000, show_default=True, metavar="N",
    help="Refuse pictures of more than N pixels.",
)  # fmt: skip
@click.option(
    "--time-limit", type=click.FloatRange(min=0, min_open=True), default=60, show_default=True, metavar="SECONDS",
    help="Stop a decode that takes longer.",
)  # fmt: skip
@click.option(
    "--cache", type=click.IntRange(min=0), default=256, show_default=True, metavar="MIB",
    help="Memory for pictures that were decoded.",
)  # fmt: skip
def serve(folder, host, port, decodes, size_limit, time_limit, cache) -> None:
    """Show the .svae files of FOLDER as a web page where they sharpen while they load.

    Browsers get levels as WebP, decoded here, coarse ones first and no more than their screen needs; programs get byte
    ranges of the files. Nothing but .svae files below FOLDER is served.
    """
    try:
        import uvicorn

        from . import server
    except ModuleNotFoundError as error:
        if error.name and error.name.startswith("selfvae_codec"):
            raise
        raise CodecError(f"serve needs {error.name}, not installed: pip install 'selfvae-codec[serve]'") from None
    from .decoders import Limits

    limits = Limits(pixels=size_limit, seconds=time_limit, decodes=decodes, cache=cache << 20)
    app = server.application(folder, limits, _LOOPBACK if _is_loopback(host) else ["*"])
    with _listening(host, port) as listener:
        at = f"[{host}]" if ":" in host else host
        console.say(f"{folder}: http://{at}:{listener.getsockname()[1]}/ (Ctrl-C stops it)")
        uvicorn.Server(uvicorn.Config(app, log_level="warning", server_header=False)).run(sockets=[listener])


def _listening(host: str, port: int) -> socket.socket:
    """Raises CodecError where the address cannot be had."""
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        return socket.create_server((host, port), family=family)
    except OSError as error:
        raise CodecError(f"{host}, port {port}: {error.strerror or error}; --port 0 takes any that is free") from None


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
