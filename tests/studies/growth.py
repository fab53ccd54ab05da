"""How time and memory grow with the pool: 10,000 to 1,000,000 x 128, each strategy.

    python tests/studies/growth.py                # measure what is missing, then plot
    python tests/studies/growth.py --plot-only

Each point runs in a process of its own and is appended to `--out` as a line of JSON at once, so an
interrupted run resumes where it was; a point is run again when the code version changes. A strategy
that passes `--limit` seconds at one size is not tried at a larger one. Memory is the peak of the
process less what it held before the call, so the embeddings are not in it.
"""

from __future__ import annotations

import argparse
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
    "top_k": ("TopK()", 1_000),
    "power": ("Power()", 1_000),
    "k_center": ("KCenter()", 1_000),
    "badge": ("Badge()", 1_000),
    "batch_bald": ("BatchBALD()", 5),
    "cluster_margin": ("ClusterMargin()", 100),
    "typiclust": ("TypiClust()", 100),
    "prob_cover": ("ProbCover(delta=12.0)", 100),
    "density_weighted": ("DensityWeighted()", 1_000),
    "facility_location": ("FacilityLocation()", 100),
    "max_herding": ("MaxHerding()", 100),
    "uncertainty_herding": ("UncertaintyHerding(1.0, 0.5)", 100),
    "lcmd": ("LCMD()", 100),
    "max_det": ("MaxDet()", 100),
    "k_dpp": ("KDPP()", 100),
    "hybrid": ("Hybrid(KCenter(), beta=10)", 1_000),
    "subsampled": ("Subsampled(KCenter(), 50_000)", 1_000),
}


def point(expression: str, size: int, batch: int) -> dict:
    """Measure one point in this process."""
    import altasks as al

    strategy = eval(expression, {name: getattr(al, name) for name in al.__all__})
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
    start_time = time.perf_counter()
    picks = strategy.select(candidates, batch, rng=np.random.default_rng(0))
    seconds = time.perf_counter() - start_time
    assert len(set(picks)) == batch
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "extra_mb": max(0.0, peak - before), "peak_mb": peak}


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
                        timeout=options.limit + 60,
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
            print(name, f"{size:,}", row.get("failed") or f"{row['seconds']:.2f} s", flush=True)
            if "failed" in row or row["seconds"] > options.limit:
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
    styles = [(color, mark) for mark in "os^" for color in plt.get_cmap("tab10").colors[:6]]
    for (name, points), (color, mark) in zip(sorted(rows.items()), styles, strict=False):
        sizes = sorted(points)
        label = f"{name} ({points[sizes[-1]]['batch']:,})"
        for axis, field in zip(axes, ("seconds", "extra_mb"), strict=True):
            values = [max(points[size][field], 1e-3) for size in sizes]
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
