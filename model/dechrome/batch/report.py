"""What a job did, at its end: ``report.json`` and a page for the browser, which loads nothing from outside."""

from __future__ import annotations

import html
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from dechrome.batch.state import Checkpoint, replace
from dechrome.batch.statistics import QUALITY_BINS, Noted, Statistics

REPORT_JSON: Final = "report.json"
REPORT_HTML: Final = "report.html"
_LANGUAGES: Final = 30  # shown

_META: Final = (
    '<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">'
    "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">"
)
_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1d2329; --soft: #5c6670; --line: #d9dee3; --bar: #4a7fb5; --paper: #fff }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e4e8ec; --soft: #9aa5b0; --line: #3a434c; --bar: #6fa3d8; --paper: #171b1f } }
body { font: 15px/1.5 system-ui, sans-serif; color: var(--ink); background: var(--paper); max-width: 60rem;
  margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem }
p, figcaption { color: var(--soft) }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr)); gap: 1rem; margin: 1.5rem 0 }
dt { color: var(--soft); font-size: .85rem } dd { margin: 0; font-size: 1.35rem; font-variant-numeric: tabular-nums }
table { border-collapse: collapse; width: 100%; min-width: 30rem }
th { text-align: left; font-weight: 600; color: var(--soft); font-size: .85rem }
th, td { padding: .25rem .8rem .25rem 0; border-bottom: 1px solid var(--line); vertical-align: top }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap }
td.text { overflow-wrap: anywhere; min-width: 6rem }
.scroll { overflow-x: auto }
.share { display: flex; align-items: center; gap: .6rem; min-width: 9rem; font-variant-numeric: tabular-nums }
.share span { width: 2.6rem; text-align: right } .share div { flex: 1; background: var(--line); height: .5rem }
.share i { display: block; height: 100%; background: var(--bar) }
figure { margin: 0 } .bins { display: flex; align-items: end; gap: 3px; height: 9rem }
.bins div { flex: 1; background: var(--bar); min-height: 1px }
.axis { display: flex; justify-content: space-between; color: var(--soft); font-size: .85rem }
"""


def write_report(folder: Path, checkpoint: Checkpoint, title: str) -> None:
    """Write both reports into a job's folder."""
    replace(folder / REPORT_JSON, summarise(checkpoint))
    (folder / REPORT_HTML).write_text(to_page(checkpoint, title), encoding="utf-8", errors="replace")


def summarise(checkpoint: Checkpoint) -> dict[str, Any]:
    """Return a job's numbers as values of JSON; characters are those of visible text."""
    statistics = checkpoint.statistics
    values = statistics.to_dict()
    values["samples"] = {
        name: [{"text": sample.text, "source": sample.source, "offset": sample.offset} for sample in samples]
        for name, samples in statistics.samples.items()
    }
    for name, measure in (("slowest", "cpu_seconds"), ("worst", "quality")):
        values[name] = [
            {measure: page.value, "source": page.source, "offset": page.offset, "id": page.id}
            for page in getattr(statistics, name)
        ]
    return {
        "finished": checkpoint.finished,
        "seconds": checkpoint.seconds,
        "characters_in": statistics.characters_in,
        **values,
    }


def to_page(checkpoint: Checkpoint, title: str) -> str:
    """Return the report as a page of HTML."""
    statistics = checkpoint.statistics
    body = [
        f"<h1>{html.escape(title)}</h1>",
        _facts(checkpoint),
        _section("What was removed", _removed(statistics)),
        _section("Quality", _histogram(statistics.quality)),
        _section("Languages", _languages(statistics)),
        _section("Dropped or passed over", _counts(statistics.reasons)),
        _section("Problems of pages", _counts(statistics.problems)),
        _section("The worst pages", _noted(statistics.worst, "quality", "{:.2f}")),
        _section("The slowest pages", _noted(statistics.slowest, "CPU seconds", "{:.3f}")),
        _section("Samples of what was removed", _samples(statistics)),
    ]
    head = f"{_META}<title>{html.escape(title)}</title><style>{_STYLE}</style>"
    page = f"<head>{head}</head>\n<body>\n{''.join(body)}</body>"
    return f'<!DOCTYPE html>\n<html lang="en">\n{page}\n</html>\n'


def _section(title: str, content: str) -> str:
    return f"<h2>{title}</h2>\n{content}\n" if content else ""


def _facts(checkpoint: Checkpoint) -> str:
    statistics = checkpoint.statistics
    seen, kept = statistics.characters_in, statistics.characters_out
    facts = [(status, f"{count:,}") for status, count in statistics.records.most_common()]
    facts += [
        ("characters in", f"{seen:,}"),
        ("characters out", f"{kept:,}" + (f" ({kept / seen:.0%})" if seen else "")),
        ("MB read", f"{statistics.bytes_in / 1e6:,.1f}"),
        ("seconds", f"{checkpoint.seconds:,.0f}"),
        ("CPU seconds of labelling", f"{statistics.cpu_seconds:,.0f}"),
    ]
    return f"<dl>{''.join(f'<div><dt>{name}</dt><dd>{value}</dd></div>' for name, value in facts)}</dl>\n"


def _removed(statistics: Statistics) -> str:
    total = statistics.characters_in or 1
    rows = [
        (name, f"{statistics.blocks[name]:,}", f"{count:,}", _Html(_meter(count / total)))
        for name, count in statistics.characters.most_common()
    ]
    return _table(("label or kind", "blocks", "characters", "share of all text"), rows, "tnn ")


def _languages(statistics: Statistics) -> str:
    rows = []
    for language, pages in statistics.pages_by_language.most_common(_LANGUAGES):
        counts: Mapping[str, int] = statistics.languages.get(language, {})
        total = sum(counts.values())
        removed = 1 - counts.get("content", 0) / total if total else 0.0
        most = sorted((count, name) for name, count in counts.items() if name != "content")[::-1][:3]
        kinds = ", ".join(f"{name} {count / total:.0%}" for count, name in most)
        rows.append((language, f"{pages:,}", f"{total:,}", _Html(_meter(removed)), kinds))
    heads = ("language (guessed)", "pages", "characters", "share that is no content", "mostly")
    guessed, pages_in = statistics.pages_by_language.total(), sum(statistics.quality)
    note = f"<p>Guessed of {guessed:,} pages among {pages_in:,}.</p>" if rows and guessed < pages_in else ""
    return note + _table(heads, rows, "tnn t")


def _counts(counts: Mapping[str, int]) -> str:
    rows = sorted(counts.items(), key=lambda item: (-item[1], item[0]))[:_LANGUAGES]
    return _table(("reason", "records"), [(name, f"{count:,}") for name, count in rows], "tn")


def _noted(pages: Sequence[Noted], measure: str, form: str) -> str:
    rows = [(form.format(page.value), page.id or "", page.source, f"{page.offset:,}") for page in pages]
    return _table((measure, "id", "source", "offset"), rows, "nttn")


def _samples(statistics: Statistics) -> str:
    rows = [
        (name, sample.text, f"{sample.source}, {sample.offset:,}")
        for name, samples in sorted(statistics.samples.items())
        for sample in samples
    ]
    return _table(("kind", "text", "where"), rows, "ttt")


def _histogram(bins: Sequence[int]) -> str:
    if not any(bins):
        return ""
    top = max(bins)
    bars = "".join(
        f'<div style="height:{100 * count / top:.1f}%" title="{low / QUALITY_BINS:.2f}: {count:,} pages"></div>'
        for low, count in enumerate(bins)
    )
    caption = f"Pages by the word F1 that is expected of their text; the highest bar has {top:,}."
    axis = '<div class="axis"><span>0</span><span>0.5</span><span>1</span></div>'
    return f'<figure><div class="bins" role="img">{bars}</div>{axis}<figcaption>{caption}</figcaption></figure>'


class _Html(str):
    """Markup that is not escaped once more."""


def _meter(share: float) -> str:
    """Return a share as a number and a bar."""
    bar = f'<div><i style="width:{min(1.0, max(0.0, share)):.1%}"></i></div>'
    return f'<div class="share"><span>{share:.0%}</span>{bar}</div>'


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], kinds: str) -> str:
    """Return a table; ``kinds`` has a letter a column: n for numbers, t for text."""
    classes = [{"n": ' class="number"', "t": ' class="text"'}.get(kind, "") for kind in kinds]
    lines = [
        "".join(f"<td{kind}>{_escape(cell)}</td>" for kind, cell in zip(classes, row, strict=True)) for row in rows
    ]
    if not lines:
        return ""
    head = "".join(f"<th{kind}>{name}</th>" for kind, name in zip(classes, heads, strict=True))
    body = "".join(f"<tr>{line}</tr>\n" for line in lines)
    return f'<div class="scroll"><table><thead><tr>{head}</tr></thead>\n<tbody>{body}</tbody></table></div>'


def _escape(cell: str) -> str:
    return cell if isinstance(cell, _Html) else html.escape(cell)
