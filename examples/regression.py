"""Active learning of numbers: which measurements to make next, and why noise is a trap.

By default scikit-learn's diabetes, and a made-up table whose noise varies, where the total variance
keeps asking for what nobody can learn and the members' disagreement doesn't.

    python examples/regression.py
    python examples/regression.py --data folder/of/concrete --split 3 --acquisitions random bald
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np

import altasks as al

Rows = tuple[np.ndarray, np.ndarray]  # features [n, columns], targets [n]


class Data(NamedTuple):
    """A table to ask from, its targets held back, and one to measure on."""

    title: str
    pool: Rows
    test: Rows


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="a folder of UCI splits: data.txt, index_*.txt")
    parser.add_argument("--split", type=int, default=0, help="which split of --data")
    parser.add_argument("--acquisitions", nargs="+", default=["random", "variance", "bald"],
                        help="what to compare")  # fmt: skip
    parser.add_argument("--budget", type=int, default=60, help="labels to pay for")
    parser.add_argument("--batch", type=int, default=20, help="labels to ask for at a time")
    parser.add_argument("--save", help="a folder for the models, one below it for each run")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> list[Data]:
    if options.data:
        return [read_uci(options.data, options.split)]
    return [diabetes(options.seed), varying_noise()]


def read_uci(folder: Path, split: int) -> Data:
    rows = np.loadtxt(folder / "data.txt")

    def index(name: str) -> np.ndarray:
        return np.loadtxt(folder / f"index_{name}.txt").astype(int)

    features, target = index("features"), index("target")
    pool, test = (rows[index(f"{part}_{split}")] for part in ("train", "test"))
    return Data(folder.name, (pool[:, features], pool[:, target]),
                (test[:, features], test[:, target]))  # fmt: skip


def diabetes(seed: int) -> Data:
    from sklearn.datasets import load_diabetes

    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(y))
    test, pool = order[:100], order[100:]
    return Data("diabetes", (x[pool], y[pool]), (x[test], y[test]))


def varying_noise() -> Data:
    """Return a smooth surface that is measured badly where the second column is above 1."""
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (600, 2))
    noise = rng.normal(size=600) * np.where(x[:, 1] > 1, 3, 0.1)
    y = np.sin(2 * x[:, 0]) * 3 + x[:, 1] + noise
    return Data("varying noise", (x[:400], y[:400]), (x[400:], y[400:]))


def build_task() -> al.Regression:
    return al.Regression(committee=al.Ensemble(3))


def run(options: argparse.Namespace, task: al.Regression, data: Data, acquisition: str) -> None:
    features, targets = data.pool
    kind = "strategy" if acquisition == "random" else "acquisition"
    loop = al.ActiveLoop(task, features, seed=options.seed, **{kind: acquisition})
    oracle = al.Simulated({str(row): float(value) for row, value in enumerate(targets)})
    for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=data.test):
        metrics = "  ".join(f"{key} {value:.3f}" for key, value in done.metrics.items())
        print(f"  {acquisition}: {done.labelled:3d} labels  {metrics}")


def main() -> None:
    options = parse_options()
    for data in load_data(options):
        print(f"{data.title}: {len(data.pool[1])} rows to ask, {len(data.test[1])} to test on")
        for acquisition in options.acquisitions:
            task = build_task()
            run(options, task, data, acquisition)
            if options.save:
                task.save(Path(options.save) / f"{data.title} {acquisition}".replace(" ", "-"))
    model = f"{options.save}/NAME" if options.save else "FOLDER/NAME"
    rank = f"altasks rank --task regression --model {model} --pool YOURS.csv --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
