"""Active learning of numbers: which measurements to make next, and why noise is a trap.

By default scikit-learn's diabetes, and a made-up table whose noise varies, where the total variance
keeps asking for what nobody can learn and the members' disagreement doesn't.

    python examples/regression.py --data folder/of/concrete --split 3 --acquisitions random bald
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.datasets import load_diabetes

import altasks as al

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, help="a folder of UCI splits (data.txt, index_*.txt)")
parser.add_argument("--split", type=int, default=0)
parser.add_argument("--acquisitions", nargs="+", default=["random", "variance", "bald"])
parser.add_argument("--budget", type=int, default=60, help="labels, asked for 20 at a time")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()


def uci(folder, split):
    rows = np.loadtxt(folder / "data.txt")
    names = ("features", "target", f"train_{split}", f"test_{split}")
    columns, target, *parts = (np.loadtxt(folder / f"index_{n}.txt").astype(int) for n in names)
    return [(rows[part][:, columns], rows[part][:, target]) for part in parts]


def made_up():
    rng = np.random.default_rng(0)
    x = rng.uniform(-3, 3, (600, 2))
    y = np.sin(2 * x[:, 0]) * 3 + x[:, 1] + rng.normal(size=600) * np.where(x[:, 1] > 1, 3, 0.1)
    return (x[:400], y[:400]), (x[400:], y[400:])


def diabetes():
    x, y = load_diabetes(return_X_y=True)
    order = np.random.default_rng(options.seed).permutation(len(y))
    return [(x[part], y[part]) for part in (order[100:], order[:100])]


folder, sets = options.data, {"diabetes": diabetes, "varying noise": made_up}
if folder:
    sets = {folder.name: lambda: uci(folder, options.split)}
for title, load in sets.items():
    (pool, truth), test = load()
    print(f"{title}: {len(pool)} rows to ask, {len(test[1])} to test on")
    oracle = al.Simulated({str(row): float(value) for row, value in enumerate(truth)})
    for name in options.acquisitions:
        task = al.Regression(committee=al.Ensemble(3))
        kind = "strategy" if name == "random" else "acquisition"
        loop = al.ActiveLoop(task, pool, seed=options.seed, **{kind: name})
        for done in loop.run(oracle, budget=options.budget, batch=20, test=test):
            metrics = "  ".join(f"{key} {value:.3f}" for key, value in done.metrics.items())
            print(f"  {name}: {done.labelled:3d} labels  {metrics}")
