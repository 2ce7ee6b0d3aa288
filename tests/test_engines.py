"""The engines themselves, on two cores: the same text as ``clean_records``, record by record, and nothing lost."""

from __future__ import annotations

import gzip
import json
import os
import pickle
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from dechrome.batch import job as job_module
from dechrome.batch.cleaning import Cleaned, Options, Status, clean_records
from dechrome.batch.job import Job
from dechrome.batch.records import Chunk, Fields, Input, InputFormat
from dechrome.batch.results import Task
from dechrome.batch.writers import OutputFormat
from dechrome.encoding import decode_html, decode_text
from dechrome.errors import InputError, JobError

pytestmark = pytest.mark.engines

ROOT = Path(__file__).parent.parent
DATASETS = ROOT / "datasets"
EXAMPLES = ROOT / "model" / "examples"
HOSTILE: list[dict[str, Any]] = [
    {"html": None, "text": None},
    {"html": "", "text": ""},
    {"html": None, "text": " \n\t\n"},
    {"html": "<" * 5000, "text": None},
    {"html": "<div>" * 40_000 + "The ferry was late again.", "text": None},
    {"html": "<p " + " ".join(f"a{number}=1" for number in range(20_000)) + ">The geese left early.", "text": None},
    {"html": "<select>" + "<option>one" * 20_000, "text": None},
    {"html": "<p>&#xD800; &#0; \x00 \x1b[31m The lake froze over.", "text": None},
    {"html": None, "text": "\x00\x01\x02 PNG \ufffd\ufffd" * 50},
    {"html": None, "text": "word " * 100_000},
    {"html": None, "text": "line\n" * 20_000},
    {"html": "<script>alert(1)</script><style>p{}</style>", "text": None},
    {"html": "<p>Zwölf Gänse 🦢 <b>\u202eevil\u202c</b> flogen über den See, als das Eis kam.", "text": "not this"},
    {"html": None, "text": "<p>HTML in a text field</p>\n<a href='/'>Home</a>"},
]
WRONG: list[dict[str, Any]] = [
    {"html": 7, "text": None},
    {"html": None, "text": ["a", "b"]},
    {"html": None, "text": {"a": 1}},
    {"html": None, "text": True},
    {"other": "no page"},
    {"html": None, "text": "lone \ud800 surrogate, and the ferry was late again all the same."},
]


def sample_pages() -> list[dict[str, Any]]:
    rows = []
    for line in (DATASETS / "labels.jsonl").read_text("utf-8").splitlines():
        page = json.loads(line)
        data = (DATASETS / page["path"]).read_bytes()
        text = (decode_html if page["as"] == "html" else decode_text)(data)[0]
        rows.append({"url": page["url"], "html": None, "text": None} | {page["as"]: text})
    return rows


def numbered(rows: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{"id": f"r{number}", "url": None, "n": number} | dict(row) for number, row in enumerate(rows)]


TYPED = numbered([*sample_pages(), *HOSTILE])  # what fits in columns
MIXED = numbered([*sample_pages(), *HOSTILE, *WRONG])


def expected(rows: Sequence[Mapping[str, Any]], options: Options | None = None) -> dict[str, Cleaned]:
    return {row["id"]: cleaned for row, cleaned in zip(rows, clean_records(rows, options), strict=True)}


def check_rows(got: Sequence[Mapping[str, Any]], rows: Sequence[Mapping[str, Any]], options: Options) -> None:
    """Rows that stay where they are say of every record what ``clean_records`` says."""
    assert [row["id"] for row in got] == [row["id"] for row in rows]
    for row, given, cleaned in zip(got, rows, expected(rows, options).values(), strict=True):
        assert (row["text"], row["n"]) == (cleaned.record.get("text"), given["n"])
        assert (row["dechrome_status"], row["dechrome_reason"]) == (cleaned.status, cleaned.reason)
        assert "html" not in row
        if options.labels:
            spans = [tuple(span.values()) for span in row["spans"] or ()]
            wanted = [tuple(span) for span in cleaned.record.get("spans") or ()]
            assert [span[:-1] for span in spans] == [span[:-1] for span in wanted]
            # Pages judged beside others: sums come in another order, and the fourth decimal may be rounded otherwise.
            assert [span[-1] for span in spans] == pytest.approx([span[-1] for span in wanted], abs=2e-4)
            assert row["quality"] == pytest.approx(cleaned.record.get("quality"), abs=2e-4)


def read_jsonl(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as stream:
        return [json.loads(line) for line in stream]


def run_example(name: str, *arguments: Path) -> None:
    command = [sys.executable, str(EXAMPLES / name), *map(str, arguments)]
    subprocess.run(command, check=True, cwd=ROOT, timeout=300, stdin=subprocess.DEVNULL)


def pages_of(suffix: str) -> dict[str, str]:
    """The clean text of the sample pages with a suffix, by file name."""
    files = sorted((DATASETS / "pages").glob(f"*{suffix}"))
    field = suffix.lstrip(".").replace("txt", "text")
    cleaned = clean_records({field: file.read_bytes()} for file in files)
    return {file.name: one.record["text"] for file, one in zip(files, cleaned, strict=True)}


# Ray Data


def die(chunk: Any, task: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def hang(chunk: Any, task: Any) -> None:
    threading.Event().wait()


@pytest.fixture(scope="module")
def ray() -> Iterator[Any]:
    module = pytest.importorskip("ray", reason="Ray is not installed: pip install 'dechrome[ray]'")
    module.init(num_cpus=2, include_dashboard=False, object_store_memory=200 << 20, log_to_driver=False)
    yield module
    module.shutdown()


def test_a_ray_dataset_keeps_its_rows_and_gets_their_text(ray: Any) -> None:
    from dechrome.integrations.ray_data import clean_dataset

    options = Options(labels=True, min_chars=20)
    dataset = ray.data.from_arrow(pa.Table.from_pylist(TYPED)).repartition(4)
    got = clean_dataset(dataset, options, workers=2).to_pandas().astype(object)
    rows = pa.Table.from_pandas(got).to_pylist()
    check_rows(sorted(rows, key=lambda row: row["n"]), TYPED, options)


def write_corpus(folder: Path) -> int:
    """Write records of all sorts as JSON lines and Parquet, some files damaged; return how many."""
    folder.mkdir()
    lines = [json.dumps(row).encode() for row in MIXED]
    with gzip.open(folder / "a.jsonl.gz", "wb") as stream:
        stream.write(b"\n".join([*lines, b"{broken", b'"no object"', b"\xff\xfe{}", b"", b'{"n":']))
    (folder / "b.jsonl").write_bytes(lines[0] + b"\n")
    pq.write_table(pa.Table.from_pylist(TYPED), folder / "c.parquet", row_group_size=20)
    (folder / "d.parquet").write_bytes((folder / "c.parquet").read_bytes()[:5000])
    whole, cut = (gzip.compress(line + b"\n", mtime=0) for line in lines[1:3])
    (folder / "e.jsonl.gz").write_bytes(whole + cut[:-20])
    return len(MIXED) + 4 + 1 + len(TYPED) + 1 + 2


def rows_in(folder: Path) -> list[str]:
    """The rows in all files of a folder, in an order of their own, but with their columns in that of the files."""
    files = [file for file in folder.iterdir() if file.is_file()]
    tables = [pq.read_table(file).to_pylist() if file.suffix == ".parquet" else read_jsonl(file) for file in files]
    return sorted(repr(row) for table in tables for row in table)


def test_a_ray_job_comes_out_as_a_local_job_does(ray: Any, tmp_path: Path) -> None:
    from dechrome.integrations.ray_data import find_inputs, run_job

    records = write_corpus(tmp_path / "in")
    inputs = find_inputs([str(tmp_path / "in")])
    task = Task(Options(labels=True, min_chars=20), keep_dropped=True)
    jobs = [Job(inputs, str(tmp_path / name), task, tmp_path / name / "_dechrome", workers=2) for name in ("a", "b")]
    local, there = job_module.run_job(jobs[0], lambda checkpoint, share: None), run_job(jobs[1])

    counts = there.statistics.records
    assert counts == local.statistics.records
    assert counts.total() == records
    assert min(counts["kept"], counts["dropped"], counts["quarantined"]) > 0
    assert rows_in(tmp_path / "b") == rows_in(tmp_path / "a")
    for name in ("quarantine.jsonl", "dropped.jsonl"):
        files = [read_jsonl(tmp_path / folder / "_dechrome" / name) for folder in ("a", "b")]
        assert sorted(map(repr, files[0])) == sorted(map(repr, files[1]))
    assert len(rows_in(tmp_path / "b")) == counts["kept"]


def test_what_a_ray_job_keeps_is_what_clean_records_keeps(ray: Any, tmp_path: Path) -> None:
    from dechrome.integrations.ray_data import run

    write_corpus(tmp_path / "in")
    options = Options(min_chars=20)
    run(
        [str(tmp_path / "in" / name) for name in ("a.jsonl.gz", "c.parquet")], str(tmp_path / "out"), options, workers=2
    )
    wanted = {key: one.record["text"] for key, one in expected(MIXED, options).items() if one.status is Status.KEPT}
    (lines,), (table,) = ([*(tmp_path / "out").glob(f"part-*{suffix}")] for suffix in (".jsonl.gz", ".parquet"))
    assert {row["id"]: row["text"] for row in read_jsonl(lines)} == wanted
    columns = pq.read_table(table)
    assert set(columns.schema.names) == {"id", "url", "n", "html", "text"}  # of records that are text, HTML is null
    assert columns.column("html").null_count == len(columns)
    assert {row["id"]: row["text"] for row in columns.to_pylist()}.items() <= wanted.items()
    lost = read_jsonl(tmp_path / "out" / "_dechrome" / "quarantine.jsonl")
    assert {TYPED[one["offset"]]["id"] for one in lost if one["source"].endswith(".parquet")} == {"r40"}
    assert json.loads((tmp_path / "out" / "_dechrome" / "report.json").read_text())["records"]["kept"] > len(wanted)


def test_a_finished_ray_job_is_not_done_twice(ray: Any, tmp_path: Path) -> None:
    from dechrome.integrations.ray_data import run

    (tmp_path / "a.jsonl").write_text(json.dumps(MIXED[1]))
    first = run([str(tmp_path / "a.jsonl")], str(tmp_path / "out"))
    before = [(file, file.stat().st_mtime_ns) for file in (tmp_path / "out").glob("part-*")]
    assert run([str(tmp_path / "a.jsonl")], str(tmp_path / "out")) == first
    assert [(file, file.stat().st_mtime_ns) for file in (tmp_path / "out").glob("part-*")] == before
    with pytest.raises(JobError, match="facts was off and is now on"):
        run([str(tmp_path / "a.jsonl")], str(tmp_path / "out"), Options(facts=True))


def test_an_interrupted_ray_job_begins_anew(ray: Any, tmp_path: Path) -> None:
    from dechrome.integrations.ray_data import run

    (tmp_path / "a.jsonl").write_text(json.dumps(MIXED[1]))
    run([str(tmp_path / "a.jsonl")], str(tmp_path / "out"))
    (tmp_path / "out" / "_dechrome" / "checkpoint.json").unlink()  # it is written last
    (tmp_path / "out" / "part-00007.jsonl").write_text("{}")
    run([str(tmp_path / "a.jsonl")], str(tmp_path / "out"))
    assert [file.name for file in (tmp_path / "out").glob("part-*")] == ["part-00000.jsonl"]


@pytest.mark.parametrize("way", ["kill", "hang"])
def test_a_chunk_that_kills_or_hangs_its_process_is_done_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, way: str
) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'dechrome[ray]'")
    from dechrome.integrations import ray_chunks

    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in MIXED[:4]))
    task = Task(Options())
    job = Job((), "out", task, tmp_path, timeout=20.0 if way == "kill" else 3.0)
    chunk = Chunk(Input(str(file), InputFormat.JSONL, "a.jsonl", file.stat().st_size), 0, file.stat().st_size)
    monkeypatch.setattr(ray_chunks, "clean_chunk", die if way == "kill" else hang)
    result = ray_chunks.ChunkCleaner(job).clean(chunk)
    monkeypatch.undo()
    assert result.output == ray_chunks.clean_chunk(chunk, task).output


def test_a_ray_job_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'dechrome[ray]'")
    from dechrome.integrations.ray_data import run, run_job

    (tmp_path / "a.txt").write_text("text")
    (tmp_path / "a.jsonl").write_text("{}")
    with pytest.raises(InputError, match="no file of JSON lines"):
        run([str(tmp_path / "a.txt")], str(tmp_path / "out"))
    with pytest.raises(InputError, match=r"missing\.jsonl"):
        run([str(tmp_path / "missing.jsonl")], str(tmp_path / "out"))
    with pytest.raises(InputError, match="Dolma"):
        run([str(tmp_path / "a.jsonl")], str(tmp_path / "out"), form=OutputFormat.DOLMA)
    with pytest.raises(InputError, match="needs files"):
        run([], str(tmp_path / "out"))
    with pytest.raises(InputError, match="is in the folder of the output"):
        run([str(tmp_path / "a.jsonl")], str(tmp_path))
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "part-00000.jsonl").write_text("{}")
    with pytest.raises(JobError, match="is there already"):
        run([str(tmp_path / "a.jsonl")], str(tmp_path / "full"))
    assert (tmp_path / "full" / "part-00000.jsonl").exists()
    with pytest.raises(InputError, match="site memory"):
        run_job(Job((), str(tmp_path / "out"), Task(Options()), tmp_path / "out" / "_dechrome", site_memory=True))
    pages = Input("pages", InputFormat.PAGES, "pages")
    with pytest.raises(InputError, match="JSON lines, Parquet, WARC and WET"):
        run_job(Job((pages,), str(tmp_path / "out"), Task(Options()), tmp_path / "out" / "_dechrome"))


def test_the_ray_example_runs(tmp_path: Path) -> None:
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'dechrome[ray]'")
    run_example("clean_with_ray.py", tmp_path / "out")
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert {Path(row["path"]).name: row["text"] for row in rows} == pages_of(".html")


# datatrove


@pytest.fixture(scope="module")
def datatrove() -> Any:
    return pytest.importorskip("datatrove", reason="datatrove is not installed: pip install 'dechrome[datatrove]'")


def as_documents(rows: Sequence[Mapping[str, Any]]) -> list[Any]:
    from datatrove.data import Document

    return [Document(row.get("text"), row["id"], metadata={"html": row.get("html"), "n": row["n"]}) for row in rows]


@pytest.mark.parametrize("timeout", [None, 60.0])
def test_documents_come_out_as_records_do(datatrove: Any, timeout: float | None) -> None:
    from dechrome.integrations.datatrove import Dechrome

    options = Options(labels=True)
    wanted = {key: one.record for key, one in expected(MIXED, options).items() if one.status is Status.KEPT}
    step = Dechrome(options, source="text", timeout=timeout)
    documents = list(step(iter(as_documents(MIXED))))
    assert [document.id for document in documents] == list(wanted)
    for document in documents:
        record = wanted[document.id]
        assert (document.text, document.metadata["quality"]) == (record["text"], record["quality"])
        assert [tuple(span.values()) for span in document.metadata["spans"]] == record["spans"]
        assert "html" not in document.metadata
    assert step.stats["total"].total == len(MIXED)
    assert step.stats["forwarded"].total == len(wanted)
    assert step.stats["dropped_quarantined"].total == len(MIXED) - len(wanted) > 0


def test_a_datatrove_pipeline_of_two_workers_loses_nothing(datatrove: Any, tmp_path: Path) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.readers import JsonlReader
    from datatrove.pipeline.writers import JsonlWriter

    from dechrome.integrations.datatrove import Dechrome

    rows = [row for row in TYPED if row["html"] or row["text"]]  # readers pass over documents without text
    (tmp_path / "in").mkdir()
    for part in range(4):
        lines = (json.dumps({"id": row["id"], "text": row["html"] or row["text"]}) + "\n" for row in rows[part::4])
        (tmp_path / "in" / f"{part}.jsonl").write_text("".join(lines))
    options = Options(facts=True, min_chars=20)
    LocalPipelineExecutor(
        [
            JsonlReader(str(tmp_path / "in")),
            Dechrome(options, exclusion_writer=JsonlWriter(str(tmp_path / "excluded"), compression=None)),
            JsonlWriter(str(tmp_path / "out"), compression=None),
        ],
        tasks=4,
        workers=2,
        logging_dir=str(tmp_path / "logs"),
    ).run()
    wanted = expected([{"id": row["id"], "html": row["html"] or row["text"]} for row in rows], options)
    kept = [row for file in (tmp_path / "out").glob("*.jsonl") for row in read_jsonl(file)]
    excluded = [row for file in (tmp_path / "excluded").glob("*.jsonl") for row in read_jsonl(file)]
    assert sorted(row["id"] for row in (*kept, *excluded)) == sorted(wanted)
    for row in kept:
        record = wanted[row["id"]].record
        assert (row["text"], row["metadata"]["quality"]) == (record["text"], record["quality"])
    inputs = {row["id"]: row["html"] or row["text"] for row in rows}
    for row in excluded:
        reason = wanted[row["id"]].reason
        assert (row["text"], row["metadata"]["filter_reason"]) == (inputs[row["id"]], reason)
    assert excluded


def test_a_document_that_kills_or_hangs_the_sandbox_is_quarantined(
    datatrove: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from datatrove.executor import LocalPipelineExecutor
    from datatrove.pipeline.writers import JsonlWriter

    from dechrome.integrations import datatrove as integration

    clean = integration._clean

    def clean_or_die(rows: Sequence[dict[str, Any]], options: Options) -> list[dict[str, Any]]:
        for row in rows:
            if row["id"] == "r3":
                os.kill(os.getpid(), signal.SIGKILL)
            if row["id"] == "r5":
                threading.Event().wait()
        return clean(rows, options)

    monkeypatch.setattr(integration, "_clean", clean_or_die)  # the sandbox is forked from this process
    step = integration.Dechrome(
        source="text", timeout=3.0, exclusion_writer=JsonlWriter(str(tmp_path / "excluded"), compression=None)
    )
    kept: list[str] = []

    def note(data: Iterator[Any], rank: int = 0, world_size: int = 1) -> Iterator[Any]:
        for document in data:
            kept.append(document.id)
            yield document

    LocalPipelineExecutor(
        [as_documents(TYPED[:8]), step, note],
        workers=1,
        logging_dir=str(tmp_path / "logs"),
    ).run()
    rows = read_jsonl(tmp_path / "excluded" / "00000.jsonl")
    excluded = {row["id"]: row["metadata"]["filter_reason"] for row in rows}
    assert excluded == {"r3": "it killed the process that cleaned it", "r5": "it took more than 3 seconds"}
    assert kept == ["r0", "r1", "r2", "r4", "r6", "r7"]


def test_the_datatrove_example_runs(datatrove: Any, tmp_path: Path) -> None:
    run_example("clean_with_datatrove.py", tmp_path / "out")
    rows = [row for file in (tmp_path / "out").glob("*.jsonl") for row in read_jsonl(file)]
    assert {row["id"]: row["text"] for row in rows} == pages_of(".html")


# Spark


@pytest.fixture(scope="module")
def spark() -> Iterator[Any]:
    pytest.importorskip("pyspark", reason="Spark is not installed: pip install 'dechrome[spark]'")
    if not shutil.which("java") and "JAVA_HOME" not in os.environ:
        pytest.skip("Spark needs Java 17 or newer, and there is no java on the path")
    from pyspark.sql import SparkSession

    settings = {
        "spark.ui.enabled": "false",
        "spark.sql.execution.arrow.maxRecordsPerBatch": "16",
        "spark.driver.bindAddress": "127.0.0.1",
        "spark.driver.host": "127.0.0.1",
    }
    os.environ["PYSPARK_PYTHON"] = sys.executable  # or its workers run whatever python3 is on the path
    session = SparkSession.builder.master("local[2]").config(map=settings).getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


def test_a_spark_frame_keeps_its_rows_and_gets_their_text(spark: Any) -> None:
    from dechrome.integrations.spark import clean_dataframe

    options = Options(labels=True, facts=True, min_chars=20)
    rows = [(row["id"], row["n"], row["url"], row["html"], row["text"]) for row in TYPED]
    frame = spark.createDataFrame(rows, "id string, n int, url string, html string, text string").repartition(4)
    cleaned = clean_dataframe(frame, options)
    got = [row.asDict(recursive=True) for row in cleaned.collect()]
    check_rows(sorted(got, key=lambda row: row["n"]), TYPED, options)


def test_a_spark_frame_keeps_the_types_of_its_own_columns(spark: Any) -> None:
    from pyspark.sql.types import StructType

    from dechrome.integrations.spark import clean_dataframe

    schema = StructType.fromDDL(
        "content binary, n smallint not null, price decimal(9,2), seen timestamp, day date, tags array<string>,"
        "about struct<a: int, b: map<string, double>>, path string"
    )
    frame = spark.sql(
        "select cast('<p>The ferry was late again.' as binary), 7S, 1.50BD, timestamp'2024-02-29 12:00:00',"
        "date'2024-02-29', array('x', null), named_struct('a', 1, 'b', map('k', 2.5D)), 'p'"
    ).toDF(*schema.names)
    frame = spark.createDataFrame(frame.rdd, schema)
    options = Options(fields=Fields(html="content", id="path"))
    cleaned = clean_dataframe(frame, options)
    own = [column for column in schema.fields if column.name != "content"]
    assert cleaned.schema.fields[: len(own)] == own
    row = cleaned.collect()[0].asDict()
    before = frame.collect()[0].asDict()
    assert {column.name: row[column.name] for column in own} == {column.name: before[column.name] for column in own}
    assert (row["text"], row["dechrome_status"]) == ("The ferry was late again.", "kept")


def test_the_spark_example_runs(spark: Any, tmp_path: Path) -> None:
    run_example("clean_with_spark.py", tmp_path / "out")
    rows = pq.read_table(tmp_path / "out").to_pylist()
    assert {Path(row["path"]).name: row["text"] for row in rows} == pages_of(".html")


# Hugging Face datasets


@pytest.fixture(scope="module")
def datasets() -> Any:
    if find_spec("datasets.arrow_dataset") is None:  # the folder datasets/ of this repository is no package
        pytest.skip("datasets is not installed: pip install 'dechrome[datasets]'")
    import datasets

    return datasets


def test_a_dataset_of_two_processes_keeps_its_rows_and_gets_their_text(datasets: Any) -> None:
    from dechrome.integrations.huggingface import clean_dataset

    options = Options(labels=True, min_chars=20)
    cleaned = clean_dataset(datasets.Dataset.from_list(TYPED), options, num_proc=2, batch_size=10)
    check_rows(list(cleaned), TYPED, options)
    assert cleaned.features["n"] == datasets.Value("int64")


def test_a_batch_without_any_good_row_fits_in_with_the_others(datasets: Any) -> None:
    from dechrome.integrations.huggingface import clean_dataset

    rows = numbered([HOSTILE[0]] * 5 + sample_pages()[:5])
    cleaned = clean_dataset(datasets.Dataset.from_list(rows), Options(labels=True), batch_size=5)
    check_rows(list(cleaned), rows, Options(labels=True))


@pytest.mark.parametrize("known", [True, False])
def test_a_stream_keeps_its_rows_and_gets_their_text(datasets: Any, known: bool) -> None:
    from dechrome.integrations.huggingface import clean_dataset

    rows = TYPED if known else MIXED
    whole = datasets.Dataset.from_list(TYPED).to_iterable_dataset()
    stream = whole if known else datasets.IterableDataset.from_generator(lambda: iter(rows))
    check_rows(list(clean_dataset(stream, batch_size=10)), rows, Options())


def test_the_same_job_on_a_dataset_is_not_done_twice(datasets: Any, tmp_path: Path) -> None:
    from dechrome.integrations.huggingface import CleanBatch, clean_dataset

    datasets.Dataset.from_list(TYPED).save_to_disk(str(tmp_path / "pages"))
    pages = datasets.load_from_disk(str(tmp_path / "pages"))
    first, second = (clean_dataset(pages, Options(min_chars=20)) for _ in range(2))
    other = clean_dataset(pages, Options(min_chars=21))
    assert first.cache_files == second.cache_files != []
    assert other._fingerprint != first._fingerprint
    assert len(pickle.dumps(CleanBatch(Options(labels=True), "0" * 64))) < 1000


def test_the_datasets_example_runs(datasets: Any, tmp_path: Path) -> None:
    run_example("clean_with_datasets.py", tmp_path / "out.jsonl")
    rows = read_jsonl(tmp_path / "out.jsonl")
    assert sorted(row["text"] for row in rows) == sorted(pages_of(".txt").values())
