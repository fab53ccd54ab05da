"""How time and memory grow with the pool: 10,000 to 1,000,000 x 128, each strategy.

    python tests/studies/growth.py                # measure what is missing, then plot
    python tests/studies/growth.py --plot-only

Each point runs in a process of its own and is appended to `--out` as a line of JSON at once, so an
interrupted run resumes where it was; a point is run again when the code version changes. A strategy
that passes `--limit` seconds at one size is not tried at a larger one. Memory is the peak of the
process less what it held before the call, so the embeddings are not in it. `cpu_seconds` are the
process's own, which other processes on the machine hardly change; the limit holds for them. `picks`
is a hash of the ids picked: equal where two versions pick the same.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[2]
SIZES = (10_000, 30_000, 100_000, 300_000, 1_000_000)
WIDTH, CLASSES, MEMBERS = 128, 10, 10

#: name -> (how to make it, batch)
POINTS = {
    "random": ("Random()", 1_000),
    "top_k": ("TopK()", 1_000),
    "power": ("Power()", 1_000),
    "softmax": ("Softmax()", 1_000),
    "soft_rank": ("SoftRank()", 1_000),
    "k_center": ("KCenter()", 1_000),
    "badge": ("Badge()", 1_000),
    "badge_regression": ("BadgeRegression()", 1_000),
    "batch_bald": ("BatchBALD()", 5),
    "batch_bald_prefiltered": ("Hybrid(BatchBALD(), beta=100)", 100),
    "cluster_margin": ("ClusterMargin()", 100),
    "typiclust": ("TypiClust()", 100),
    "prob_cover": ("ProbCover(delta=12.0)", 100),
    "prob_cover_estimating": ("ProbCover()", 100),
    "density_weighted": ("DensityWeighted()", 1_000),
    "density_weighted_rbf": ("DensityWeighted(kernel='rbf')", 1_000),
    "facility_location": ("FacilityLocation()", 100),
    "max_herding": ("MaxHerding()", 100),
    "uncertainty_herding": ("UncertaintyHerding(1.0, 0.5)", 100),
    "lcmd": ("LCMD()", 100),
    "max_det": ("MaxDet()", 100),
    "k_dpp": ("KDPP()", 100),
    "falcun": ("Falcun()", 100),
    "drop_query": ("DropQuery()", 100),
    "variance_reduction": ("VarianceReduction()", 100),
    "expected_error_reduction": ("ExpectedErrorReduction()", 100),
    "fisher_matching": ("FisherMatching(TARGET)", 100),
    "hybrid": ("Hybrid(KCenter(), beta=10)", 1_000),
    "subsampled": ("Subsampled(KCenter(), 50_000)", 1_000),
    "subsampled_seals": ("Subsampled(KCenter(), 50_000, 'seals')", 1_000),
    "balanced": ("Balanced(KCenter())", 1_000),
    "epsilon_greedy": ("EpsilonGreedy(KCenter(), 0.1)", 1_000),
}


def point(expression: str, size: int, batch: int) -> dict:
    """Measure one point in this process."""
    import altasks as al

    names = {name: getattr(al, name) for name in al.__all__}
    rng = np.random.default_rng(1)
    doubts = rng.dirichlet(np.ones(CLASSES), 500)
    names["TARGET"] = (rng.standard_normal((500, WIDTH)), doubts, rng.integers(0, CLASSES, 500))
    strategy = eval(expression, names)
    rng = np.random.default_rng(0)
    centres = rng.standard_normal((200, WIDTH), dtype=np.float32)
    rows = rng.standard_normal((size, WIDTH), dtype=np.float32)
    for start in range(0, size, 100_000):
        part = rows[start : start + 100_000]
        part += centres[rng.integers(0, 200, len(part))]
    labelled = rng.standard_normal((100, WIDTH), dtype=np.float32)
    fields: dict[str, np.ndarray] = {
        "embeddings": rows,
        "labelled_embeddings": labelled,
        "pending_embeddings": labelled[:0],
    }
    read = strategy.needs | getattr(strategy, "wants", frozenset())
    if "mean_probs" in read:
        weights = rng.exponential(size=(size, CLASSES)).astype(np.float32)
        fields["mean_probs"] = weights / weights.sum(1, keepdims=True)
    if "draws" in strategy.needs:
        weights = rng.exponential(size=(size, MEMBERS, CLASSES)).astype(np.float32)
        fields["draws"] = weights / weights.sum(2, keepdims=True)
    candidates = al.Candidates(
        [str(row) for row in range(size)],
        rng.random(size),
        **{name: array for name, array in fields.items() if name in read},
    )
    few = candidates.take(np.arange(min(size, 500)))
    strategy.select(few, 3, rng=np.random.default_rng(0))  # imports and compilers
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    before = pages * resource.getpagesize() / 2**20
    start, start_cpu = time.perf_counter(), time.process_time()
    picks = strategy.select(candidates, batch, rng=np.random.default_rng(0))
    seconds, cpu = time.perf_counter() - start, time.process_time() - start_cpu
    assert len(set(picks)) == batch
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "extra_mb": max(0.0, peak - before),
        "peak_mb": peak,
        "picks": hashlib.blake2b(repr(picks).encode(), digest_size=8).hexdigest(),
    }


def measure(options: argparse.Namespace) -> None:
    """Append the points that `--out` lacks."""
    from altasks import __version__

    done = {}
    if options.out.exists():
        for line in options.out.read_text().splitlines():
            row = json.loads(line)
            done[row["strategy"], row["n"], row["how"], row["batch"], row["version"]] = row
    env = {**os.environ, "PYTHONPATH": str(ROOT)}
    for library in ("OMP", "OPENBLAS", "MKL"):
        env[f"{library}_NUM_THREADS"] = str(options.threads)
    for name in options.strategies:
        how, batch = POINTS[name]
        batch = min(batch, options.batch)
        for size in options.sizes:
            key = (name, size, how, batch, __version__)
            if key not in done:
                row = dict(zip(("strategy", "n", "how", "batch", "version"), key, strict=True))
                command = [sys.executable, __file__, "--point", how, str(size), str(batch)]
                try:
                    run = subprocess.run(
                        command,
                        capture_output=True,
                        text=True,
                        check=False,
                        env=env,
                        timeout=3 * options.limit + 60,  # on a busy machine
                    )
                    lines = [x for x in run.stdout.splitlines() if x.startswith("RESULT ")]
                    if lines:
                        row |= json.loads(lines[-1].removeprefix("RESULT "))
                    else:
                        row["failed"] = (
                            run.stderr.strip().splitlines() or [f"rc {run.returncode}"]
                        )[-1]
                except subprocess.TimeoutExpired:
                    row["failed"] = f"more than {options.limit:g} s"
                row |= {"d": WIDTH, "threads": options.threads}
                done[key] = row
                options.out.parent.mkdir(parents=True, exist_ok=True)
                with options.out.open("a") as file:
                    file.write(json.dumps(row) + "\n")
            row = done[key]
            taken = row.get("cpu_seconds", row.get("seconds", options.limit))
            shown = row.get("failed") or f"{taken:.2f} s, {row['extra_mb']:.0f} MB"
            print(name, f"{size:,}", shown, flush=True)
            if "failed" in row or taken > options.limit:
                break


def plot(options: argparse.Namespace) -> None:
    """Draw time and memory over the size of the pool."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    rows: dict[str, dict[int, dict]] = {}
    for line in options.out.read_text().splitlines():
        row = json.loads(line)
        if "failed" not in row:
            rows.setdefault(row["strategy"], {})[row["n"]] = row  # the newest counts
    figure, axes = plt.subplots(1, 2, figsize=(11, 5), sharex=True)
    styles = [(color, mark) for mark in "os^v" for color in plt.get_cmap("tab10").colors]
    for (name, points), (color, mark) in zip(sorted(rows.items()), styles, strict=False):
        sizes = sorted(points)
        label = f"{name} ({points[sizes[-1]]['batch']:,})"
        fields = (("cpu_seconds", "seconds"), ("extra_mb", "extra_mb"))
        for axis, (field, old) in zip(axes, fields, strict=True):
            values = [max(points[size].get(field, points[size][old]), 1e-3) for size in sizes]
            axis.loglog(sizes, values, color=color, marker=mark, label=label, lw=1.2, ms=4)
    axes[0].set_ylabel("seconds")
    axes[1].set_ylabel("MB beside the embeddings")
    for axis in axes:
        axis.set_xlabel("candidates, 128 numbers each")
        axis.grid(visible=True, which="major", alpha=0.3)
    axes[1].legend(title="strategy (batch)", fontsize=7, loc="center left", bbox_to_anchor=(1, 0.5))
    figure.tight_layout()
    options.plot.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(options.plot, dpi=110)
    kilobytes = options.plot.stat().st_size / 1000
    assert kilobytes < 300, f"{options.plot} takes {kilobytes:.0f} kB"
    print(f"{options.plot}: {kilobytes:.0f} kB")


def main() -> None:
    """Measure, then plot."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    results = ROOT / "docs" / "results"
    parser.add_argument("--out", type=Path, default=results / "strategies-growth.jsonl")
    parser.add_argument("--plot", type=Path, default=results / "strategies-growth.png")
    parser.add_argument("--plot-only", action="store_true")
    parser.add_argument("--strategies", nargs="*", choices=POINTS, default=list(POINTS))
    parser.add_argument("--sizes", nargs="*", type=int, default=list(SIZES))
    parser.add_argument("--batch", type=int, default=1_000, help="the largest batch")
    parser.add_argument("--limit", type=float, default=300, help="seconds a selection may take")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--point", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.point:
        how, size, batch = options.point
        print("RESULT " + json.dumps(point(how, int(size), int(batch))))
        return
    if not options.plot_only:
        measure(options)
    plot(options)


if __name__ == "__main__":
    sys.path.insert(0, str(ROOT))
    main()
