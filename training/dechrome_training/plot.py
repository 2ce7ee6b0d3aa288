"""The plot beside the model card: word precision and recall over thresholds. Needs matplotlib (extra ``report``)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

_MARKED: Final = (0.1, 0.3, 0.5, 0.7, 0.9)  # thresholds that are written beside their points


def draw_curves(curves: Mapping[str, Sequence[Mapping[str, Any]]], path: Path) -> bool:
    """Draw precision over recall for each view as SVG; return False where matplotlib is not installed."""
    try:
        import matplotlib
        from matplotlib.figure import Figure
    except ModuleNotFoundError:
        return False
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rc("svg", hashsalt="dechrome", fonttype="none")  # the same bytes every time, letters as text
        figure = Figure(figsize=(6, 4), layout="constrained")
        axes = figure.add_subplot(xlabel="word recall", ylabel="word precision")
        for view, measured in curves.items():
            points = [point for point in measured if point["precision"] is not None]
            recall = [point["recall"] for point in points]
            precision = [point["precision"] for point in points]
            axes.plot(recall, precision, marker=".", label=view)
            for point in points:
                if point["threshold"] in _MARKED:
                    axes.annotate(f"{point['threshold']:g}", (point["recall"], point["precision"]), fontsize=7)
        axes.grid(visible=True, alpha=0.3)
        axes.legend()
        figure.savefig(path, format="svg", metadata={"Date": None, "Creator": None})
    return True
