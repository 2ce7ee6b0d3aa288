"""One row of a label file: what is wrong with it, row to annotated page, and back.

``labels.schema.json`` says the same of it. A field that is null is as good as missing. Fields that are not known here
are kept as ``extras``.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

from dechrome.blocks import Kind, Label
from dechrome.encoding import decode_html, decode_text, scrub
from dechrome_training.corpus import AnnotatedPage, GoldBlock, PageFile, site_of

VERSION: Final = 1
SOURCE: Final = "labels"  # of pages whose row names no set

_ORIGINS: Final = ("html", "text", "path")
_STRINGS: Final = (*_ORIGINS, "source", "url", "domain", "language", "page_type", "gold")
_SNIPPETS: Final = ("must_have", "must_not")
_TYPES: Final = ("html", "text")
_LABELS: Final = tuple(label.value for label in Label)
_KINDS: Final = tuple(kind.value for kind in Kind)
_DIGEST: Final = re.compile("[0-9a-f]{64}")
FIELDS: Final = frozenset((*_STRINGS, *_SNIPPETS, "version", "id", "as", "sha256", "blocks", "done"))


class Fault(NamedTuple):
    """What is wrong with one field of a row; "" is the row itself."""

    field: str
    message: str


class RowError(ValueError):
    """A row is no annotated page; ``fault`` says why."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"field {fault.field!r}: {fault.message}" if fault.field else fault.message)
        self.fault = fault


def check_row(row: object) -> list[Fault]:
    """Return all that is wrong with a row, by itself: files that it names are not looked at.

    >>> check_row({"id": "a", "text": "A fox ran.", "blocks": [{"text": "A fox ran.", "label": "fox"}]})
    [Fault(field='blocks[0].label', message="must be content, image, chrome or null, not 'fox'")]
    """
    if not isinstance(row, dict):
        return [Fault("", f"must be an object with the fields of a page, not {_show(row)}")]
    return [*_check_fields(row), *_check_origin(row), *_check_gold(row)]


def to_page(row: Mapping[str, Any], folder: Path) -> AnnotatedPage:
    """Return the page that a row describes; ``folder`` is where its ``path`` starts.

    Raises:
        RowError: a field is wrong, or the file it names is missing or has changed.
    """
    if faults := check_row(row):
        raise RowError(faults[0])
    html, text, file = _read_origin(row, folder)
    blocks = tuple(_gold_block(block) for block in row.get("blocks") or ())
    done = row.get("done") is not False
    return AnnotatedPage(
        id=row["id"],
        source=row.get("source") or SOURCE,
        html=html,
        text=text,
        url=row.get("url"),
        domain=row.get("domain") or site_of(row.get("url")),
        language=row.get("language"),
        page_type=row.get("page_type"),
        gold=_gold_text(blocks) if blocks or (done and row.get("blocks") is not None) else row.get("gold"),
        blocks=blocks,
        must_have=tuple(row.get("must_have") or ()),
        must_not=tuple(row.get("must_not") or ()),
        done=done,
        file=file,
        extras={name: value for name, value in row.items() if name not in FIELDS},
    )


def to_row(page: AnnotatedPage, folder: Path | None = None) -> dict[str, Any]:
    """Return the row that describes a page, fields without a value left out.

    The page itself stands in the row; with ``folder``, a page that came from a file is named by its path from there.
    """
    row: dict[str, Any] = {"version": VERSION, "id": page.id}
    if page.file is not None and folder is not None:
        path = Path(os.path.relpath(page.file.path.resolve(), folder.resolve())).as_posix()
        row |= {"path": path, "as": "html" if page.html is not None else "text", "sha256": page.file.sha256}
    elif page.html is not None:
        row["html"] = page.html
    else:
        row["text"] = page.text or ""
    known = {"url": page.url, "domain": page.domain, "language": page.language, "page_type": page.page_type}
    row |= {name: value for name, value in known.items() if value is not None}
    if page.source != SOURCE:
        row["source"] = page.source
    row |= {name: list(value) for name in _SNIPPETS if (value := getattr(page, name))}
    row |= page.extras
    if page.blocks:
        row["blocks"] = [_block_row(block) for block in page.blocks]
    elif page.gold is not None:
        row["gold"] = page.gold
    if not page.done or not (page.blocks or page.gold is not None or page.must_have or page.must_not):
        row["done"] = False  # where nothing is known, too
    return row


def digest(data: bytes) -> str:
    """Return the SHA-256 of a page's bytes, as label files hold it."""
    return hashlib.sha256(data).hexdigest()


def _check_fields(row: Mapping[str, Any]) -> Iterator[Fault]:
    version = row.get("version")
    if version is not None and (isinstance(version, bool) or version != VERSION):
        yield Fault("version", f"this program reads version {VERSION}, not {_show(version)}")
    if "id" not in row:
        yield Fault("id", "is missing")
    elif not isinstance(row["id"], str) or not row["id"]:
        yield Fault("id", f"must be a string that is not empty, not {_show(row['id'])}")
    for name in _STRINGS:
        if not isinstance(row.get(name), str | None):
            yield Fault(name, f"must be a string or null, not {_show(row[name])}")
    for name in _SNIPPETS:
        snippets = row.get(name)
        if not isinstance(snippets, list | None) or not all(isinstance(snippet, str) for snippet in snippets or ()):
            yield Fault(name, f"must be a list of strings or null, not {_show(snippets)}")
    if not isinstance(row.get("done"), bool | None):
        yield Fault("done", f"must be true, false or null, not {_show(row['done'])}")
    sha256 = row.get("sha256")
    if sha256 is not None and not (isinstance(sha256, str) and _DIGEST.fullmatch(sha256)):
        yield Fault("sha256", f"must be 64 lower-case hexadecimal digits or null, not {_show(sha256)}")


def _check_origin(row: Mapping[str, Any]) -> Iterator[Fault]:
    given = [name for name in _ORIGINS if row.get(name) is not None]
    if len(given) != 1:
        found = " and ".join(given) if given else "none"
        yield Fault(given[1] if given else "html", f"one of html, text and path must be there, not {found}")
    page_type = row.get("as")
    if page_type not in (*_TYPES, None) or (page_type is None and given == ["path"]):
        yield Fault("as", f"must be html or text, not {_show(page_type)}" if page_type is not None else "is missing")


def _check_gold(row: Mapping[str, Any]) -> Iterator[Fault]:
    blocks, gold = row.get("blocks"), row.get("gold")
    if blocks is not None and gold is not None:
        yield Fault("gold", "stands beside blocks: only one of the two may be there")
    if row.get("done") is not False and all(row.get(name) is None for name in ("blocks", "gold", *_SNIPPETS)):
        yield Fault("blocks", "is missing, and so are gold, must_have and must_not (unless done is false)")
    if not isinstance(blocks, list | None):
        yield Fault("blocks", f"must be a list or null, not {_show(blocks)}")
        return
    for number, block in enumerate(blocks or ()):
        for fault in _check_block(block):
            yield Fault(f"blocks[{number}]{fault.field and '.'}{fault.field}", fault.message)


def _check_block(block: object) -> Iterator[Fault]:
    if not isinstance(block, dict):
        yield Fault("", f"must be an object with text and label, not {_show(block)}")
        return
    for name in ("text", "label"):
        if name not in block:
            yield Fault(name, "is missing")
    if not isinstance(block.get("text", ""), str):
        yield Fault("text", f"must be a string, not {_show(block['text'])}")
    label, kind = block.get("label"), block.get("kind")
    if label not in (*_LABELS, None):
        yield Fault("label", f"must be {', '.join(_LABELS)} or null, not {_show(label)}")
    if kind not in (*_KINDS, None):
        yield Fault("kind", f"must be {', '.join(_KINDS)} or null, not {_show(kind)}")
    elif kind is not None and label != Label.CHROME:
        yield Fault("kind", f"only chrome has a kind, but this block is {_show(label)}")


def _read_origin(row: Mapping[str, Any], folder: Path) -> tuple[str | None, str | None, PageFile | None]:
    """Return html, text and the file, as labelling would read them."""
    if (html := row.get("html")) is not None:
        return scrub(html)[0], None, None
    if (text := row.get("text")) is not None:
        return None, scrub(text)[0], None
    path = folder / row["path"]
    try:
        if not path.is_file():
            raise RowError(Fault("path", f"{path}: no such file"))
        data = path.read_bytes()
    except (OSError, ValueError) as error:
        raise error if isinstance(error, RowError) else RowError(Fault("path", f"{path}: {error}")) from error
    found = digest(data)
    if row.get("sha256") not in (None, found):
        raise RowError(Fault("sha256", f"{path} has changed since it was labelled: its digest is {found}"))
    if row["as"] == "html":
        return decode_html(data)[0], None, PageFile(path, found)
    return None, decode_text(data)[0], PageFile(path, found)


def _gold_block(block: Mapping[str, Any]) -> GoldBlock:
    label, kind = block["label"], block.get("kind")
    return GoldBlock(block["text"], None if label is None else Label(label), None if kind is None else Kind(kind))


def _gold_text(blocks: tuple[GoldBlock, ...]) -> str | None:
    """Return the content as text; None where a block is not labelled, since then it is not known."""
    if any(block.label is None for block in blocks):
        return None
    return "\n\n".join(block.text for block in blocks if block.label is Label.CONTENT)


def _block_row(block: GoldBlock) -> dict[str, Any]:
    row: dict[str, Any] = {"text": block.text, "label": None if block.label is None else block.label.value}
    return row if block.kind is None else row | {"kind": block.kind.value}


def _show(value: object) -> str:
    text = "null" if value is None else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."
