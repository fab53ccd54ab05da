"""How fast are the acquisition functions, against the plain expression and the peers?

Run `python tests/benchmarks/bench_acquisition.py`; every line is a ratio with its target. What is
compared is measured in turns, so that a busy machine disturbs both; memory is measured in a process
of its own. batchbald_redux is in the dependency group `reference`; without it, its line says so.
"""

from __future__ import annotations

import argparse
import ctypes
import importlib.util
import itertools
import math
import random
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

import altasks as al

N, K, C = 20_000, 20, 20


def committee() -> torch.Tensor:
    logits = 2 * torch.randn(N, K, C, generator=torch.Generator().manual_seed(0))
    return torch.softmax(logits, -1)


def plain_xlogy(probs: torch.Tensor) -> torch.Tensor:
    mean = probs.mean(1)
    return torch.xlogy(probs, probs).sum(-1).mean(1) - torch.xlogy(mean, mean).sum(-1)


def plain_entr(probs: torch.Tensor) -> torch.Tensor:
    entr = torch.special.entr
    return entr(probs.mean(1)).sum(-1) - entr(probs).sum(-1).mean(1)


def plain_log(probs: torch.Tensor) -> torch.Tensor:
    """Return BALD where no probability is 0; the fastest way to write it, at times."""
    mean = probs.mean(1)
    return (probs * probs.log()).sum(-1).mean(1) - (mean * mean.log()).sum(-1)


PLAIN: list[Callable[[torch.Tensor], torch.Tensor]] = [plain_xlogy, plain_entr, plain_log]


def in_turns(functions: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the median seconds of each, one call of each at a time."""
    taken: dict[str, list[float]] = {name: [] for name in functions}
    for round_ in range(repeats + 1):
        for name, function in functions.items():
            start = time.perf_counter()
            function()
            if round_:  # the first fills caches
                taken[name].append(time.perf_counter() - start)
    return {name: statistics.median(values) for name, values in taken.items()}


def line(what: str, value: float, target: str, detail: str = "", unit: str = "") -> None:
    print(f"{what:<58} {value:>9.2f}{unit:<3} {target:<10} {detail}", flush=True)


def bench_bald(repeats: int) -> None:
    probs = committee()
    prediction = al.Categorical(probs)
    for function in PLAIN:
        torch.testing.assert_close(al.bald(prediction), function(probs), rtol=1e-4, atol=1e-5)
    taken = in_turns(
        {
            "bald": lambda: al.bald(prediction),
            "construction": lambda: al.Categorical(probs),
            **{function.__name__: lambda f=function: f(probs) for function in PLAIN},  # type: ignore[misc]
        },
        repeats,
    )
    bald = taken["bald"]
    fastest = min((function.__name__ for function in PLAIN), key=taken.__getitem__)
    line("bald [20000, 20, 20] float32", 1e3 * bald, "", unit=" ms")
    detail = f"fastest of {len(PLAIN)}: {fastest}, {1e3 * taken[fastest]:.1f} ms"
    line("  bald / plain torch expression", bald / taken[fastest], "<= 1.2", detail)
    detail = f"{1e3 * taken['construction']:.1f} ms"
    line("  construction / bald", taken["construction"] / bald, "<= 0.5", detail)
    if importlib.util.find_spec("batchbald_redux") is None:
        print("  batchbald_redux is not installed (dependency group `reference`): not compared")
    else:
        bench_redux(probs, bald)
    for how in ("bald", "plain"):
        share = memory(how)
        target = "<= 0.25" if how == "bald" else ""
        line(f"  peak extra memory / input, {how}", share, target, f"{share * 32:.1f} of 32 MB")


def bench_redux(probs: torch.Tensor, bald: float) -> None:
    from batchbald_redux import batchbald

    def entropies(rows: torch.Tensor) -> torch.Tensor:
        logs = rows.log()
        return batchbald.compute_entropy(logs) - batchbald.compute_conditional_entropy(logs)

    start = time.perf_counter()
    entropies(probs)
    taken = time.perf_counter() - start
    line("  batchbald_redux, the two entropies / bald", taken / bald, "", f"{taken:.2f} s")
    start = time.perf_counter()
    batchbald.get_batchbald_batch(probs.log(), 1, 1000)
    taken = time.perf_counter() - start
    line("  batchbald_redux, a batch of one / bald", taken / bald, ">= 100", f"{taken:.2f} s")


def memory(how: str) -> float:
    """Return the peak extra memory as a share of the input, measured in a new process."""
    command = [sys.executable, __file__, "--memory", how, "--threads", str(torch.get_num_threads())]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def measure_memory(how: str) -> None:
    """Print the rise of the resident set above what was there just before; Linux only."""
    prediction = al.Categorical(committee())
    run = al.bald if how == "bald" else lambda given: plain_entr(given.probs)
    run(prediction[:10])  # code is loaded; too little to leave free memory behind
    ctypes.CDLL(None).malloc_trim(0)  # what was freed goes back, or it would be used unseen
    Path("/proc/self/clear_refs").write_text("5")  # forget the peak until now
    before = _resident("VmRSS")
    run(prediction)
    print((_resident("VmHWM") - before) / prediction.probs.nbytes)


def _resident(field: str) -> int:
    for row in Path("/proc/self/status").read_text().splitlines():
        if row.startswith(field):
            return 1024 * int(row.split()[1])
    raise RuntimeError(f"/proc/self/status has no {field}")


def bench_functions(repeats: int) -> None:
    prediction = al.Categorical(committee())
    names = ["least_confidence", "margin", "entropy", "mnlp"]
    names += ["variation_ratio", "vote_entropy", "consensus_kl"]
    functions = {name: getattr(al, name) for name in names}
    calls = {name: (lambda f=f: f(prediction)) for name, f in functions.items()}
    reading = in_turns({"sum": lambda: prediction.probs.sum(1), **calls}, repeats)
    for name in names:
        detail = f"{1e3 * reading[name]:.1f} ms"
        line(f"{name} / one sum over the input", reading[name] / reading["sum"], "", detail)


def bench_map(repeats: int) -> None:
    """A segmentation map viewed as pixels against the same pixels laid side by side."""
    logits = torch.randn(5, 21, 512, 512, generator=torch.Generator().manual_seed(0))
    pixels = torch.softmax(logits, 1).flatten(2).permute(2, 0, 1)  # M x K x C
    view, copy = al.Categorical(pixels), al.Categorical(pixels.contiguous())
    taken = in_turns(
        {
            "view": lambda: al.bald(view),
            "copy": lambda: al.bald(copy),
            "copying": pixels.contiguous,
            "checking": lambda: al.Categorical(pixels),
            "plain": lambda: plain_entr(pixels),
        },
        max(3, repeats // 3),
    )
    detail = f"{1e3 * taken['view']:.0f} ms"
    line("bald of 512 x 512 pixels, view / contiguous", taken["view"] / taken["copy"], "", detail)
    line("  view / plain torch expression on the view", taken["view"] / taken["plain"], "")
    line("  copying alone / view", taken["copying"] / taken["view"], "")
    line("  construction / bald, view", taken["checking"] / taken["view"], "<= 0.5")


def bench_ragged(repeats: int) -> None:
    lengths = torch.randint(0, 60, (50_000,), generator=torch.Generator().manual_seed(0))
    words = int(lengths.sum())
    probs = torch.rand(words, 1, 9, generator=torch.Generator().manual_seed(1))
    units = al.Categorical(probs / probs.sum(-1, keepdim=True))
    sentences = al.Ragged(units, lengths)
    calls: dict[str, Callable[[], object]] = {"units": lambda: al.entropy(units)}
    for reduce in ("mean", "max", "top_k"):
        calls[reduce] = lambda reduce=reduce: al.entropy(sentences, reduce=reduce)  # type: ignore[misc]
    taken = in_turns(calls, repeats)
    for reduce in ("mean", "max", "top_k"):
        detail = f"{words} words of 50000 sentences, {1e3 * taken[reduce]:.0f} ms"
        line(f"entropy, {reduce} / unit scores alone", taken[reduce] / taken["units"], "", detail)


def bench_small(repeats: int) -> None:
    prediction = al.Categorical(committee()[:32])
    calls = 200

    def many() -> None:
        for _ in range(calls):
            al.bald(prediction)

    taken = in_turns({"many": many}, repeats)["many"] / calls
    line("bald of a batch of 32", 1e6 * taken, "", unit=" us")


def bench_edit(repeats: int) -> None:
    from rapidfuzz.distance import Levenshtein
    from rapidfuzz.process import cpdist

    rng = random.Random(0)
    letters = "abcdefghijklmnopqrstuvwxyz "
    rows = []
    for _ in range(100_000):
        base = rng.choices(letters, k=60)
        row = []
        for _ in range(5):
            text = list(base)
            for _ in range(rng.randrange(4)):
                text[rng.randrange(60)] = rng.choice(letters)
            row.append("".join(text))
        rows.append(row)
    lines = al.Transcripts(rows)
    pairs = math.comb(5, 2)

    def by_hand() -> np.ndarray:
        left = [row[i] for row in rows for i, j in itertools.combinations(range(5), 2)]
        right = [row[j] for row in rows for i, j in itertools.combinations(range(5), 2)]
        workers = torch.get_num_threads()
        scorer = Levenshtein.normalized_distance
        return cpdist(left, right, scorer=scorer, workers=workers).reshape(-1, pairs).mean(1)

    torch.testing.assert_close(
        al.edit_disagreement(lines), torch.from_numpy(by_hand()), rtol=1e-5, atol=1e-6
    )
    taken = in_turns(
        {"ours": lambda: al.edit_disagreement(lines), "hand": by_hand}, max(3, repeats // 3)
    )
    what = "edit_disagreement, 100000 lines x 5 readings x 60"
    line(what, taken["ours"], "<= 1.5 s", unit=" s")
    line("  / cpdist by hand", taken["ours"] / taken["hand"], "", f"{taken['hand']:.2f} s")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--threads", type=int, default=1, help="torch's threads (default 1)")
    parser.add_argument("--memory", choices=("bald", "plain"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    if options.memory:
        measure_memory(options.memory)
        return
    print(f"torch {torch.__version__}, {options.threads} threads, median of {options.repeats}")
    print(f"{'':<58} {'ratio':>9}    target")
    bench_bald(options.repeats)
    bench_functions(options.repeats)
    bench_small(options.repeats)
    bench_map(options.repeats)
    bench_ragged(options.repeats)
    bench_edit(options.repeats)


if __name__ == "__main__":
    main()
