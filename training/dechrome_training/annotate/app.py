"""HTTP around a session: the page and its three files, the list, one page, its changes, and the page as it looked."""

from __future__ import annotations

import os
import threading
from collections.abc import Awaitable, Callable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final, TypeVar

from fastapi import FastAPI, HTTPException, Response
from fastapi.responses import HTMLResponse
from pydantic import BaseModel, ConfigDict, Field

from dechrome.blocks import Kind, Label
from dechrome.errors import InputError
from dechrome_training.annotate.guard import FRAME_POLICY, Guard
from dechrome_training.annotate.session import Entry, OpenPage, Session

MAX_TEXT: Final = 20_000  # characters of one block that are sent to the browser
DOUBTFUL: Final = 0.75  # confidence below which a prediction is worth a look; 0.7 to 0.85 cost the same key presses
PICK_WAIT: Final = 2.0  # seconds that the browser waits for a click into the page's look

Result = TypeVar("Result")

_STATIC: Final = Path(__file__).parent / "static"
_FILES: Final = {"": "text/html", "annotate.css": "text/css", "annotate.js": "text/javascript"}


Place = Annotated[int, Field(ge=0, strict=True)]


class Action(StrEnum):
    """What a person does to a page."""

    LABEL = "label"
    ACCEPT = "accept"
    FINISH = "finish"
    UNDO = "undo"
    REDO = "redo"


class Change(BaseModel):
    """One step on a page; ``blocks`` are pairs of a first and a last block, both included."""

    model_config = ConfigDict(extra="forbid")

    action: Action
    blocks: list[tuple[Place, Place]] = []
    label: Label | None = None
    kind: Kind | None = None


class _Picks:
    """Clicks into the page's look, which reach the list by way of the server: no script runs there."""

    def __init__(self) -> None:
        self._arrived = threading.Condition()
        self._last: dict[str, int] = {"count": 0, "page": -1, "block": -1}

    def put(self, page: int, block: int) -> None:
        with self._arrived:
            self._last = {"count": self._last["count"] + 1, "page": page, "block": block}
            self._arrived.notify_all()

    def wait(self, after: int) -> dict[str, int]:
        with self._arrived:
            self._arrived.wait_for(lambda: self._last["count"] > after, PICK_WAIT)
            return self._last


def make_app(session: Session, token: str, host: str) -> Guard:
    """Return the application: everything below ``/<token>/``, for requests to ``host`` (name and port) alone."""
    app = FastAPI(openapi_url=None, docs_url=None, redoc_url=None)
    picks = _Picks()
    skipped = _shared_folder([entry.source.id for entry in session.entries])

    for name, media_type in _FILES.items():
        app.add_api_route(f"/{name}", _file_sender(name or "index.html", media_type), response_class=Response)

    @app.get("/api/pages")
    def list_pages() -> dict[str, Any]:
        entries = session.entries
        return {
            "out": str(session.out),
            "read": sum(entry.quality is not None for entry in entries),
            "pages": [_entry_record(number, entries[number], skipped) for number in session.list_pages()],
        }

    @app.get("/api/pages/{number}")
    def open_page(number: int) -> dict[str, Any]:
        page = _answer(lambda: session.open_page(number))
        entry = session.entries[number]
        return {
            **_entry_record(number, entry, skipped),
            **_state_record(page, entry),
            "title": page.labelled.title,
            "url": page.page.url,
            "blocks": _block_records(page),
        }

    @app.post("/api/pages/{number}")
    def change_page(number: int, change: Change) -> dict[str, Any]:
        before = _answer(lambda: session.open_page(number)).history.present.marks
        page = _answer(lambda: _apply(session, number, change))
        after = page.history.present.marks
        changed = [
            [index, mark.label, mark.kind]
            for index, (mark, old) in enumerate(zip(after, before, strict=True))
            if mark != old
        ]
        return {**_state_record(page, session.entries[number]), "changed": changed}

    @app.get("/page/{number}/look")
    def show_page(number: int, style: bool = True) -> HTMLResponse:
        html = _answer(lambda: session.show(number, styled=style))
        return HTMLResponse(html.encode("utf-8", "replace"), headers={"content-security-policy": FRAME_POLICY})

    @app.get("/page/{number}/pick/{block}")
    def pick_block(number: int, block: int) -> Response:
        picks.put(number, block)
        return Response(status_code=204)

    @app.get("/api/picked")
    def wait_for_pick(after: int = 0) -> dict[str, int]:
        return picks.wait(after)

    return Guard(app, token, host)


def _file_sender(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    content = (_STATIC / name).read_bytes()

    async def send_file() -> Response:
        return Response(content, media_type=media_type)

    return send_file


def _answer(work: Callable[[], Result]) -> Result:
    """Return what the session answers, its errors as those of HTTP."""
    try:
        return work()
    except IndexError as error:
        raise HTTPException(404, f"there is no page {error}") from error
    except InputError as error:
        raise HTTPException(422, str(error)) from error
    except OSError as error:
        raise HTTPException(409, f"cannot be read or saved: {error.strerror or error}") from error


def _apply(session: Session, number: int, change: Change) -> OpenPage:
    match change.action:
        case Action.LABEL:
            if change.label is None:
                raise InputError("a label is missing")
            return session.label(number, change.blocks, change.label, change.kind)
        case Action.ACCEPT:
            return session.accept(number, change.blocks)
        case Action.FINISH:
            return session.finish(number)
        case Action.UNDO:
            return session.undo(number)
        case Action.REDO:
            return session.redo(number)


def _shared_folder(ids: list[str]) -> int:
    """Return how many characters at the start of all ids name a folder that they share."""
    return os.path.commonprefix(ids).rfind("/") + 1  # noqa: RUF071 (cut at the last slash)


def _entry_record(number: int, entry: Entry, skipped: int) -> dict[str, Any]:
    return {
        "number": number,
        "name": entry.source.id,
        "short": entry.source.id[skipped:],
        "site": entry.site,
        "quality": None if entry.quality is None else round(entry.quality, 3),
        "doubt": round(entry.doubt, 4),
        "size": entry.blocks,
        "progress": entry.progress,
        "problem": entry.problem,
    }


def _state_record(page: OpenPage, entry: Entry) -> dict[str, Any]:
    history = page.history
    return {
        "progress": entry.progress,
        "version": entry.version,
        "can_undo": bool(history.past),
        "can_redo": bool(history.future),
    }


def _block_records(page: OpenPage) -> list[dict[str, Any]]:
    """Return the blocks as the browser sees them, fields that say nothing left out."""
    records = []
    rows = zip(page.labelled.blocks, page.history.present.marks, page.kinds, page.layout, strict=True)
    for block, mark, kind, setting in rows:
        record: dict[str, Any] = {
            "text": block.text[:MAX_TEXT],
            "cut": max(0, len(block.text) - MAX_TEXT),
            "guess": block.label,
            "guessed_kind": kind,
            "confidence": round(block.confidence, 3),
            "doubtful": block.confidence < DOUBTFUL,
            "label": mark.label,
            "kind": mark.kind,
            "path": block.path,
            **setting._asdict(),
        }
        records.append({name: value for name, value in record.items() if value})
    return records
