"""The pages and the pictures of a folder over HTTP, as a Starlette application.

    /                    the gallery                     /view/NAME     one picture that sharpens
    /files/NAME          the .svae file, byte ranges     /facts/NAME    its levels, as JSON
    /pictures/NAME?level=3&reduce=2&format=webp          what the file shows up to a level
    /thumbnails/NAME     at most 256 pixels a side       /pictures.json names and sizes of all

Everything answers GET and HEAD, has an ETag, and is sent again only where that has changed.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import AsyncIterator, Sequence
from importlib.resources import files as resources
from pathlib import Path

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.datastructures import MutableHeaders
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.trustedhost import TrustedHostMiddleware
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from ...errors import CodecError
from ...format import container
from ...format.header import MAX_HEADER_BYTES, Header
from .decoders import Busy, Decoders, Limits, TooLong
from .folder import Folder, NotHere, Shown
from .rendering import FORMATS, REDUCTIONS, Wanted, needed, reduction

MIME = "image/x-svae"
THUMBNAIL = 256
MAX_LISTED = 5000
_PAGES = {
    "gallery.html": "text/html",
    "gallery.js": "text/javascript",
    "picture.html": "text/html",
    "picture.js": "text/javascript",
    "style.css": "text/css",
    "icon.svg": "image/svg+xml",
}
_HEADERS = {  # of every answer
    "Content-Security-Policy": "default-src 'none'; img-src 'self' blob:; script-src 'self'; style-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
}


def application(path: Path, limits: Limits, hosts: Sequence[str], decoders: Decoders | None = None) -> ASGIApp:
    """The application for a folder. hosts: names it answers to; a page elsewhere must not reach it by another."""
    folder, decoders = Folder(path), decoders or Decoders(limits)

    async def page(request: Request) -> Response:
        name = request.path_params.get("page", "gallery.html")
        if name not in _PAGES:
            raise HTTPException(404, f"{name}: no such page")
        content = (resources(__package__) / "page" / name).read_bytes()
        return _answer(request, content, _PAGES[name])

    async def view(request: Request) -> Response:
        await run_in_threadpool(folder.find, request.path_params["name"])
        request.path_params["page"] = "picture.html"
        return await page(request)

    async def listing(request: Request) -> Response:
        listed = await run_in_threadpool(_list, folder)
        return _answer(request, json.dumps(listed).encode(), "application/json")

    async def facts(request: Request) -> Response:
        shown = await run_in_threadpool(folder.find, request.path_params["name"])
        header = await run_in_threadpool(_header, shown)
        return _unless_known(request, shown.tag) or JSONResponse(
            _facts(request.path_params["name"], shown, header), headers={"ETag": f'"{shown.tag}"'}
        )

    async def file(request: Request) -> Response:
        shown = await run_in_threadpool(folder.find, request.path_params["name"])
        headers = {"ETag": f'"{shown.tag}"'}
        known = None if "range" in request.headers else _unless_known(request, shown.tag)
        return known or FileResponse(
            shown.path, media_type=MIME, headers=headers, filename=shown.path.name, stat_result=os.stat(shown.path)
        )

    async def picture(request: Request) -> Response:
        shown = await run_in_threadpool(folder.find, request.path_params["name"])
        header = await run_in_threadpool(_header, shown)
        level = _number(request, "level", header.n_levels, range(1, header.n_levels + 1))
        whole = container.whole_levels(header, shown.size)
        if level > whole:
            raise CodecError(f"the file is cut off: levels 1 to {whole} of {header.n_levels} are whole")
        reduce = reduction(header, level, _number(request, "reduce", 1, REDUCTIONS))
        return await _rendered(request, Wanted(str(shown.path), shown.tag, _format(request), level, reduce))

    async def thumbnail(request: Request) -> Response:
        shown = await run_in_threadpool(folder.find, request.path_params["name"])
        return await _rendered(request, Wanted(str(shown.path), shown.tag, _format(request), thumbnail=THUMBNAIL))

    async def _rendered(request: Request, wanted: Wanted) -> Response:
        tag = f"{wanted.tag}-{wanted.level}-{wanted.reduce}-{wanted.thumbnail}-{wanted.format}"
        known = _unless_known(request, tag)
        if known:
            return known
        content = await decoders.get(wanted)
        return Response(content, media_type=f"image/{wanted.format.lower()}", headers={"ETag": f'"{tag}"'})

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await decoders.close()

    paths = {
        "/": page,
        "/page/{page}": page,
        "/pictures.json": listing,
        "/view/{name:path}": view,
        "/facts/{name:path}": facts,
        "/files/{name:path}": file,
        "/pictures/{name:path}": picture,
        "/thumbnails/{name:path}": thumbnail,
    }
    return _with_headers(
        Starlette(
            routes=[Route(path, answer, methods=["GET", "HEAD"]) for path, answer in paths.items()],
            exception_handlers={CodecError: _failed, OSError: _unreadable, HTTPException: _refused},
            middleware=[Middleware(TrustedHostMiddleware, allowed_hosts=list(hosts))],
            lifespan=lifespan,
        )
    )


def _with_headers(app: ASGIApp) -> ASGIApp:
    """The same with our headers on every answer, also on those that Starlette gives by itself."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers.update(_HEADERS)
                # Keep it, and ask whether it is still so: the ETag answers without a decode. Errors are not kept.
                headers["Cache-Control"] = "no-cache" if message["status"] < 400 else "no-store"
            await send(message)

        await app(scope, receive, send_with_headers)

    return answer


def _header(shown: Shown) -> Header:
    with open(shown.path, "rb") as file:
        return container.read_header(file.read(MAX_HEADER_BYTES))


def _list(folder: Folder) -> list[dict]:
    """Every picture whose header can be read; of the others, why not."""
    listed: list[dict] = []
    for name in folder.names():
        if len(listed) == MAX_LISTED:
            break
        try:
            header = _header(folder.find(name))
            listed.append({"name": name, "width": header.width, "height": header.height, "bytes": header.file_bytes})
        except CodecError as error:
            listed.append({"name": name, "error": str(error)})
        except OSError:  # whose words have the folder's place on this machine
            listed.append({"name": name, "error": "cannot be read"})
    return listed


def _facts(name: str, shown: Shown, header: Header) -> dict:
    whole = container.whole_levels(header, shown.size)
    return {
        "name": name,
        "width": header.width,
        "height": header.height,
        "lossless": header.exact,
        "file_bytes": header.file_bytes,
        "whole_levels": whole,
        # What a reader must have loaded to show a level: everything up to its end.
        "levels": [
            {"level": level.index, "name": level.name, "bytes": level.end, "bpp": round(header.bpp(level.end), 4)}
            for level in header.levels[:whole]
        ],
        "needed": [{"reduce": reduce, "level": min(needed(header, reduce), whole)} for reduce in REDUCTIONS],
    }


def _number(request: Request, name: str, default: int, legal: Sequence[int]) -> int:
    text = request.query_params.get(name, str(default))
    if not (text.isascii() and text.isdecimal() and len(text) < 6 and int(text) in legal):
        allowed = f"{legal.start}..{legal.stop - 1}" if isinstance(legal, range) else ", ".join(map(str, legal))
        raise HTTPException(400, f"{name}={text[:20]} must be one of {allowed}")
    return int(text)


def _format(request: Request) -> str:
    name = request.query_params.get("format", "webp")
    if name not in FORMATS:
        raise HTTPException(400, f"format={name[:20]} must be one of {', '.join(FORMATS)}")
    return FORMATS[name]


def _unless_known(request: Request, tag: str) -> Response | None:
    """The answer to a browser that has this already."""
    known = [part.strip().removeprefix("W/") for part in request.headers.get("if-none-match", "").split(",")]
    has_it = f'"{tag}"' in known or known == ["*"]
    return Response(status_code=304, headers={"ETag": f'"{tag}"'}) if has_it else None


def _answer(request: Request, content: bytes, media_type: str) -> Response:
    """What is made quickly, whose tag is of its bytes."""
    tag = hashlib.sha256(content).hexdigest()[:16]
    return _unless_known(request, tag) or Response(content, media_type=media_type, headers={"ETag": f'"{tag}"'})


async def _failed(request: Request, error: Exception) -> Response:
    statuses: dict[type, int] = {NotHere: 404, Busy: 503, TooLong: 504}
    status = statuses.get(type(error), 422)
    return _words(status, str(error), {"Retry-After": "2"} if status == 503 else {})


async def _unreadable(request: Request, error: Exception) -> Response:
    return _words(404, f"{request.path_params.get('name', '')}: cannot be read")


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    return _words(error.status_code, error.detail, error.headers)


def _words(status: int, text: str, more=None) -> Response:
    return PlainTextResponse(text + "\n", status_code=status, headers=more)
