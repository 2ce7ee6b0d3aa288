"""Label Studio: tasks with annotations and predictions, the labelling interface, and exports (JSON and JSON-MIN).

Formats: https://labelstud.io/guide/task_format, https://labelstud.io/guide/predictions. Regions are read by their
text, since offsets in HTML drift; regions of plain text by offsets that fit their text.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dechrome.blocks import Kind, Label
from dechrome_training.corpus import AnnotatedPage, GoldBlock
from dechrome_training.exchange.names import NAMES, format_name, parse_name
from dechrome_training.exchange.pages import CARRIED, Span, Task, carried_page, carry, cut_spans, label_page
from dechrome_training.exchange.places import read_span
from dechrome_training.importers.records import Outcome, Record, get_list, get_object, read_records, show

MODEL_VERSION: Final = "dechrome"
SO_FAR: Final = "labels so far"  # of pages that are not done: a prediction, or the tool would take them for finished
_CONTROLS: Final = ("labels", "hypertextlabels", "paragraphlabels")
_COLOURS: Final = {Label.CONTENT: "#1a7f37", Label.IMAGE: "#8250df", Label.CHROME: "#9a6700"}
_COOKIES: Final = format_name(Label.CHROME, Kind.COOKIE_NOTICE)


def interface() -> str:
    """Return the labelling interface, the XML that goes into a project's settings under Labeling Interface."""
    labels = "\n".join(
        f'    <Label value="{name}" background="{"#cf222e" if name == _COOKIES else _COLOURS[parse_name(name)[0]]}"/>'
        for name in NAMES
    )
    return (
        "<View>\n  <Style>.htx-text{ white-space: pre-wrap; }</Style>\n"
        f'  <Labels name="label" toName="text">\n{labels}\n  </Labels>\n'
        '  <Text name="text" value="$text" granularity="word"/>\n</View>\n'
    )


def write_tasks(tasks: Iterable[Task]) -> Iterator[str]:
    """Yield the pieces of a JSON file of tasks: what is known as annotation, what the model says as prediction."""
    separator = "["
    for task in tasks:
        yield f"{separator}\n{json.dumps(_task(task), ensure_ascii=False)}"
        separator = ","
    yield "\n]\n" if separator == "," else "[]\n"


def read_export(path: Path, pages: Mapping[str, AnnotatedPage] | None = None) -> Iterator[Outcome]:
    """Read an export, JSON or JSON-MIN.

    Of several annotations of a task the one marked as ground truth counts, else the last one.

    Raises:
        DataError: names the file, the record and the field that is wrong.
    """
    for number, record in enumerate(read_records(path), start=1):
        yield _read_task(record, f"{path.stem}-{record.fields.get('id', number)}", pages)


def _task(task: Task) -> dict[str, Any]:
    page = task.page
    data: dict[str, Any] = {"text": task.text, "id": page.id, "url": page.url, CARRIED: carry(page)}
    predictions = [_prediction(MODEL_VERSION, task.predicted_spans(), task.quality)]
    row: dict[str, Any] = {"data": data}
    if task.is_labelled and page.done:
        row["annotations"] = [{"result": _regions(task.known_spans())}]
    elif task.is_labelled:
        predictions.insert(0, _prediction(SO_FAR, task.known_spans(), None))
    return row | {"predictions": predictions}


def _prediction(version: str, spans: Sequence[Span], score: float | None) -> dict[str, Any]:
    prediction: dict[str, Any] = {"model_version": version, "result": _regions(spans)}
    return prediction if score is None else prediction | {"score": round(score, 4)}


def _regions(spans: Sequence[Span]) -> list[dict[str, Any]]:
    return [
        {
            "id": f"b{number}",
            "from_name": "label",
            "to_name": "text",
            "type": "labels",
            "value": {
                "start": span.start,
                "end": span.end,
                "text": span.block.text,
                "labels": [format_name(span.block.label, span.block.kind)],
            },
        }
        | ({} if span.confidence is None else {"score": round(span.confidence, 4)})
        for number, span in enumerate(spans)
        if span.block.label is not None
    ]


def _read_task(record: Record, name: str, pages: Mapping[str, AnnotatedPage] | None) -> Outcome:
    data = get_object(record, "data") if "data" in record.fields else record
    text, html = _find_page(data)
    values = _choose_values(record)
    if values is None:
        return Outcome(record.place, None, left_out="not labelled")
    if text is None and html is None and pages is None:
        return Outcome(record.place, None, ("no text and no html in its data",))
    try:
        page = carried_page(record, text or "", name, pages)
    except KeyError as error:
        return Outcome(record.place, None, (f"no page of the id {error}",))
    if html is not None and page.html is None and pages is None:
        page = _as_html(page, html)
    pieces, problems = _read_values(text, values)
    if not any(piece.label for piece in pieces):
        return Outcome(record.place, None, tuple(problems), "" if problems else "not labelled")
    labelled, lost = label_page(page, pieces)
    return Outcome(record.place, labelled, (*problems, *lost))


def _find_page(data: Record) -> tuple[str | None, str | None]:
    """Return the text or the HTML that a task shows."""
    text, html = data.fields.get("text"), data.fields.get("html")
    return text if isinstance(text, str) else None, html if isinstance(html, str) and not isinstance(
        text, str
    ) else None


def _as_html(page: AnnotatedPage, html: str) -> AnnotatedPage:
    return AnnotatedPage(page.id, page.source, html=html, url=page.url, domain=page.domain, done=False)


def _choose_values(record: Record) -> list[Mapping[str, Any]] | None:
    """Return the regions of a task's annotation, None where nobody has labelled it."""
    done = get_list(record, "annotations") or get_list(record, "completions")
    if done or "annotations" in record.fields or "completions" in record.fields:
        kept = [item for item in done if isinstance(item, dict) and not item.get("was_cancelled")]
        if not kept:
            return None
        best = max(enumerate(kept), key=lambda pair: (bool(pair[1].get("ground_truth")), _time(pair[1]), pair[0]))[1]
        results = get_list(Record(f"{record.place}: in 'annotations'", best), "result")
        return [item["value"] for item in results if isinstance(item, dict) and "value" in item]
    for name, value in record.fields.items():  # JSON-MIN: the regions under the name of the control
        if isinstance(value, list) and name != "predictions" and all(map(_is_region, value)) and value:
            return value
    return None


def _is_region(item: object) -> bool:
    return isinstance(item, dict) and bool(_names(item))


def _names(value: Mapping[str, Any]) -> list[Any]:
    """Return the labels of a region, which stand under the name of their control's type."""
    found: Any = next((value[name] for name in _CONTROLS if value.get(name)), [])
    return found if isinstance(found, list) else []


def _time(annotation: Mapping[str, Any]) -> str:
    return str(annotation.get("updated_at") or annotation.get("created_at") or "")


def _read_values(text: str | None, values: Sequence[Mapping[str, Any]]) -> tuple[list[GoldBlock], list[str]]:
    """Return the labelled pieces of a page, and what is wrong with regions that could not be used."""
    spans: list[Span] = []
    loose: list[tuple[int, GoldBlock]] = []
    problems: list[str] = []
    for value in values:
        if not isinstance(value, Mapping) or not (names := _names(value)):
            continue  # a choice, a comment, a rating
        words = value.get("text")
        try:
            if text is not None:
                spans.append(read_span(text, value.get("start"), value.get("end"), names[0], words))
            else:
                loose.append(_loose_piece(value, names[0], words))
        except ValueError as error:
            problems.append(f"region {show(words if isinstance(words, str) else dict(value))}: {error}")
    if text is None:
        return [piece for _, piece in sorted(loose, key=lambda item: item[0])], problems
    try:
        return cut_spans(text, spans), problems
    except ValueError as error:
        return [], [*problems, str(error)]


def _loose_piece(value: Mapping[str, Any], name: object, words: object) -> tuple[int, GoldBlock]:
    """Return a region of HTML, which is known by its words alone, and where it begins among the others."""
    if not isinstance(words, str) or not isinstance(name, str):
        raise ValueError("text and label must be strings")
    offsets = value.get("globalOffsets")
    start = offsets.get("start") if isinstance(offsets, Mapping) else None
    return start if isinstance(start, int) else 0, GoldBlock(words.replace("\\n", "\n"), *parse_name(name))
