"""What altasks makes of a GPU: one command, one table, in under five minutes from a bare machine.

    python tests/benchmarks/bench_gpu.py                        # on the GPU there is
    python tests/benchmarks/bench_gpu.py --device cpu --tiny    # only shows that it works

Every row has the seconds of altasks, those of the plain torch expression of the same thing on the
same device (for YOLO: `YOLO.predict` on the same files), and how near ours is to what the device
allows: for what reads memory, the share of the bandwidth that a copy reaches while the input is
read once; for what runs a network, how many of its plain forward passes it takes. Timed is the
median of a few repetitions after one that warms up, with the device idle before and after.

It needs torch and altasks' core alone, no checkpoint and no network: models are built from their
configurations with drawn weights. Rows whose library isn't installed (transformers, ultralytics,
segmentation-models-pytorch) say so, and so does a row that fails. `--json` appends the rows to a
file.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE.parents[1]), str(HERE)]  # a bare machine has no altasks installed

import numpy as np  # noqa: E402
import torch  # noqa: E402

import altasks as al  # noqa: E402


class Row(NamedTuple):
    """A line of the table; seconds."""

    what: str
    setting: str
    ours: float
    plain: float
    share: str


class Bench:
    """The device, and how things are timed on it."""

    def __init__(self, device: str, tiny: bool, repeats: int) -> None:
        self.device = torch.device(device)
        self.tiny = tiny
        self.repeats = 1 if tiny else repeats
        self.bandwidth = self._bandwidth()

    def pick(self, full: int, tiny: int) -> int:
        """Return a size."""
        return tiny if self.tiny else full

    def wait(self) -> None:
        """Wait until the device has nothing left to do."""
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)

    def seconds(self, run: Callable[[], object], repeats: int | None = None) -> float:
        """Return the median seconds of some runs, after one that isn't counted."""
        times = []
        for turn in range(1 + (repeats or self.repeats)):
            self.wait()
            start = time.perf_counter()
            run()
            self.wait()
            if turn:
                times.append(time.perf_counter() - start)
        return statistics.median(times)

    def _bandwidth(self) -> float:
        """Return the bytes a second that a copy on the device reads and writes."""
        source = torch.ones(self.pick(2**28, 2**22), device=self.device)  # float32
        target = torch.empty_like(source)
        return 2 * source.nbytes / self.seconds(lambda: target.copy_(source), 5)

    def of_bandwidth(self, read: int, seconds: float) -> str:
        """Return the share of the bandwidth at which so many bytes were read."""
        return f"{read / seconds / self.bandwidth:.0%} of the bandwidth, input read once"


def bald(bench: Bench) -> Iterator[Row]:
    """BALD of probabilities that lie on the device."""
    n, members, classes = bench.pick(500_000, 2_000), 20, 20
    logits = 2 * torch.randn(n, members, classes, device=bench.device)
    probs = torch.softmax(logits, -1)
    del logits
    prediction = al.Categorical(probs)

    def plain() -> torch.Tensor:
        mean = probs.mean(1)
        return torch.xlogy(probs, probs).sum(-1).mean(1) - torch.xlogy(mean, mean).sum(-1)

    torch.testing.assert_close(
        al.bald(prediction).float(), plain(), rtol=1e-3, atol=1e-5, check_device=False
    )
    ours = bench.seconds(lambda: al.bald(prediction))
    setting = f"[{n:,}, {members}, {classes}] float32"
    yield Row("BALD", setting, ours, bench.seconds(plain), bench.of_bandwidth(probs.nbytes, ours))


def dropout(bench: Bench) -> Iterator[Row]:
    """MC dropout of a sentence encoder of MiniLM's size."""
    from transformers import BertConfig, BertForSequenceClassification

    from altasks.committees import Network

    width = bench.pick(384, 32)
    model = BertForSequenceClassification(
        BertConfig(
            hidden_size=width,
            intermediate_size=4 * width,
            num_hidden_layers=bench.pick(6, 2),
            num_attention_heads=bench.pick(12, 2),
            num_labels=77,
        )
    )
    model = model.to(bench.device).eval()
    sentences, words, passes = bench.pick(2_048, 32), 24, bench.pick(20, 3)
    tokens = torch.randint(0, 30_000, (sentences, words), device=bench.device)
    batches = list(tokens.split(64))
    network = Network(model, lambda batch: model(input_ids=batch).logits, model.classifier, 77)

    def one_pass() -> None:
        with torch.no_grad():
            for batch in batches:
                model(input_ids=batch)

    def all_plain() -> torch.Tensor:
        model.train()
        with torch.no_grad():
            found = [
                torch.stack([model(input_ids=batch).logits for _ in range(passes)], 1)
                for batch in batches
            ]
        model.eval()
        return torch.cat(found)

    def head_plain() -> torch.Tensor:
        found = []
        masks = torch.rand(passes, 1, width, device=bench.device) >= 0.1
        with torch.no_grad():
            for batch in batches:
                pooled = model.bert(input_ids=batch).pooler_output
                found.append(model.classifier(pooled * masks / 0.9))
        return torch.cat(found, 1)

    one = bench.seconds(one_pass)
    setting = f"{sentences:,} x {words} tokens, K = {passes}"
    for layers, plain, floor in (("head", head_plain, 1), ("all", all_plain, passes)):
        committee = al.MCDropout(passes, layers=layers)

        def draw(committee: Any = committee) -> None:
            committee.draw(network, batches)

        ours = bench.seconds(draw)
        share = f"{ours / one:.2f} forward passes, at least {floor}"
        yield Row(f"MC dropout, {layers}", setting, ours, bench.seconds(plain), share)


def with_and_without_reading_ahead(task: Any, pool: Any, **options: Any) -> Iterator[Any]:
    """Yield (what to add to the row's name, a call that scores the pool)."""
    ways: list[tuple[str, dict[str, Any]]] = [
        (", reading ahead", {}),
        (", not reading ahead", {"workers": 0}),
    ]
    for name, way in ways:
        yield name, lambda way=way: al.score(task, pool, progress=False, **options, **way)


def boxes(bench: Bench) -> Iterator[Row]:
    """A folder of images through a YOLO nano, beside `YOLO.predict`."""
    import bench_detection

    images, batch = bench.pick(400, 8), 16
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bench_detection.write_images(folder, images)
        model = bench_detection.detector(folder, 0.05)
        task = al.ObjectDetection(
            model, imgsz=320, conf=0.05, batch_size=batch, device=bench.device
        )
        net, inputs = model.model.to(bench.device), torch.rand(batch, 3, 320, 320)
        inputs = inputs.to(bench.device)

        def passes() -> None:
            with torch.no_grad():
                for _ in range(-(-images // batch)):
                    net(inputs)

        def plain() -> None:
            from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics

            options = {"imgsz": 320, "conf": 0.05, "verbose": False, "save": False}
            where = bench.device.type if bench.device.index is None else str(bench.device)
            with isolated_ultralytics():
                found = model.predict(
                    str(folder), stream=True, batch=batch, device=where, **options
                )
                for _ in found:
                    pass

        theirs, one = bench.seconds(plain, 2), bench.seconds(passes, 2)
        pool = al.as_pool(folder, suffixes=[".png"])
        options = {"acquisition": "margin", "acquisition_options": {"power": 2, "reduce": "sum"}}
        for added, run in with_and_without_reading_ahead(task, pool, batch_size=batch, **options):
            ours = bench.seconds(run, 2)
            share = f"{ours / one:.2f} times the network alone"
            yield Row(f"YOLO nano, a folder{added}", f"{images} PNG of 320 px", ours, theirs, share)


def masks(bench: Bench) -> Iterator[Row]:
    """Segmentation by stage disagreement, beside one plain pass of the same model."""
    import bench_segmentation

    images, side, classes = bench.pick(64, 2), bench.pick(512, 64), 21
    task = bench_segmentation.make(classes, device=bench.device)
    pool = [
        np.random.default_rng(place).integers(0, 256, (side, side, 3), np.uint8)
        for place in range(images)
    ]
    window = task.normalise(pool[0])[None].to(bench.device)

    def plain() -> None:
        with torch.no_grad():
            for _ in range(images):
                torch.softmax(task.model.model(window), 1).cpu()

    def passes() -> None:
        with torch.no_grad():
            for _ in range(images):
                task.model.model(window)

    theirs, one = bench.seconds(plain, 2), bench.seconds(passes, 2)
    for added, run in with_and_without_reading_ahead(task, pool, acquisition="bald", batch_size=4):
        ours = bench.seconds(run, 2)
        share = f"{ours / one:.2f} times the network alone"
        setting = f"{images} x {side} px, {classes} classes"
        yield Row(f"segmentation, stages{added}", setting, ours, theirs, share)


def batches_of_a_pool(bench: Bench) -> Iterator[Row]:
    """KCenter and UncertaintyHerding on embeddings that lie on the device."""
    n, width, batch = bench.pick(1_000_000, 3_000), 128, bench.pick(100, 5)
    rows = torch.randn(n, width, device=bench.device)
    rows += torch.randn(200, width, device=bench.device)[
        torch.randint(0, 200, (n,), device=bench.device)
    ]
    probs = torch.rand(n, 10, device=bench.device).log().neg()
    probs /= probs.sum(1, keepdim=True)
    none = rows[:0]
    candidates = al.Candidates(
        [str(row) for row in range(n)],
        np.zeros(n),
        embeddings=rows,
        mean_probs=probs,
        labelled_embeddings=rows[:100] + 0.1,
        pending_embeddings=none,
    )

    def centres() -> list[int]:
        square, picks = rows.square().sum(1), []
        near = torch.cdist(rows, rows[:100] + 0.1).amin(1).square()
        for _ in range(batch):
            picks.append(int(near.argmax()))
            pick = rows[picks[-1]]
            near = torch.minimum(near, square - 2 * (rows @ pick) + pick @ pick)
        return picks

    sample = min(4_000, n)

    def herding() -> list[int]:
        unit = torch.nn.functional.normalize(rows)
        looked = unit[:250_000]
        best = probs.topk(2, 1).values
        weights = (1 - (best[:, 0] - best[:, 1]))[:sample]
        target = unit[:sample]
        covered, picks = torch.zeros(sample, device=bench.device), []
        for _ in range(batch):
            gains = torch.cat(
                [
                    (torch.exp(8 * (part @ target.T) - 8) - covered).clamp_min(0) @ weights
                    for part in looked.split(2**16)
                ]
            )
            picks.append(int(gains.argmax()))
            covered = torch.maximum(covered, torch.exp(8 * (target @ looked[picks[-1]]) - 8))
        return picks

    setting = f"{n:,} x {width} float32, batch {batch}"
    for name, strategy, plain in (
        ("KCenter", al.KCenter(), centres),
        ("UncertaintyHerding", al.UncertaintyHerding(1.0, 0.5), herding),
    ):

        def select(strategy: Any = strategy) -> None:
            strategy.select(candidates, batch, rng=np.random.default_rng(0))

        ours = bench.seconds(select, 2)
        yield Row(
            name, setting, ours, bench.seconds(plain, 2), bench.of_bandwidth(rows.nbytes, ours)
        )


PARTS = {
    "bald": bald,
    "dropout": dropout,
    "boxes": boxes,
    "masks": masks,
    "strategies": batches_of_a_pool,
}


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--tiny", action="store_true", help="only show that it works")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--only", nargs="*", choices=PARTS, default=list(PARTS))
    parser.add_argument("--json", type=Path, help="append the rows to this file, as JSON lines")
    options = parser.parse_args()
    if options.device.startswith("cuda") and not torch.cuda.is_available():
        raise SystemExit("There is no GPU that torch can use; try --device cpu --tiny.")
    began = time.perf_counter()
    torch.manual_seed(0)
    bench = Bench(options.device, options.tiny, options.repeats)
    name = "CPU"
    if bench.device.type == "cuda":
        name = torch.cuda.get_device_name(bench.device)
    print(f"{name}, torch {torch.__version__}, a copy moves {bench.bandwidth / 1e9:,.0f} GB/s\n")
    print("| what | setting | altasks, s | plain, s | plain / altasks | near the floor |")
    print("|---|---|---|---|---|---|")
    failed: list[str] = []
    for part in options.only:
        try:
            for row in PARTS[part](bench):
                print(
                    f"| {row.what} | {row.setting} | {row.ours:.4f} | {row.plain:.4f} |"
                    f" {row.plain / row.ours:.2f} | {row.share} |",
                    flush=True,
                )
                if options.json:
                    kept = {"device": name, "tiny": options.tiny, **row._asdict()}
                    with options.json.open("a", encoding="utf-8") as file:
                        file.write(json.dumps(kept) + "\n")
        except ImportError as error:
            print(f"| {part} | left out: {str(error).splitlines()[0]} | | | | |", flush=True)
        except Exception as error:  # the other parts are worth having
            failed.append(part)
            print(f"| {part} | failed: {type(error).__name__}: {str(error)[:200]} | | | | |")
        if bench.device.type == "cuda":
            torch.cuda.empty_cache()
    print(f"\n{time.perf_counter() - began:.0f} s in all")
    if failed:
        raise SystemExit(f"failed: {', '.join(failed)}")


if __name__ == "__main__":
    main()
