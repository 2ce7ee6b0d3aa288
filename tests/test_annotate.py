"""The labelling page without a browser: what is saved and when, what is served to whom, and what it holds."""

from __future__ import annotations

import gzip
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

pytest.importorskip("fastapi", reason="the labelling page needs the extra 'web'")
pytest.importorskip("httpx2", reason="the test client needs httpx2")

from starlette.testclient import TestClient

from dechrome import label_html
from dechrome.batch.records import PageType
from dechrome.blocks import Kind, Label, LabelledBlock
from dechrome.cli import main
from dechrome.errors import DataError, InputError
from dechrome.html_blocks import split_html
from dechrome_training.annotate.app import make_app
from dechrome_training.annotate.history import History, State, change, redo, replay, undo
from dechrome_training.annotate.layout import Setting, describe_layout
from dechrome_training.annotate.marking import mark_html
from dechrome_training.annotate.ranking import Candidate, find_site, rank_pages
from dechrome_training.annotate.saved import index_rows
from dechrome_training.annotate.session import Progress, Session
from dechrome_training.annotate.sources import find_sources
from dechrome_training.corpus import AnnotatedPage
from dechrome_training.label_files import read_labels

HOST = "127.0.0.1:8765"
TOKEN = "a-long-secret"
STATIC = Path(__file__).parent.parent / "training" / "dechrome_training" / "annotate" / "static"
ARTICLE = """<!DOCTYPE html><html><head><title>The fox</title><link rel="canonical" href="https://www.fox.example/den">
</head><body><nav><ul><li><a href="/">Home</a></li><li><a href="/about">About</a></li></ul></nav>
<h1>The fox of the old mill</h1>
<p>The fox ran over the hill, and the dog slept on while the miller counted his sacks of flour.</p>
<p>Nobody saw it come back, but in the morning the hens were all there, and so was the fox.</p>
<table><tr><th>Year</th><th>Foxes</th></tr><tr><td>1999</td><td>3</td></tr></table>
<footer>© 2020 The Mill</footer></body></html>"""
HOSTILE = """<!DOCTYPE html><html onload="window.ran=1"><head>
<meta http-equiv="refresh" content="0;url=http://evil.example/">
<base href="http://evil.example/"><link rel="stylesheet" href="http://evil.example/x.css">
<script>window.ran = 1</script><style>@import url(http://evil.example/y.css);
body { background: url(http://evil.example/z) }
</style><style>p { color: red } <!-- </styl e> --></style></head><body onclick="window.ran=1">
<p onmouseover="window.ran=1" id="dechrome-0" style="background:url(http://evil.example/w)">One
<img src="http://evil.example/i.png" onerror="window.ran=1" alt="pic">
<img src="data:image/gif;base64,R0lGODlhAQABAAAAACw=">
</p><a href="javascript:window.ran=1">Two</a>
<form action="http://evil.example/f"><button formaction="javascript:1">Three
</button><input autofocus onfocus="window.ran=1"><select><option>Four</option></select><textarea>Five</textarea></form>
<svg onload="window.ran=1"><style>a{}</style><text>Six</text><script>window.ran=1</script>
<a xlink:href="javascript:1"><text>Seven</text></a></svg>
<iframe srcdoc="<script>parent.ran=1</script>"></iframe><object data="http://evil.example/o">
Eight</object><embed src="http://evil.example/e"><math><mtext><img src=x onerror=1></mtext></math>
<noscript>Nine</noscript><template><script>1</script></template>
<video src="http://evil.example/v" autoplay>Ten</video><xmp><b>Eleven</b></xmp>
<p data-dechrome="C">&lt;script&gt;alert(1)&lt;/script&gt; Twelve</p></body></html>"""


def make_pages(folder: Path, **files: str) -> Path:
    pages = folder / "pages"
    pages.mkdir()
    for name, text in (files or {"article": ARTICLE, "hostile": HOSTILE}).items():
        (pages / f"{name}.html").write_text(text, encoding="utf-8")
    (pages / "notes.txt").write_text("Home\n\nThe fox ran over the hill, and the dog slept on.\nfox_800x600.jpg\n")
    return pages


def open_session(folder: Path, *names: str) -> Session:
    out = folder / "labels.jsonl"
    arguments = [str(folder / name) for name in names or ("pages",)]
    known = {row.path: page for page, rows in index_rows(out).items() for row in rows if row.path}
    return Session(find_sources(arguments, PageType.AUTO, out, known), out)


def number_of(session: Session, name: str) -> int:
    return next(i for i, entry in enumerate(session.entries) if name in entry.source.id)


def saved(folder: Path) -> dict[str, AnnotatedPage]:
    return {page.id: page for page in read_labels(folder / "labels.jsonl", unfinished=True)}


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    make_pages(tmp_path)
    session = open_session(tmp_path)
    yield session
    session.close()


@pytest.fixture
def client(session: Session) -> TestClient:
    return TestClient(make_app(session, TOKEN, HOST), base_url=f"http://{HOST}/{TOKEN}/", raise_server_exceptions=False)


def post(client: TestClient, number: int, **step: Any) -> Any:
    answer = client.post(f"api/pages/{number}", json=step)
    assert answer.status_code == 200, answer.text
    return answer.json()


# ---- what is saved


def test_every_change_is_in_the_file_at_once_and_the_last_one_counts(tmp_path: Path, session: Session) -> None:
    number = number_of(session, "article")
    session.label(number, [(0, 1)], Label.CHROME, Kind.SHARE)
    page = saved(tmp_path)["pages/article.html"]
    assert [block.label for block in page.blocks][:3] == [Label.CHROME, Label.CHROME, None]
    assert page.blocks[0].kind is Kind.SHARE
    assert not page.done
    session.label(number, [(0, 0), (2, 2)], Label.CONTENT)
    session.finish(number)
    page = saved(tmp_path)["pages/article.html"]
    assert [block.label for block in page.blocks][:3] == [Label.CONTENT, Label.CHROME, Label.CONTENT]
    assert page.done
    assert None not in [block.label for block in page.blocks]
    assert page.file is not None
    assert page.html == ARTICLE


def test_a_session_that_was_killed_goes_on_with_all_steps_to_undo(tmp_path: Path, session: Session) -> None:
    number = number_of(session, "article")
    for label in (Label.CHROME, Label.IMAGE, Label.CONTENT):
        session.label(number, [(0, 0)], label)
    session.undo(number)
    session.close()  # all that a killed program would do
    again = open_session(tmp_path)
    number = number_of(again, "article")
    assert again.entries[number].progress is Progress.BEGUN
    assert again.open_page(number).labels[0] is Label.IMAGE
    assert again.redo(number).labels[0] is Label.CONTENT
    for label in (Label.IMAGE, Label.CHROME):
        assert again.undo(number).history.present.marks[0].label is label
    assert again.undo(number).history.present.marks[0].label is None
    assert again.undo(number).history.past == ()
    again.close()


def test_a_line_that_was_cut_while_writing_loses_that_step_alone(tmp_path: Path, session: Session) -> None:
    number = number_of(session, "article")
    session.label(number, [(0, 0)], Label.IMAGE)
    session.label(number, [(1, 1)], Label.IMAGE)
    session.close()
    out = tmp_path / "labels.jsonl"
    out.write_bytes(out.read_bytes()[:-40])
    again = open_session(tmp_path)
    marks = again.label(number_of(again, "article"), [(2, 2)], Label.IMAGE).history.present.marks
    again.close()
    assert [mark.label for mark in marks[:3]] == [Label.IMAGE, None, Label.IMAGE]
    assert [block.label for block in saved(tmp_path)["pages/article.html"].blocks[:3]] == [
        Label.IMAGE,
        None,
        Label.IMAGE,
    ]


def test_labels_outlive_a_page_that_changes(tmp_path: Path, session: Session) -> None:
    session.finish(number_of(session, "article"))
    session.close()
    (tmp_path / "pages" / "article.html").write_text(ARTICLE.replace("<h1>", "<p>A new line about badgers.</p><h1>"))
    again = open_session(tmp_path)
    number = number_of(again, "article")
    page = again.open_page(number)
    marks = dict(zip(page.texts, page.history.present.marks, strict=True))
    assert marks["A new line about badgers."].label is None
    assert marks["The fox of the old mill"].label is not None
    assert again.entries[number].progress is Progress.BEGUN
    again.finish(number)
    again.close()
    assert saved(tmp_path)["pages/article.html"].done


def test_a_second_session_for_the_same_file_is_refused(tmp_path: Path, session: Session) -> None:
    pytest.importorskip("fcntl")
    with pytest.raises(InputError, match="another dechrome annotate"):
        open_session(tmp_path)


def test_nothing_is_written_for_a_page_that_is_only_looked_at(tmp_path: Path, session: Session) -> None:
    session.read_pages()
    session.open_page(0)
    session.undo(0)
    assert (tmp_path / "labels.jsonl").read_bytes() == b""


def test_a_label_file_is_gone_on_with_in_another_file_or_in_itself(tmp_path: Path, session: Session) -> None:
    session.label(number_of(session, "article"), [(0, 0)], Label.IMAGE)
    session.close()
    old = tmp_path / "old.jsonl"
    old.write_bytes((tmp_path / "labels.jsonl").read_bytes())
    with old.open("a") as stream:
        row = {
            "id": "inline",
            "text": "Home\nA fox ran.",
            "blocks": [{"text": "Home", "label": "chrome"}],
            "done": False,
        }
        stream.write(json.dumps(row) + "\n")
    (tmp_path / "labels.jsonl").unlink()
    other = open_session(tmp_path, "old.jsonl", "pages")
    assert [entry.source.id for entry in other.entries].count("pages/article.html") == 1
    assert other.open_page(0).labels[0] is Label.IMAGE
    inline = other.open_page(number_of(other, "inline"))
    assert [mark.label for mark in inline.history.present.marks] == [Label.CHROME, None]
    other.finish(number_of(other, "inline"))
    other.close()
    assert saved(tmp_path)["inline"].text == "Home\nA fox ran."
    own = open_session(tmp_path, "labels.jsonl", "pages")
    assert own.entries[0].progress is Progress.DONE
    assert own.undo(0).history.past == ()
    own.close()


def test_a_packed_page_stands_in_the_label_file_itself(tmp_path: Path) -> None:
    (tmp_path / "packed.html.gz").write_bytes(gzip.compress(ARTICLE.encode()))
    (tmp_path / "torn.html.gz").write_bytes(gzip.compress(ARTICLE.encode())[:60])
    session = open_session(tmp_path, "packed.html.gz", "torn.html.gz")
    session.read_pages()
    session.finish(0)
    assert "end" in session.entries[1].problem
    session.close()
    assert saved(tmp_path)["packed.html.gz"].html == ARTICLE


def test_gold_that_is_text_becomes_labels(tmp_path: Path) -> None:
    text = "Home\nThe fox ran over the hill, and the dog slept on.\n"
    row = {"id": "a", "text": text, "gold": "The fox ran over the hill, and the dog slept on."}
    (tmp_path / "gold.jsonl").write_text(json.dumps(row) + "\n")
    session = open_session(tmp_path, "gold.jsonl")
    assert session.open_page(0).labels == [Label.CHROME, Label.CONTENT]
    assert session.entries[0].progress is Progress.DONE
    session.close()


def test_steps_are_read_back_from_the_states_they_left() -> None:
    a, b, c = (State((), False), State((), True), State(((None, None),), False))  # type: ignore[arg-type]
    history = change(change(History(a), b), c)
    assert replay(a, [b, c]) == history
    assert replay(a, [b, c, b]) == undo(history)
    assert replay(a, [b, c, b, c]) == redo(undo(history)) == history
    assert replay(a, [b, b]) == change(History(a), b)


def test_a_malformed_label_file_is_refused_by_line(tmp_path: Path) -> None:
    make_pages(tmp_path)
    (tmp_path / "labels.jsonl").write_text('{"id": "a", "text": "A", "done": false}\n{"id": 1}\n')
    with pytest.raises(DataError, match=r"labels\.jsonl:2: field 'id'"):
        open_session(tmp_path)


# ---- who may ask, and for what


@pytest.mark.parametrize("path", ["", "wrong", "a-long-secre", "a-long-secret2"])
def test_without_the_token_nothing_is_answered(session: Session, path: str) -> None:
    client = TestClient(make_app(session, TOKEN, HOST), base_url=f"http://{HOST}")
    for rest in ("", "/", "/api/pages", "/annotate.js", "/page/0/look"):
        answer = client.get(f"/{path}{rest}", follow_redirects=False)
        assert answer.status_code == 403
        assert "fox" not in answer.text


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8765", "127.0.0.1", "127.0.0.1:1", "localhost:8765", ""]
)
def test_another_host_name_is_refused(client: TestClient, host: str) -> None:
    assert client.get("api/pages", headers={"host": host}).status_code == 403


@pytest.mark.parametrize(
    ("headers", "body", "status"),
    [
        ({"origin": "http://evil.example"}, b"{}", 403),
        ({"origin": "null"}, b"{}", 403),
        ({"content-type": "text/plain"}, b'{"action": "finish"}', 415),
        ({"content-type": "application/x-www-form-urlencoded"}, b"action=finish", 415),
        ({}, b" " * 1_000_001, 413),
        ({}, b"", 422),
        ({}, b"{", 422),
        ({}, b"\xff", 400),
        ({}, b"[]", 422),
        ({}, b'{"action": "burn"}', 422),
        ({}, b'{"action": "label", "blocks": [[0, 0]]}', 422),
        ({}, b'{"action": "label", "label": "content"}', 422),
        ({}, b'{"action": "label", "blocks": [[0, 0]], "label": "fox"}', 422),
        ({}, b'{"action": "label", "blocks": [[0, 0]], "label": "content", "kind": "share"}', 422),
        ({}, b'{"action": "label", "blocks": [[0, 0]], "label": "chrome", "kind": "fox"}', 422),
        ({}, b'{"action": "label", "blocks": [[1, 0]], "label": "content"}', 422),
        ({}, b'{"action": "label", "blocks": [[0, 99]], "label": "content"}', 422),
        ({}, b'{"action": "label", "blocks": [[-1, 0]], "label": "content"}', 422),
        ({}, b'{"action": "label", "blocks": [["0", "0"]], "label": "content"}', 422),
        ({}, b'{"action": "label", "blocks": [[0]], "label": "content"}', 422),
        ({}, b'{"action": "accept", "blocks": []}', 422),
        ({}, b'{"action": "finish", "extra": 1}', 422),
        ({}, b'{"action": ' + b"[" * 100_000, 400),
    ],
)
def test_malformed_requests_are_refused_and_change_nothing(
    client: TestClient, tmp_path: Path, headers: dict[str, str], body: bytes, status: int
) -> None:
    answer = client.post("api/pages/0", content=body, headers={"content-type": "application/json"} | headers)
    assert answer.status_code == status, answer.text
    assert (tmp_path / "labels.jsonl").read_bytes() == b""


def test_there_are_no_other_pages_paths_or_methods(client: TestClient) -> None:
    for path in (
        "api/pages/99",
        "api/pages/-1",
        "page/99/look",
        "nowhere",
        "docs",
        "openapi.json",
        "..%2f..%2fetc/passwd",
    ):
        assert client.get(path).status_code == 404, path
    assert client.get("api/pages/fox").status_code == 422
    assert client.post("api/pages/99", json={"action": "finish"}).status_code == 404
    assert client.request("DELETE", "api/pages/0").status_code in (405, 415)
    assert client.put("api/pages/0", json={}).status_code == 405


def test_a_body_without_a_length_is_refused(client: TestClient) -> None:
    answer = client.post("api/pages/0", content=iter([b"{}"]), headers={"content-type": "application/json"})
    assert answer.status_code == 411


def test_every_answer_carries_the_security_policy(client: TestClient, session: Session) -> None:
    for path in ("", "annotate.js", "annotate.css", "api/pages", "api/pages/0", "nowhere"):
        answer = client.get(path)
        policy = answer.headers["content-security-policy"]
        assert "default-src 'none'; script-src 'self'; style-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cache-control"] == "no-store"
    answer = client.get(f"page/{number_of(session, 'hostile')}/look")
    assert answer.headers["content-security-policy"].startswith(
        "sandbox; default-src 'none'; style-src 'unsafe-inline'"
    )
    assert "allow" not in answer.headers["content-security-policy"]


def test_the_page_loads_nothing_from_elsewhere() -> None:
    for path in STATIC.iterdir():
        text = path.read_text(encoding="utf-8")
        assert not re.search(
            r"https?://|@import|url\(|innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text
        )
    html = (STATIC / "index.html").read_text(encoding="utf-8")
    assert re.findall(r'(?:src|href)="([^"]*)"', html) == ["data:,", "annotate.css", "annotate.js"]
    assert not re.search(r"<script(?![^>]*src=)|\son\w+=|style=", html)


# ---- what is served


def test_the_list_is_there_before_any_page_is_read(client: TestClient, session: Session) -> None:
    pages = client.get("api/pages").json()
    assert pages["read"] == 0
    assert sorted(page["short"] for page in pages["pages"]) == ["article.html", "hostile.html", "notes.txt"]
    session.read_pages()
    pages = client.get("api/pages").json()
    assert pages["read"] == 3
    assert all(0 <= page["quality"] <= 1 for page in pages["pages"])
    assert {page["short"]: page["site"] for page in pages["pages"]}["article.html"] == "fox.example"


def test_a_page_that_cannot_be_read_is_listed_with_the_reason(
    client: TestClient, session: Session, tmp_path: Path
) -> None:
    (tmp_path / "pages" / "article.html").unlink()
    session.read_pages()
    number = number_of(session, "article")
    entry = next(page for page in client.get("api/pages").json()["pages"] if page["number"] == number)
    assert entry["problem"] == "No such file or directory"
    answer = client.get(f"api/pages/{number}")
    assert answer.status_code == 409
    assert "No such file" in answer.json()["detail"]


def test_blocks_come_with_their_prediction_and_setting(client: TestClient, session: Session) -> None:
    page = client.get(f"api/pages/{number_of(session, 'article')}").json()
    blocks = {block["text"]: block for block in page["blocks"]}
    assert page["title"] == "The fox"
    assert (
        blocks["Home"] | {"form": "paragraph", "depth": 1, "marker": "•", "place": "nav", "guess": "chrome"}
        == blocks["Home"]
    )
    assert blocks["The fox of the old mill"]["level"] == 1
    assert (blocks["3"]["row"], blocks["3"]["column"]) == (2, 2)
    assert all(0 < block["confidence"] <= 1 for block in page["blocks"])
    assert all(block["guessed_kind"] in list(Kind) for block in page["blocks"])


def test_steps_over_http_answer_with_what_changed(client: TestClient, session: Session) -> None:
    number = number_of(session, "article")
    page = client.get(f"api/pages/{number}").json()
    step = post(client, number, action="label", blocks=[[1, 2]], label="content")
    assert step["changed"] == [[1, "content", None], [2, "content", None]]
    assert (step["can_undo"], step["can_redo"], step["progress"]) == (True, False, "begun")
    step = post(client, number, action="label", blocks=[[0, 0]], label="chrome")
    assert step["changed"] == [[0, "chrome", page["blocks"][0]["guessed_kind"]]]
    assert post(client, number, action="undo")["changed"] == [[0, None, None]]
    assert post(client, number, action="redo")["version"] == step["version"] + 2
    accepted = post(client, number, action="accept", blocks=[[0, 3]])
    assert [index for index, _, _ in accepted["changed"]] == [3]
    assert post(client, number, action="finish")["progress"] == "done"
    assert client.get("api/pages").json()["pages"][-1]["number"] == number


def test_an_empty_page_has_nothing_to_finish(tmp_path: Path) -> None:
    make_pages(tmp_path, empty="")
    session = open_session(tmp_path, "pages/empty.html")
    client = TestClient(make_app(session, TOKEN, HOST), base_url=f"http://{HOST}/{TOKEN}/")
    assert client.get("api/pages/0").json()["problem"] == "empty: no visible text"
    assert client.post("api/pages/0", json={"action": "finish"}).status_code == 422
    assert client.get("page/0/look").status_code == 200
    session.close()


def test_a_click_into_the_look_reaches_the_list(client: TestClient) -> None:
    assert client.get("page/1/pick/7").status_code == 204
    assert client.get("api/picked", params={"after": 0}).json() == {"count": 1, "page": 1, "block": 7}


# ---- the page as it looked


@pytest.mark.parametrize("styled", [True, False])
def test_the_look_of_a_hostile_page_holds_nothing_that_runs_loads_or_leads_away(styled: bool) -> None:
    blocks = split_html(HOSTILE).blocks
    shown = mark_html(HOSTILE, [Label.CONTENT] * len(blocks), styled=styled)
    markup = re.sub(r"<style>.*?</style>", "", shown, flags=re.DOTALL)
    tags = {tag.lower() for tag in re.findall(r"<([a-zA-Z][\w-]*)", markup)}
    assert not tags & set("script meta base link form input iframe object embed svg math video template select".split())
    attributes = {
        name.lower() for tag in re.findall(r"<[a-zA-Z][^>]*>", markup) for name in re.findall(r"\s([\w:-]+)=", tag)
    }
    assert not {name for name in attributes if name.startswith(("on", "form", "xlink", "action", "srcdoc"))}
    assert {href.partition("/")[0] for href in re.findall(r'href="([^"]*)"', markup)} == {"pick"}
    assert all(src.startswith("data:image/") for src in re.findall(r'src="([^"]*)"', markup))
    assert ("evil.example" in shown) is styled  # in style sheets, where the policy stops it
    assert "evil.example" not in re.sub(r' style="[^"]*"', "", markup)
    for word in "One Two Three Four Five Six Seven Eight Nine Ten Twelve".split():
        assert re.search(rf"<a data-dechrome=[^>]*>[^<]*{word}", shown), word
    assert "&lt;script&gt;alert(1)" in shown


def test_the_look_marks_each_block_once_by_name_and_by_its_label() -> None:
    blocks = split_html(ARTICLE).blocks
    labels = [Label.CHROME, Label.IMAGE, *[Label.CONTENT] * (len(blocks) - 2)]
    shown = mark_html(ARTICLE, labels)
    names = re.findall(r'<span id="dechrome-(\d+)"></span><a data-dechrome="(\w)" href="pick/(\d+)"', shown)
    assert [(int(name), int(place)) for name, _, place in names] == [(i, i) for i in range(len(blocks))]
    assert [letter for _, letter, _ in names] == ["X", "I", *"C" * (len(blocks) - 2)]
    assert [block.text for block in split_html(shown).blocks] == [block.text for block in blocks]


def test_sample_pages_look_the_same_to_the_segmentation() -> None:
    for path in sorted((Path(__file__).parent.parent / "datasets" / "pages").glob("*.html")):
        html = path.read_bytes().decode("utf-8", "replace")
        blocks = split_html(html).blocks
        shown = split_html(mark_html(html, [Label.CONTENT] * len(blocks))).blocks
        assert "".join("".join(b.text for b in shown).split()) == "".join("".join(b.text for b in blocks).split()), (
            path.name
        )


def test_text_and_pages_past_the_parser_have_a_look_of_their_own(tmp_path: Path) -> None:
    make_pages(tmp_path, deep="<div>" * 3000 + "A fox ran.")
    session = open_session(tmp_path)
    text = session.show(number_of(session, "notes"))
    home = r'<pre><span id="dechrome-0"></span><a data-dechrome="[CIX]" href="pick/0" tabindex="-1">Home</a>\n\n<span'
    assert re.search(home, text)
    assert "A fox ran.</a></p>" in session.show(number_of(session, "deep"))
    session.close()


def test_lists_headings_tables_and_places_are_described() -> None:
    paths = ["/body[1]/header[1]/nav[1]/ul[1]/li[1]/a[1]", "/body[1]/main[1]/h2[1]",
             "/body[1]/main[1]/ol[1]/li[2]/p[1]", "/body[1]/main[1]/ol[1]/li[2]/p[2]",
             "/body[1]/main[1]/blockquote[1]/p[1]",
             "/body[1]/main[1]/table[1]/tr[1]/td[1]", "/body[1]/main[1]/table[1]/tr[1]/td[2]", ""]  # fmt: skip
    assert describe_layout([LabelledBlock(str(i), Label.CONTENT, path=path) for i, path in enumerate(paths)]) == [
        Setting("paragraph", 0, 1, "•", place="header nav"),
        Setting("heading", 2, place="main"),
        Setting("paragraph", 0, 1, "2.", place="main"),
        Setting("paragraph", 0, 1, "", place="main"),
        Setting("paragraph", quoted=True, place="main"),
        Setting("table", row=1, column=1, place="main"),
        Setting("table", row=1, column=2, place="main"),
        Setting("paragraph"),
    ]


def test_every_block_of_the_sample_pages_has_a_setting() -> None:
    for path in sorted((Path(__file__).parent.parent / "datasets" / "pages").glob("*.html")):
        blocks = label_html(path.read_bytes()).blocks
        assert len(describe_layout(blocks)) == len(blocks)


# ---- which page comes next


def test_sites_and_shapes_take_turns_and_labelled_sites_wait() -> None:
    pages = [
        Candidate(0, "a", (0,), 0.9), Candidate(1, "a", (0,), 0.8), Candidate(2, "a", (1,), 0.7),
        Candidate(3, "b", (0,), 0.2), Candidate(4, "b", (0,), 0.1),
    ]  # fmt: skip
    assert rank_pages(pages, {}) == [0, 3, 2, 4, 1]
    assert rank_pages(pages, {"a": 5}) == [3, 4, 0, 2, 1]


@pytest.mark.parametrize(
    ("url", "html", "site"),
    [
        ("https://www.fox.example/a", "", "fox.example"),
        (None, '<meta property="og:url" content="http://den.example/x">', "den.example"),
        (None, "<base href='https://hill.example'>", "hill.example"),
        (None, '<link rel="canonical" href="/relative">', "folder"),
        ("http://[", "<p>", "folder"),
    ],
)
def test_the_site_comes_from_the_address_the_page_or_its_folder(url: str | None, html: str, site: str) -> None:
    assert find_site(url, html, "folder") == site


# ---- the command


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere", "--out", "o.jsonl"], "nowhere: no such file or folder"),
        (["-", "--out", "o.jsonl"], "must be files"),
        (["crawl.warc.gz", "--out", "o.jsonl"], "must be files of one page each"),
        (["https://fox.example/", "--out", "o.jsonl"], "must be files"),
        (["pages", "--out", "no/such/o.jsonl"], "o.jsonl: No such file or directory"),
        (["empty.jsonl", "--out", "o.jsonl"], "no pages there"),
        (["pages"], "Missing option '--out'"),
    ],
)
def test_wrong_arguments_end_the_command_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, arguments: list[str], message: str
) -> None:
    make_pages(tmp_path)
    (tmp_path / "empty.jsonl").write_text("")
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(main, ["annotate", *arguments, "--no-browser"])
    assert (result.exit_code, message in result.output) == (2, True), result.output
    assert not (tmp_path / "o.jsonl").exists()


def test_only_the_command_itself_imports_the_web_framework() -> None:
    code = (
        "import sys, dechrome, dechrome.cli, dechrome_training.cli; from click.testing import CliRunner;"
        "result = CliRunner().invoke(dechrome.cli.main, ['--help']); assert 'annotate' in result.output;"
        "sys.exit(any(name in sys.modules for name in ('fastapi', 'uvicorn', 'starlette')))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ---- can it be read


def contrast(one: str, other: str) -> float:
    """Return the contrast of two colours (WCAG 2.2)."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_all_text_stands_out_from_its_ground(scheme: str) -> None:
    css = (STATIC / "annotate.css").read_text(encoding="utf-8")
    light, dark = re.findall(r":root \{(.*?)\}", css, re.DOTALL)
    colours = dict(re.findall(r"--([\w-]+): (#\w{6});", light))
    if scheme == "dark":
        colours |= dict(re.findall(r"--([\w-]+): (#\w{6});", dark))
    grounds = ("ground", "panel", "raised", "here", "range")
    pairs = [(text, ground) for text in ("text", "faint", "content", "image", "chrome", "accent") for ground in grounds]
    pairs += [("content", "content-soft"), ("image", "image-soft"), ("chrome", "chrome-soft"), ("doubt", "doubt-soft")]
    pairs += [("on-accent", "accent"), ("ground", "content")]
    assert {pair: round(contrast(*(colours[name] for name in pair)), 2) for pair in pairs if
            contrast(*(colours[name] for name in pair)) < 4.5} == {}  # fmt: skip
