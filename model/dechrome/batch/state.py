"""What a job remembers on disk, so that the same command goes on where it was killed.

The manifest says what the job is: inputs, options, model. The checkpoint, replaced every few seconds, says how far it
is: what was written up to there counts, what was written behind is cut off and done again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from dechrome.batch.statistics import Statistics
from dechrome.errors import JobError

MANIFEST: Final = "manifest.json"
CHECKPOINT: Final = "checkpoint.json"
LOCK: Final = "lock"
_RESTART: Final = "use --restart to throw away what is there and begin anew, or another --out"


@dataclass
class Checkpoint:
    """How far a job is.

    ``source`` is the number of the input at work and ``stop`` where its next chunk starts. ``lengths`` are the bytes
    of the files that are written to. ``finishing``: all chunks are in, but the output may not have its name yet.
    """

    source: int = 0
    stop: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    finishing: bool = False
    finished: bool = False
    seconds: float = 0.0
    statistics: Statistics = field(default_factory=Statistics)


@contextlib.contextmanager
def hold(folder: Path) -> Iterator[None]:
    """Hold a job's folder, so that no second run works there.

    Raises:
        JobError: another run holds it.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / LOCK).open("w") as stream:
        try:
            import fcntl
        except ImportError:  # not on this system
            yield
            return
        try:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            raise JobError(f"{folder}: another run of this job is at work here") from error
        yield


def begin(folder: Path, manifest: Mapping[str, Any], *, restart: bool) -> Checkpoint:
    """Return how far the job is: where it was killed, or at its start.

    Raises:
        JobError: another job's state is there, with other inputs, options or another model.
    """
    known = _read(folder / MANIFEST)
    manifest = json.loads(json.dumps(manifest))
    if restart or known is None:
        (folder / CHECKPOINT).unlink(missing_ok=True)
        replace(folder / MANIFEST, manifest)
        return Checkpoint()
    if different := [name for name in {**known, **manifest} if known.get(name) != manifest.get(name)]:
        raise JobError(f"{folder}: made with {_explain(different, known, manifest)}: {_RESTART}")
    values = _read(folder / CHECKPOINT)
    if values is None:
        return Checkpoint()
    try:
        return Checkpoint(**{**values, "statistics": Statistics.from_dict(values["statistics"])})
    except (KeyError, TypeError) as error:
        raise JobError(f"{folder / CHECKPOINT}: malformed: {_RESTART}") from error


def save(folder: Path, checkpoint: Checkpoint) -> None:
    """Write the checkpoint."""
    values = {part.name: getattr(checkpoint, part.name) for part in fields(checkpoint)}
    replace(folder / CHECKPOINT, {**values, "statistics": checkpoint.statistics.to_dict()})


def replace(path: Path, values: Mapping[str, Any]) -> None:
    """Write JSON so that it is there whole or not at all, also after a loss of power."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as stream:
        json.dump(values, stream, indent=1)
        stream.flush()
        os.fsync(stream.fileno())
    part.replace(path)


def _read(path: Path) -> dict[str, Any] | None:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise JobError(f"{path}: cannot be read: {error}: {_RESTART}") from error
    if not isinstance(values, dict):
        raise JobError(f"{path}: must hold an object: {_RESTART}")
    return values


def _explain(names: list[str], known: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """Say what differs; long values by name only."""
    parts = []
    for name in names:
        before, now = json.dumps(known.get(name)), json.dumps(wanted.get(name))
        parts.append(f"other {name}" if len(before + now) > 80 else f"{name} {before}, now {now}")
    return ", ".join(parts)
