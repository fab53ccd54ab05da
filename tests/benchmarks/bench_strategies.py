"""Batch selectors against other libraries' on the same inputs: one command, one table.

    python tests/benchmarks/bench_strategies.py --peer-python OTHER/bin/python

OTHER is an environment with `scikit-activeml`, `small-text`, `batchbald_redux` and `bmdal-reg`;
peers that it lacks are left out, and said to be. Every run is a process of its own with the same
number of threads (`--threads`); what is timed is the call that selects, after one call on a small
input. `--small` only shows that everything works. Rows also go to `--out`, as JSON lines.

"same picks" compares, in order, with the peer's picks, or with the plain float64 loop's for
k-center. Where a strategy draws at random, or a peer clusters from another start, picks can't be
compared and the column says so.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

#: case -> (full size, small size, peers, the ratio wanted of each)
CASES = {
    "k_center": (
        {"n": 20_000, "d": 128, "labelled": 100, "batch": 200},
        {"n": 1_000, "d": 16, "labelled": 10, "batch": 20},
        {"scikit-activeml": 8, "small-text": 60, "plain loop": None},
    ),
    "badge": (
        {"n": 20_000, "d": 256, "classes": 20, "batch": 100},
        {"n": 500, "d": 16, "classes": 4, "batch": 10},
        {"scikit-activeml": 30},
    ),
    "batch_bald": (
        {"n": 2_000, "members": 20, "classes": 10, "batch": 5},
        {"n": 200, "members": 5, "classes": 3, "batch": 4},
        {"batchbald_redux": 20},
    ),
    "typiclust": (
        {"n": 20_000, "d": 128, "labelled": 0, "batch": 100},
        {"n": 1_000, "d": 16, "labelled": 0, "batch": 10},
        {"scikit-activeml": 5},
    ),
    "max_herding": (
        {"n": 10_000, "d": 128, "labelled": 100, "batch": 100},
        {"n": 500, "d": 16, "labelled": 10, "batch": 10},
        {"scikit-activeml": 30},
    ),
    "uncertainty_herding": (
        {"n": 10_000, "d": 128, "labelled": 100, "classes": 10, "batch": 100},
        {"n": 500, "d": 16, "labelled": 10, "classes": 4, "batch": 10},
        {"double loop": None},
    ),
    "lcmd": (
        {"n": 20_000, "d": 128, "labelled": 100, "batch": 200},
        {"n": 1_000, "d": 16, "labelled": 10, "batch": 20},
        {"bmdal-reg": 1},
    ),
    "max_det": (
        {"n": 20_000, "d": 128, "labelled": 0, "batch": 200},
        {"n": 1_000, "d": 16, "labelled": 0, "batch": 20},
        {"bmdal-reg": 1},
    ),
}
NOT_COMPARABLE = {"badge": "drawn at random", "typiclust": "clusters differ"}
NOISE = 0.1  # MaxDet's
RADIUS = 1.0  # of the kernel


def make_inputs(case: str, size: dict, folder: Path) -> None:
    """Write the arrays of a case to `folder`."""
    rng = np.random.default_rng(0)
    arrays = {}
    if case == "batch_bald":
        # Members that agree about some samples and not about others.
        shared = 2 * rng.standard_normal((size["n"], 1, size["classes"]))
        own = rng.standard_normal((size["n"], size["members"], size["classes"]))
        own *= rng.uniform(0.1, 1.5, (size["n"], 1, 1))
        logits = shared + own
        draws = np.exp(logits - logits.max(2, keepdims=True))
        arrays["draws"] = draws / draws.sum(2, keepdims=True)
    else:
        count = size["n"] + size.get("labelled", 0)
        rows = rng.standard_normal((count, size["d"])).astype(np.float32)
        if case == "typiclust":  # it looks for clusters: give it some
            rows += (
                2
                * rng.standard_normal((50, size["d"])).astype(np.float32)[
                    rng.integers(0, 50, count)
                ]
            )
        arrays["pool"], arrays["labelled"] = rows[: size["n"]], rows[size["n"] :]
    if case in ("badge", "uncertainty_herding"):
        logits = 2 * rng.standard_normal((size["n"], size["classes"]))
        probs = np.exp(logits)
        arrays["probs"] = (probs / probs.sum(1, keepdims=True)).astype(np.float32)
    for name, array in arrays.items():
        np.save(folder / f"{name}.npy", array)


class Ours:
    """altasks."""

    def __init__(self, case: str) -> None:
        import altasks as al

        self.case, self.al = case, al
        options = {"max_det": {"noise": NOISE}, "max_herding": {"radius": RADIUS}}.get(case, {})
        if case == "uncertainty_herding":
            options = {"temperature": 1.0, "radius": RADIUS}
        self.strategy = al.get_strategy(case)(**options)

    def run(self, arrays: dict, batch: int) -> tuple[list[int], float]:
        """Return the rows picked and the seconds taken."""
        pool = arrays.get("pool", arrays.get("draws"))
        nothing = np.empty((0, pool.shape[-1]), dtype=np.float32)
        every = {
            "embeddings": arrays.get("pool"),
            "mean_probs": arrays.get("probs"),
            "draws": arrays.get("draws"),
            "labelled_embeddings": arrays.get("labelled"),
            "pending_embeddings": nothing,
        }
        read = self.strategy.needs | getattr(self.strategy, "wants", frozenset())
        fields = {name: every[name] for name in read & every.keys()}
        ids = [str(row) for row in range(len(pool))]
        candidates = self.al.Candidates(ids, np.zeros(len(pool)), **fields)
        start = time.perf_counter()
        picks = self.strategy.select(candidates, batch, rng=np.random.default_rng(0))
        return [int(name) for name in picks], time.perf_counter() - start


class Peer:
    """Another library, or the plain loop."""

    def __init__(self, name: str, case: str) -> None:
        self.name, self.case = name, case
        getattr(self, name.replace("-", "_").replace(" ", "_") + "_import", lambda: None)()

    def run(self, arrays: dict, batch: int) -> tuple[list[int], float]:
        """Return the rows picked and the seconds taken."""
        call = getattr(self, self.name.replace("-", "_").replace(" ", "_"))(arrays, batch)
        start = time.perf_counter()
        picks = call()
        return [int(row) for row in picks], time.perf_counter() - start

    def scikit_activeml(self, arrays: dict, batch: int):
        from skactiveml import pool as strategies

        rows = np.concatenate([arrays["pool"], arrays["labelled"]])
        labels = np.full(len(rows), np.nan)
        labels[len(arrays["pool"]) :] = 0
        if self.case == "k_center":
            return lambda: strategies.CoreSet(random_state=0).query(rows, labels, batch_size=batch)
        if self.case == "max_herding":
            peer = strategies.MaxHerding(metric_dict={"gamma": RADIUS**-2}, random_state=0)
            return lambda: peer.query(rows, labels, batch_size=batch)
        if self.case == "typiclust":
            return lambda: strategies.TypiClust(random_state=0).query(
                rows, labels, batch_size=batch
            )
        from skactiveml.base import SkactivemlClassifier

        probs = arrays["probs"]

        class Known(SkactivemlClassifier):
            def fit(self, X, y, sample_weight=None):
                return self

            def predict_proba(self, X):
                return probs

        known = Known(classes=list(range(probs.shape[1])), missing_label=np.nan)
        return lambda: strategies.Badge(random_state=0).query(
            rows, labels, clf=known, fit_clf=False, batch_size=batch
        )

    def small_text(self, arrays: dict, batch: int):
        from small_text.query_strategies.coresets import greedy_coreset

        # The pool comes first, so that its relative indices are the absolute ones: with another
        # order its picks would be measured against other rows than were picked.
        rows = np.concatenate([arrays["pool"], arrays["labelled"]])
        pool = np.arange(len(arrays["pool"]))
        labelled = np.arange(len(pool), len(rows))
        return lambda: greedy_coreset(rows, pool, labelled, batch, distance_metric="euclidean")

    def double_loop(self, arrays: dict, batch: int):
        """The matrix of all similarities, and all gains again for every pick."""
        pool, labelled = (
            rows / np.linalg.norm(rows, axis=1, keepdims=True)
            for rows in (arrays["pool"].astype(np.float64), arrays["labelled"].astype(np.float64))
        )
        ordered = np.sort(arrays["probs"].astype(np.float64), 1)
        weights = 1 - (ordered[:, -1] - ordered[:, -2])

        def loop() -> list[int]:
            similar = np.exp((2 * (pool @ pool.T) - 2) * RADIUS**-2)
            covered = np.exp((2 * (pool @ labelled.T) - 2) * RADIUS**-2).max(1)
            picks = []
            for _ in range(batch):
                picks.append(int((np.maximum(similar - covered, 0) @ weights).argmax()))
                covered = np.maximum(covered, similar[picks[-1]])
            return picks

        return loop

    def plain_loop(self, arrays: dict, batch: int):
        pool = arrays["pool"].astype(np.float64)
        square = (pool**2).sum(1)

        def loop() -> list[int]:
            near = np.full(len(pool), np.inf)

            def add(centre: np.ndarray) -> None:
                np.minimum(near, square - 2 * (pool @ centre) + centre @ centre, out=near)

            for centre in arrays["labelled"].astype(np.float64):
                add(centre)
            picks = []
            for _ in range(batch):
                picks.append(int(near.argmax()))
                add(pool[picks[-1]])
            return picks

        return loop

    def batchbald_redux(self, arrays: dict, batch: int):
        import torch
        from batchbald_redux.batchbald import get_batchbald_batch

        logs = torch.from_numpy(arrays["draws"]).log()
        return lambda: (
            get_batchbald_batch(logs, batch, 10_000, dtype=torch.double, device="cpu").indices
        )

    def bmdal_reg_import(self) -> None:
        np.Inf = np.inf  # noqa: NPY201 - the name it uses went away with NumPy 2

    def bmdal_reg(self, arrays: dict, batch: int):
        import torch
        from bmdal_reg.bmdal.algorithms import select_batch
        from bmdal_reg.bmdal.feature_data import TensorFeatureData

        pool, labelled = (torch.from_numpy(arrays[name]) for name in ("pool", "labelled"))
        if not len(labelled):  # it can't do without; MaxDet in P mode doesn't read them
            labelled = pool[:1]
        data = {"train": TensorFeatureData(labelled), "pool": TensorFeatureData(pool)}
        options = {"selection_method": "lcmd", "sel_with_train": True}
        if self.case == "max_det":
            sigma = NOISE * float((arrays["pool"].astype(np.float64) ** 2).sum(1).mean()) ** 0.5
            options = {"selection_method": "maxdet", "maxdet_sigma": sigma, "sel_with_train": False}
        return lambda: select_batch(
            batch_size=batch,
            models=[torch.nn.Linear(pool.shape[1], 1)],
            data=data,
            y_train=None,
            base_kernel="linear",
            kernel_transforms=[],
            **options,
        )[0].tolist()


def child(name: str, case: str, folder: Path, batch: int, repeats: int) -> None:
    """Run one selector on the arrays in `folder` and print the result as JSON."""
    import warnings

    warnings.simplefilter("ignore")
    selector = Ours(case) if name == "altasks" else Peer(name, case)
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    few = {key: array[: 4 * batch + 20] for key, array in arrays.items()}
    selector.run(few, min(batch, 3))  # imports, compilers, pools of threads
    times: list[float] = []
    while len(times) < repeats and sum(times) < 30:
        picks, seconds = selector.run(arrays, batch)
        times.append(seconds)
    print("RESULT " + json.dumps({"times": times, "picks": picks}))


def launch(python: str, name: str, case: str, folder: Path, batch: int, options) -> dict | str:
    """Run `child` in a process of its own; return its result, or why there is none."""
    command = [python, __file__, "--child", name, case, str(folder), str(batch)]
    threads = {
        f"{library}_NUM_THREADS": str(options.threads) for library in ("OMP", "OPENBLAS", "MKL")
    }
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [*command, "--repeats", str(options.repeats)],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        env={**os.environ, **threads, **({"PYTHONPATH": root} if name == "altasks" else {})},
    )
    for line in done.stdout.splitlines():
        if line.startswith("RESULT "):
            return json.loads(line.removeprefix("RESULT "))
    return (done.stderr.strip().splitlines() or ["no output"])[-1]


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer-python", default=sys.executable)
    parser.add_argument("--cases", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--small", action="store_true", help="only show that it works")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--out", type=Path, help="append rows as JSON lines")
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        name, case, folder, batch = options.child
        child(name, case, Path(folder), int(batch), options.repeats)
        return
    print("| strategy | setting | altasks, s | peer | peer, s | ratio | wanted | same picks |")
    print("|---|---|---|---|---|---|---|---|")
    for case in options.cases:
        full, small, peers = CASES[case]
        size = small if options.small else full
        setting = ", ".join(f"{key} {value:,}" for key, value in size.items())
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            make_inputs(case, size, folder)
            ours = launch(sys.executable, "altasks", case, folder, size["batch"], options)
            if isinstance(ours, str):
                raise SystemExit(f"{case}: altasks failed: {ours}")
            mine = statistics.median(ours["times"])
            for peer, wanted in peers.items():
                found = launch(options.peer_python, peer, case, folder, size["batch"], options)
                if isinstance(found, str):
                    print(f"| {case} | {setting} | {mine:.4f} | {peer} | {found} | | | |")
                    continue
                theirs = statistics.median(found["times"])
                if ours["picks"] == found["picks"]:
                    same = "yes"
                else:
                    shared = len(set(ours["picks"]) & set(found["picks"]))
                    same = f"{shared} of {size['batch']} shared"
                    same = NOT_COMPARABLE.get(case, same)
                row = {
                    "strategy": case,
                    **size,
                    "threads": options.threads,
                    "seconds": mine,
                    "peer": peer,
                    "peer_seconds": theirs,
                    "ratio": theirs / mine,
                    "wanted": wanted,
                    "same_picks": same,
                }
                aim = "" if wanted is None else f"{wanted}"
                print(
                    f"| {case} | {setting} | {mine:.4f} | {peer} | {theirs:.3f} |"
                    f" {theirs / mine:.1f} | {aim} | {same} |",
                    flush=True,
                )
                if options.out:
                    with options.out.open("a") as file:
                        file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
