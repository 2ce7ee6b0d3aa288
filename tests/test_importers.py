"""Public corpora, as they are published: tiny folders in the same layouts, with text of our own."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from dechrome.cli import main
from dechrome.errors import DataError
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.exchange.formats import CORPUS_READERS
from dechrome_training.importers.cleaneval import read_gold
from dechrome_training.importers.gold import share_found
from dechrome_training.importers.l3s_gn1 import read_annotated
from dechrome_training.importers.records import Outcome
from dechrome_training.label_files import read_labels

FOX = "Der schnelle Fuchs läuft am Mittag über den Hügel."
DOG = "A lazy dog slept under the old apple tree until dusk."
HTML = f"<title>Fuchs</title><nav>Start</nav><h1>Füchse</h1><p>{FOX}</p><p>{DOG}</p><div>Nice fox!</div>"
URL = "https://www.fox.example/a"
OTHER = "Ganz andere Wörter, die auf keiner Seite stehen."


def put(path: Path, content: str | bytes | dict[str, Any]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    if isinstance(content, dict):
        content = json.dumps(content)
    data = content.encode() if isinstance(content, str) else content
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def read(name: str, path: Path) -> list[Outcome]:
    return list(CORPUS_READERS[name](path))


def page_of(outcome: Outcome) -> AnnotatedPage:
    assert outcome.problems == ()
    assert outcome.page is not None
    return outcome.page


def wcxb_truth(**changes: Any) -> dict[str, Any]:
    truth = {"title": "Füchse", "main_content": f"{FOX}\n\n{DOG}", "with": [FOX], "without": ["Start"]}
    return {
        "schema_version": "2.0",
        "url": URL,
        "file_id": "0001",
        "_internal": {"page_type": {"primary": "article", "confidence": "verified"}},
        "ground_truth": truth | changes,
    }


def make_wcxb(root: Path) -> Path:
    for part in ("dev", "test"):
        put(root / part / "ground-truth" / "0001.json", wcxb_truth())
        put(root / part / "html" / "0001.html.gz", HTML)
    return root


def make_scrapinghub(root: Path) -> Path:
    put(root / "ground-truth.json", {"ab12": {"articleBody": f"{FOX} {DOG}", "url": URL}})
    put(root / "html" / "ab12.html.gz", HTML)
    return root


def make_cleaneval(root: Path) -> Path:
    put(root / "finalrun-input" / "7.html", f'<text id="7" title="Fuchs" encoding="utf-8">\n{HTML}\n</text>\n')
    put(root / "GoldStandard" / "7.txt", f" URL: {URL}\n\n<h>Füchse\n\n<p>{FOX}\n<p>{DOG}\n")
    return root


def make_dragnet(root: Path) -> Path:
    put(root / "HTML" / "T1.html", HTML.encode("cp1252"))
    put(root / "Corrected" / "T1.html.corrected.txt", f"{FOX}\n{DOG}\n!@#$%^&*()  COMMENTS\nNice fox!\n")
    return root


def make_l3s(root: Path) -> Path:
    marked = HTML.replace("Füchse", '<span class="x-nc-sel1">Füchse</span>').replace(
        FOX, f'<span class="x-nc-sel2">{FOX}</span>'
    )
    marked = marked.replace(DOG, f'<SPAN class="x-nc-sel3">{DOG}</SPAN>')
    marked = marked.replace("Nice fox!", '<span class="x-nc-sel5">Nice fox!</span>')
    put(root / "original" / "0a-1b.html", HTML)
    put(root / "annotated" / "0a-1b.html", marked.replace("Start", '<span class="x-nc-sel4">Start</span>'))
    put(root / "url-mapping.txt", f"<urn:uuid:0a-1b> {URL}\n")
    return root


def make_webmainbench(root: Path) -> Path:
    html = HTML.replace("<p>", '<p cc-select="true">')
    main = f"<p cc-select='true'>{FOX}</p><p>{DOG}</p>"
    row = {"track_id": "u1", "url": URL, "html": html, "main_html": main, "convert_main_content": FOX,
           "meta": {"language": "de", "style": "Article", "level": "mid"}}  # fmt: skip
    return put(root / "WebMainBench_545.jsonl", f"{json.dumps(row)}\n")


MAKERS = {
    "wcxb": make_wcxb,
    "article-extraction-benchmark": make_scrapinghub,
    "cleaneval": make_cleaneval,
    "dragnet": make_dragnet,
    "l3s-gn1": make_l3s,
    "webmainbench": make_webmainbench,
}


def test_every_importer_is_tested() -> None:
    assert {*MAKERS, "labels"} == set(CORPUS_READERS)


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_a_corpus_becomes_a_label_file(name: str, tmp_path: Path) -> None:
    root = MAKERS[name](tmp_path / "corpus")
    out = tmp_path / "labels.jsonl"
    result = CliRunner().invoke(main, ["import", str(root), "--from", name, "--out", str(out)])
    assert result.exit_code == 0, result.output
    pages = list(read_labels(out))
    assert pages == [page_of(outcome) for outcome in read(name, root)]
    for page in pages:
        assert page.source == name
        assert page.html is not None
        assert FOX in page.html
        assert page.gold is not None
        assert " ".join(page.gold.split()).removeprefix("Füchse ") == f"{FOX} {DOG}"
        assert page.group == ("fox.example" if name != "dragnet" else page.id)
        assert share_found(page) == 1.0


def test_a_label_file_is_checked_and_written_anew(tmp_path: Path) -> None:
    first = {"id": "a", "path": "fox.html", "as": "html", "blocks": [], "done": False}
    put(tmp_path / "fox.html", HTML)
    rows = [first, {"id": "b", "text": FOX, "gold": FOX}, first | {"blocks": None, "gold": FOX, "done": True}]
    path = put(tmp_path / "labels.jsonl", "\n".join(map(json.dumps, rows)) + '\n{"id": "to')
    out = tmp_path / "new" / "labels.jsonl"
    out.parent.mkdir()
    arguments = ["import", str(path), "--from", "labels", "--out", str(out)]
    result = CliRunner().invoke(main, arguments)
    assert result.exit_code == 1
    assert f"1 problem:\n  {path}:4: the last line ends in its middle" in result.stderr
    assert [(page.id, page.gold, page.html) for page in read_labels(out)] == [("b", FOX, None), ("a", FOX, HTML)]
    put(path, '{"id": "a"}\n{"id": 1, "text": "", "gold": ""}\n')
    result = CliRunner().invoke(main, [*arguments, "--force"])
    assert result.exit_code == 2
    assert f"Error: {path}:1: field 'html': one of" in result.stderr
    assert f"{path}:2: field 'id': must be" in result.stderr


def test_wcxb(tmp_path: Path) -> None:
    dev, test = map(page_of, read("wcxb", make_wcxb(tmp_path)))
    assert (dev.id, test.id) == ("wcxb/dev/0001", "wcxb/test/0001")
    assert (dev.url, dev.page_type, dev.must_have, dev.must_not) == (URL, "article", (FOX,), ("Start",))
    assert [page_of(outcome).id for outcome in read("wcxb", tmp_path / "dev")] == ["wcxb/dev/0001"]
    put(tmp_path / "dev" / "ground-truth" / "0001.json", wcxb_truth(main_content=None))
    assert page_of(read("wcxb", tmp_path / "dev")[0]).gold is None


def test_the_predecessor_of_wcxb_has_snippets_in_the_layout_of_article_extraction(tmp_path: Path) -> None:
    root = make_scrapinghub(tmp_path)
    put(root / "ground-truth.json", {"ab12": {"articleBody": FOX, "with": [FOX], "without": ["Start"]}})
    (outcome,) = read("article-extraction-benchmark", root / "ground-truth.json")
    page = page_of(outcome)
    assert (page.must_have, page.must_not, page.url) == ((FOX,), ("Start",), None)


def test_cleaneval(tmp_path: Path) -> None:
    root = make_cleaneval(tmp_path)
    put(root / "finalrun-input" / "8.html", "<p>Alone")
    put(root / "GoldStandard" / "9.txt", "Alone")
    first, *rest = read("cleaneval", root)
    page = page_of(first)
    assert (page.id, page.html, page.url) == ("cleaneval/7", f"\n{HTML}\n", URL)
    assert page.gold == f"Füchse\n\n{FOX}\n\n{DOG}"
    assert [outcome.problems for outcome in rest] == [("its cleaned text is missing",), ("its page is missing",)]
    portal = tmp_path / "portal"
    put(portal / "input" / "1.html", HTML)
    put(portal / "GoldStandard" / "1.txt", FOX)
    assert page_of(read("cleaneval", portal)[0]).gold == FOX
    dev = tmp_path / "dev"
    put(dev / "en_original" / "1.html", HTML)
    put(dev / "en_cleaned" / "1-cleaned.txt", f"<p>{FOX}")
    assert page_of(read("cleaneval", dev)[0]).gold == FOX


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", (None, "")),
        ("URL:", (None, "")),
        ("URL: http://a.example/ x\r\n<p>A\r\nb</p>\r\n<l>C", ("http://a.example/", "A b\n\nC")),
        ("A &lt;p&gt; <b>\n\nB", (None, "A <p> <b>\n\nB")),
    ],
)
def test_cleaned_text_loses_its_marks_alone(text: str, expected: tuple[str | None, str]) -> None:
    assert read_gold(text) == expected


def test_dragnet_and_l3s_keep_comments_apart(tmp_path: Path) -> None:
    for name, make in (("dragnet", make_dragnet), ("l3s-gn1", make_l3s)):
        page = page_of(read(name, make(tmp_path / name))[0])
        assert page.extras == {"comments": "Nice fox!"}
        assert "Nice" not in (page.gold or "")


def test_the_innermost_mark_of_a_text_counts() -> None:
    html = """
    <span class="x-nc-sel2">A <b>fo</b>x <span class="x-nc-sel0">Advertisement</span>ran<br>off.<p>It <i>hid</i>.</p>
    <script>x()</script><!-- no --><span class="other x-nc-sel3">A <span class="y">hole</span></span></span>
    <span class="x-nc-sel5">Nice</span> rest <span class="x-nc-sel">odd</span>"""
    assert read_annotated(html) == ("A fox ran off.\n\nIt hid.\n\nA hole", "Nice")


def test_webmainbench_without_its_main_html(tmp_path: Path) -> None:
    def gold_of(**row: Any) -> str | None:
        path = put(tmp_path / "x.jsonl", json.dumps({"id": "u1"} | row))
        return page_of(read("webmainbench", path)[0]).gold

    marked = f'<p>Start</p><p cc-select="true">{FOX}<b cc-select="false">Werbung</b></p>'
    assert gold_of(html=f'{marked}<marked-text cc-select="true">{DOG}</marked-text>') == f"{FOX}\n\n{DOG}"
    assert gold_of(html=HTML, groundtruth_content=f"# {FOX}\n\n[{DOG}](http://a.example/b_c)") == f"# {FOX}\n\n{DOG}"


def test_marks_of_annotators_do_not_stay_in_the_page(tmp_path: Path) -> None:
    html = f"<p class=a cc-select='true' id=b>{FOX}</p><marked-tail cc-select=\"true\">{DOG}</marked-tail>"
    row = {"track_id": "u", "html": html, "main_html": html, "meta": {"style": "Forum_or_Article_with_commentsection"}}
    page = page_of(read("webmainbench", put(tmp_path / "x.jsonl", json.dumps(row)))[0])
    assert page.html == f"<p class=a id=b>{FOX}</p>{DOG}"
    assert page.page_type is None


@pytest.mark.parametrize("name", sorted(MAKERS))
def test_pages_without_their_gold_are_listed_and_the_others_read(name: str, tmp_path: Path) -> None:
    root = MAKERS[name](tmp_path)
    if name == "wcxb":
        put(root / "dev" / "ground-truth" / "0002.json", wcxb_truth(main_content=OTHER))
        put(root / "dev" / "html" / "0002.html.gz", HTML)
    elif name == "article-extraction-benchmark":
        put(root / "ground-truth.json", {"cd34": {"articleBody": OTHER}, "ab12": {"articleBody": FOX}})
        put(root / "html" / "cd34.html", HTML)
    elif name == "cleaneval":
        put(root / "finalrun-input" / "12.html", HTML)
        put(root / "GoldStandard" / "12.txt", OTHER)
    elif name == "dragnet":
        put(root / "HTML" / "T2.html", HTML)
        put(root / "Corrected" / "T2.html.corrected.txt", OTHER)
    elif name == "l3s-gn1":
        put(root / "original" / "1c.html", HTML)
        put(root / "annotated" / "1c.html", f"<span class=x-nc-sel2>{OTHER}</span>")
    else:
        with root.open("a") as stream:
            stream.write(json.dumps({"track_id": "u2", "html": HTML, "main_html": OTHER}))
    outcomes = read(name, root)
    bad = [outcome for outcome in outcomes if outcome.problems]
    assert len(bad) == 1
    assert bad[0].page is None
    assert bad[0].problems[0].endswith("of the gold text is found on the page")
    assert len(outcomes) > 1
    out = tmp_path / "labels.jsonl"
    result = CliRunner().invoke(main, ["import", str(root), "--from", name, "--out", str(out)])
    assert result.exit_code == 1
    assert f"1 problem:\n  {bad[0].place}: only" in result.stderr
    assert len(list(read_labels(out))) == len(outcomes) - 1


def test_pages_that_are_missing_are_listed(tmp_path: Path) -> None:
    truth = {"../../secret": {"articleBody": FOX}, "gone": {"articleBody": FOX}}
    put(tmp_path / "secret.html", HTML)
    put(tmp_path / "a" / "ground-truth.json", truth)
    put(tmp_path / "w" / "ground-truth" / "1.json", wcxb_truth())
    outcomes = [*read("article-extraction-benchmark", tmp_path / "a"), *read("wcxb", tmp_path / "w")]
    assert [outcome.problems for outcome in outcomes] == [
        ("its page html/../../secret.html.gz is missing",),
        ("its page html/gone.html.gz is missing",),
        ("its page html/1.html.gz is missing",),
    ]
    put(tmp_path / "html" / "x", "")
    put(tmp_path / "b" / "ground-truth.json", {"x": {}})
    put(tmp_path / "b" / "html" / "x.html", HTML)
    (outcome,) = read("article-extraction-benchmark", tmp_path / "b")
    assert outcome.problems == ("it has no gold text and no snippets",)


@pytest.mark.parametrize(
    ("name", "files", "message"),
    [
        ("wcxb", {}, "no folder ground-truth, dev/ground-truth or test/ground-truth there"),
        ("wcxb", {"ground-truth/x.txt": ""}, r"ground-truth: no annotations there"),
        ("wcxb", {"ground-truth/1.json": "{"}, r"1\.json: no JSON"),
        ("wcxb", {"ground-truth/1.json": "[]"}, r"1\.json: must be an object, not \[\]"),
        ("wcxb", {"ground-truth/1.json": '{"ground_truth": 1}'}, r"1\.json: field 'ground_truth': must be an object"),
        ("wcxb", {"ground-truth/1.json": '{"ground_truth": {"with": [1]}}', "html/1.html": "a"},
         r"1\.json: in 'ground_truth': field 'with': must be a list of strings"),
        ("wcxb", {"ground-truth/1.json": "{}", "html/1.html.gz": b"\x1f\x8b\x08broken"}, r"1\.html\.gz: "),
        ("article-extraction-benchmark", {}, r"ground-truth\.json: No such file"),
        ("article-extraction-benchmark", {"ground-truth.json": "[]"}, r"must be an object by page name"),
        ("article-extraction-benchmark", {"ground-truth.json": '{"a": 1}'}, r"field 'a': must be an object, not 1"),
        ("article-extraction-benchmark", {"ground-truth.json": '{"a": {"articleBody": 1}}', "html/a.html": "x"},
         r"page 'a': field 'articleBody': must be a string"),
        ("cleaneval", {}, "no folder finalrun-input or en_original or original or orig or input there"),
        ("cleaneval", {"orig/1.html": ""}, "no folder GoldStandard or en_cleaned or cleaned or clean there"),
        ("dragnet", {"HTML/.x": "", "Corrected/.x": ""}, "hold no files"),
        ("l3s-gn1", {"original/1.html": ""}, "no folder annotated there"),
        ("webmainbench", {}, "Is a directory"),
    ],
)  # fmt: skip
def test_another_layout_is_refused_by_place_and_field(
    name: str, files: dict[str, str | bytes], message: str, tmp_path: Path
) -> None:
    for path, content in files.items():
        target = tmp_path / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content if isinstance(content, bytes) else content.encode())
    with pytest.raises(DataError, match=message):
        read(name, tmp_path)


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{}", r":1: field 'html' is missing"),
        ('{"html": 1}', r":1: field 'html': must be a string"),
        ('{"html": "a"}', r":1: field 'id' is missing"),
        ('{"html": "a", "track_id": "b", "meta": []}', r":1: field 'meta': must be an object"),
        (
            '{"html": "a", "track_id": "b", "meta": {"language": 1}}',
            r":1: in 'meta': field 'language': must be a string",
        ),
    ],
)
def test_a_malformed_webmainbench_is_refused_by_line_and_field(line: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        read("webmainbench", put(tmp_path / "x.jsonl", line))
