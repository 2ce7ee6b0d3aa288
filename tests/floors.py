"""Set the floors of quality: raise them to just below what the model reaches, or lower one for a reason.

Run as ``python tests/floors.py`` whenever a model has become better. Floors go up by themselves and down only by
``--lower NAME --reason TEXT``, which is kept in ``floors.json``; NAME may be a whole group whose data have changed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click

from dechrome.artefact import Model
from dechrome.errors import DechromeError
from dechrome.labelling import load_model
from dechrome_training.evaluation import gate

ROOT: Final = Path(__file__).resolve().parent.parent
FLOORS: Final = ROOT / "tests" / "floors.json"
LABELS: Final = ROOT / "datasets" / "labels.jsonl"
SHORT: Final = ROOT / "datasets" / "short_pages_held_out.jsonl"
CORPORA: Final = ROOT.parent / "shared" / "corpora"


def measure(model: Model, corpora: Path) -> list[gate.Measured]:
    """Measure all groups; those of the corpora only where these are."""
    measured = [gate.fold_scores(model.settings), gate.sample_scores(model, LABELS)]
    measured.append(gate.sample_scores(model, SHORT, "short"))
    if corpora.is_dir():
        measured += [gate.unseen_scores(model, corpora), gate.kind_scores(model, corpora)]
    return measured


@click.command(help=__doc__)
@click.option("--model", type=click.Path(exists=True, file_okay=False, path_type=Path), help="Another model.")
@click.option("--corpora", type=click.Path(path_type=Path), default=CORPORA, show_default=True)
@click.option("--floors", "path", type=click.Path(path_type=Path), default=FLOORS, show_default=True)
@click.option("--lower", "names", multiple=True, metavar="NAME", help="Lower this floor; may be given several times.")
@click.option("--reason", default="", help="Why it is lowered.")
def main(model: Path | None, corpora: Path, path: Path, names: tuple[str, ...], reason: str) -> None:
    try:
        measured = measure(load_model(model), corpora)
        before = floors = gate.read_floors(path)
        for name in names:
            floors = gate.lower_floor(floors, measured, name, reason)
        for part in measured:
            floors = gate.raise_floors(floors, part)
        gate.write_floors(path, floors)
    except DechromeError as error:
        raise click.ClickException(str(error)) from error
    changed = {name: floor for name, floor in floors.floors.items() if before.floors.get(name) != floor}
    for name, floor in sorted(changed.items()):
        click.echo(f"{name}: {before.floors.get(name, 'none')} -> {floor}")
    faults = [fault for part in measured for fault in gate.find_faults(floors, part)]
    for fault in faults:
        click.echo(f"refused: {fault}; to lower it: --lower NAME --reason TEXT", err=True)
    click.echo(f"{len(floors.floors)} floors, {len(changed)} changed, {len(faults)} refused")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
