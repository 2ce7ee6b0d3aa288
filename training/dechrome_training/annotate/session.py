"""A labelling session: the pages, what is said of them, and the label file that holds every step of it.

The file is the truth: nothing is known of a page's labels that is not on disk, so a program that is killed loses
nothing, and pages that are not open take no memory.
"""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import BinaryIO, Final, NamedTuple

from dechrome.artefact import Model
from dechrome.blocks import Kind, Label
from dechrome.errors import DataError, InputError
from dechrome.labelling import Source, label_pages
from dechrome.pages import Page
from dechrome_training.annotate import history as steps
from dechrome_training.annotate.history import History, Mark, Range, State
from dechrome_training.annotate.layout import Setting, describe_layout
from dechrome_training.annotate.marking import mark_blocks, mark_html, mark_text
from dechrome_training.annotate.ranking import Candidate, find_site, measure_doubt, measure_shape, rank_pages
from dechrome_training.annotate.saved import SavedRow, index_rows, read_steps
from dechrome_training.annotate.sources import PageSource, read_page
from dechrome_training.corpus import AnnotatedPage, GoldBlock
from dechrome_training.label_files import append_label, open_labels

MAX_OPEN: Final = 8  # pages kept in memory; to read one again takes some ten milliseconds


class Progress(StrEnum):
    """How far a page is labelled."""

    NEW = "new"
    BEGUN = "begun"
    DONE = "done"


@dataclass(slots=True)
class Entry:
    """What the list says of a page; ``quality`` and what follows from it are None until the page has been read."""

    source: PageSource
    progress: Progress = Progress.NEW
    quality: float | None = None
    doubt: float = 0.0
    blocks: int = 0
    site: str = ""
    shape: tuple[int, ...] = ()
    problem: str = ""
    version: int = 0  # counts the changes of this session


class OpenPage(NamedTuple):
    """A page that is open: as the model labelled it, and what is said of it.

    ``page`` is how a label file holds it, without labels. ``predicted`` has a kind for chrome; ``kinds`` has the
    likeliest kind of every block, were it chrome.
    """

    page: AnnotatedPage
    labelled: Page
    predicted: tuple[Mark, ...]
    kinds: tuple[Kind, ...]
    layout: tuple[Setting, ...]
    history: History

    @property
    def texts(self) -> list[str]:
        """The texts of the blocks."""
        return [block.text for block in self.labelled.blocks]

    @property
    def labels(self) -> list[Label]:
        """What each block is by now: what was said of it, else what is predicted."""
        state = self.history.present
        pairs = zip(state.marks, self.predicted, strict=True)
        return [mark.label or guess.label or Label.CHROME for mark, guess in pairs]


class Session:
    """The pages to label and their label file. Every method may be called from any thread.

    Raises:
        DataError: the label file is malformed or cannot be written.
        InputError: another session writes to the label file.
    """

    def __init__(self, sources: Sequence[PageSource], out: Path, model: Model | None = None) -> None:
        self.out = out
        self.entries = [Entry(source) for source in sources]
        self._model = model
        self._lock = threading.RLock()
        self._open: OrderedDict[int, OpenPage] = OrderedDict()
        self._claim = _claim_file(out)
        self._file = open_labels(out)
        self._rows = index_rows(out)
        for entry in self.entries:
            entry.progress = self._saved_progress(entry.source)

    def read_pages(self, stopped: threading.Event | None = None) -> None:
        """Read and label all pages, for the list; meant for a thread of its own."""
        reading: list[tuple[int, AnnotatedPage]] = []

        def sources() -> Iterator[Source]:
            for number, entry in enumerate(self.entries):
                if stopped is not None and stopped.is_set():
                    return
                try:
                    page = _read_entry(entry)
                except OSError:
                    continue
                reading.append((number, page))
                yield _to_source(page)

        for labelled in label_pages(sources(), self._model):
            number, page = reading.pop(0)
            self._describe(self.entries[number], page, labelled)

    def list_pages(self) -> list[int]:
        """Return the numbers of all pages: those to label, the best first; those not read yet; those done."""
        with self._lock:
            todo = [i for i, entry in enumerate(self.entries) if entry.progress is not Progress.DONE]
            done = [i for i, entry in enumerate(self.entries) if entry.progress is Progress.DONE]
            read = [i for i in todo if self.entries[i].quality is not None]
            candidates = [Candidate(i, e.site, e.shape, e.doubt) for i in read for e in (self.entries[i],)]
            ranked = rank_pages(candidates, Counter(self.entries[i].site for i in done))
            return [*ranked, *(i for i in todo if self.entries[i].quality is None), *done]

    def open_page(self, number: int) -> OpenPage:
        """Return a page with what is said of it.

        Raises:
            IndexError: there is no such page.
            OSError: the file cannot be read.
        """
        with self._lock:
            if not 0 <= number < len(self.entries):
                raise IndexError(number)
            if number not in self._open:
                self._open[number] = self._read(self.entries[number])
            self._open.move_to_end(number)
            while len(self._open) > MAX_OPEN:
                self._open.popitem(last=False)
            return self._open[number]

    def label(self, number: int, blocks: Sequence[Range], label: Label, kind: Kind | None = None) -> OpenPage:
        """Label blocks; chrome without a kind is of the likeliest one, block by block.

        Raises:
            InputError: there are no such blocks, or something other than chrome has a kind.
        """
        if kind is not None and label is not Label.CHROME:
            raise InputError(f"only chrome has a kind, not {label}")
        with self._lock:
            page = self._check_blocks(number, blocks)
            marks = [Mark(label, kind or own if label is Label.CHROME else None) for own in page.kinds]
            return self._save(number, steps.set_marks(page.history.present, blocks, marks))

    def accept(self, number: int, blocks: Sequence[Range]) -> OpenPage:
        """Accept what is predicted of blocks, where nothing was said yet; raises ``InputError`` if there are none."""
        with self._lock:
            page = self._check_blocks(number, blocks)
            return self._save(number, steps.accept_marks(page.history.present, blocks, page.predicted))

    def finish(self, number: int) -> OpenPage:
        """Accept what is predicted on the whole page, which is done then; raises ``InputError`` for an empty one."""
        with self._lock:
            page = self._check_blocks(number, [(0, 0)])
            return self._save(number, steps.finish(page.history.present, page.predicted))

    def undo(self, number: int) -> OpenPage:
        """Take the last step back."""
        with self._lock:
            return self._put(number, steps.undo(self.open_page(number).history))

    def redo(self, number: int) -> OpenPage:
        """Do again what was undone last."""
        with self._lock:
            return self._put(number, steps.redo(self.open_page(number).history))

    def show(self, number: int, *, styled: bool = True) -> str:
        """Return the page as it looked, its blocks marked with their labels."""
        page = self.open_page(number)
        blocks, labels = page.labelled.blocks, page.labels
        if page.labelled.source_text is not None:
            return mark_text(page.labelled.source_text, blocks, labels)
        with suppress(ValueError):
            return mark_html(page.page.html or "", labels, styled=styled)
        return mark_blocks(blocks, labels)

    def close(self) -> None:
        """Close the label file."""
        self._file.close()
        self._claim.close()

    def _check_blocks(self, number: int, blocks: Sequence[Range]) -> OpenPage:
        page = self.open_page(number)
        count = len(page.predicted)
        if not blocks:
            raise InputError("no blocks are named")
        for first, last in blocks:
            if not 0 <= first <= last < count:
                raise InputError(f"no blocks {first} to {last}: the page has {count}")
        return page

    def _save(self, number: int, state: State) -> OpenPage:
        return self._put(number, steps.change(self.open_page(number).history, state))

    def _put(self, number: int, history: History) -> OpenPage:
        """Save the present state of a page, if it has changed, before anybody sees it."""
        page = self.open_page(number)
        if history.present == page.history.present:
            return page
        state = history.present
        row = replace(page.page, blocks=steps.to_gold(state.marks, page.texts), done=state.done)
        offset = self._file.seek(0, 2)
        append_label(self._file, row, self.out.parent)
        self._rows[row.id].append(SavedRow(offset, state.done, None))
        entry = self.entries[number]
        entry.version += 1
        entry.progress = Progress.DONE if state.done else Progress.BEGUN
        self._open[number] = page._replace(history=history)
        return self._open[number]

    def _saved_progress(self, source: PageSource) -> Progress:
        if rows := self._rows.get(source.id):
            return Progress.DONE if rows[-1].done else Progress.BEGUN
        row = source.row
        known = row is not None and (row.blocks or row.gold is not None)
        return Progress.NEW if not known or row is None else Progress.DONE if row.done else Progress.BEGUN

    def _read(self, entry: Entry) -> OpenPage:
        page = _read_entry(entry)
        (labelled,) = label_pages([_to_source(page)], self._model)
        self._describe(entry, page, labelled)
        (as_chrome,) = label_pages([_to_source(page)], self._model, threshold=1.0)
        predicted = tuple(Mark(block.label, block.kind) for block in labelled.blocks)
        kinds = tuple(block.kind or Kind.OTHER for block in as_chrome.blocks)
        texts = [block.text for block in labelled.blocks]
        start = steps.start_state(entry.source.row, texts, predicted)
        saved = [steps.restore(blocks, texts, done=done) for blocks, done in self._read_steps(entry.source.id)]
        history = steps.replay(start, saved)
        if entry.progress is Progress.DONE and not history.present.done:
            entry.progress = Progress.BEGUN  # the page is cut another way by now, and has blocks without a label
        return OpenPage(page, labelled, predicted, kinds, tuple(describe_layout(labelled.blocks)), history)

    def _read_steps(self, page_id: str) -> Iterator[tuple[list[GoldBlock], bool]]:
        return read_steps(self.out, self._rows.get(page_id, [])[-steps.MAX_STEPS :])

    def _describe(self, entry: Entry, page: AnnotatedPage, labelled: Page) -> None:
        with self._lock:
            folder = entry.source.path.parent.as_posix() if entry.source.path else ""
            entry.site = page.domain or find_site(page.url, page.html or "", folder)
            entry.shape = measure_shape(labelled)
            entry.doubt = measure_doubt(labelled)
            entry.blocks = len(labelled.blocks)
            entry.problem = "; ".join(labelled.problems)
            entry.quality = labelled.quality


def _read_entry(entry: Entry) -> AnnotatedPage:
    """Return the page of an entry, which notes why it cannot be read."""
    try:
        return read_page(entry.source)
    except OSError as error:
        entry.problem = error.strerror or str(error)
        entry.quality, entry.blocks = 0.0, 0
        raise


def _to_source(page: AnnotatedPage) -> Source:
    return Source(html=page.html, text=page.text, url=page.url)


def _claim_file(path: Path) -> BinaryIO:
    """Open a file that no other session may write to until it is closed, as far as the system can see to that."""
    try:
        stream = path.open("ab")
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}") from error
    try:
        import fcntl

        fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except ImportError:  # Windows
        pass
    except OSError as error:
        stream.close()
        raise InputError(f"{path}: another dechrome annotate writes to this file") from error
    return stream
