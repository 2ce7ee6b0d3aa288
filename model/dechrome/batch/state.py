"""What a job remembers on disk, so that the same command goes on where it was killed.

The manifest says what the job is: inputs, options, model. The checkpoint, replaced every few seconds, says how far it
is: what was written up to there counts, what was written behind is cut off and done again.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, Final

from dechrome.batch.statistics import Statistics
from dechrome.errors import JobError

MANIFEST: Final = "manifest.json"
CHECKPOINT: Final = "checkpoint.json"
LOCK: Final = "lock"
_LISTED: Final = 5  # inputs that are named in a message
_OPTIONS: Final = {
    "images": "--keep images",
    "form": "--format (records)",
    "page_form": "--format (pages)",
    "page_type": "--as",
}
_RESTART: Final = "use --restart to throw away what is there and begin anew, or another --out"


@dataclass
class Checkpoint:
    """How far a job is.

    ``source`` is the number of the input at work and ``stop`` where its next chunk starts. ``lengths`` are the bytes
    of the files that are written to. ``share`` is the part of the input at work that is done. ``ended``: it cannot be
    read any further, and that was noted. ``finishing``: all chunks are in, but the output may not have its name yet.
    """

    source: int = 0
    stop: int = 0
    lengths: dict[str, int] = field(default_factory=dict)
    share: float = 0.0
    ended: bool = False
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


def begin(
    folder: Path, manifest: Mapping[str, Any], clear: Callable[[Mapping[str, Any]], object] = bool, *,
    restart: bool = False, resumable: bool = True,
) -> Checkpoint:  # fmt: skip
    """Return how far the job is: where it was killed, or at its start.

    A job that is not ``resumable`` starts anew; ``restart`` starts anew in another job's place, too. Before that,
    ``clear`` is called with the manifest of what was there, to remove its outputs.

    Raises:
        JobError: another job's state is there, with other inputs, options or another model.
    """
    known = _read_former(folder) if restart else _read(folder / MANIFEST)
    manifest = json.loads(json.dumps(manifest))
    if known is not None and not restart and known != manifest:
        raise JobError(f"{folder}: another job is there: {'; '.join(_compare(known, manifest))}: {_RESTART}")
    if restart or known is None or not resumable:
        (folder / CHECKPOINT).unlink(missing_ok=True)
        if known is not None:
            clear(known)
        replace(folder / MANIFEST, manifest)
        return Checkpoint()
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


def _read_former(folder: Path) -> dict[str, Any] | None:
    """Return the manifest of a job that is thrown away, if it can be read."""
    try:
        return _read(folder / MANIFEST)
    except JobError:
        return None


def _compare(known: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Say in words what differs between two jobs: first what the user can see in the command."""
    before, now = (_flatten(values.get("options") or {}) for values in (known, wanted))
    differences = [
        f"{name} was {_show(before.get(name))} and is now {_show(now.get(name))}"
        for name in {**before, **now}
        if before.get(name) != now.get(name)
    ]
    if known.get("out") != wanted.get("out"):
        differences.append(f"--out was {_show(known.get('out'))}")
    if known.get("model") != wanted.get("model"):
        differences.append("it was made with another model")
    if known.get("version") != wanted.get("version"):
        differences.append(f"it was made by dechrome {known.get('version')}")
    old, new = ({row["address"]: row for row in values.get("inputs") or []} for values in (known, wanted))
    inputs = [
        *(f"input {name} is new" for name in new.keys() - old.keys()),
        *(f"input {name} is not there any more" for name in old.keys() - new.keys()),
        *(f"input {name} has changed" for name in new.keys() & old.keys() if new[name] != old[name]),
    ]
    shown = [*differences, *sorted(inputs)[:_LISTED]]
    if len(inputs) > _LISTED:
        shown.append(f"and {len(inputs) - _LISTED} more inputs differ")
    return shown or ["its inputs come in another order"]


def _flatten(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options by the names that the command line has for them."""
    flat: dict[str, Any] = {}
    for name, value in options.items():
        if name == "fields":
            flat |= {f"--{field}-field": field_name for field, field_name in value.items()}
        elif isinstance(value, Mapping):
            flat |= _flatten(value)
        else:
            flat[_OPTIONS.get(name, f"--{name.replace('_', '-')}")] = value
    return flat


def _show(value: Any) -> str:
    if isinstance(value, bool):
        return "on" if value else "off"
    return "not given" if value is None else str(value)
