"""Scoring photographs of 12 megapixels with a YOLO nano at 320 px: reading is nearly all of it.

    python tests/benchmarks/bench_photographs.py --before aa85c86
    python tests/benchmarks/bench_photographs.py --images 40 --repeats 1

The JPEG files are made in the run (4,000 x 3,000 pixels, four digits big enough to be found, sensor
noise). Three ways take turns, each in a process of its own on the same two cores, and the fastest
run of each counts: `al.score` as it is here, `al.score` of an earlier commit (`--before`, in a
worktree that goes away), and `YOLO.predict` alone, which streams without drawing or saving. What
is imported, the model and one warm batch are not in the times. The boxes of the three are compared;
reads are counted by the pool; memory is the peak with a quarter of the files and with all.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

ROOT = Path(__file__).resolve().parents[2]
SIZE = (4000, 3000)
#: So many are made; the others are copies, which are read and decoded like any file.
DISTINCT = 24


def write_photographs(folder: Path, count: int, seed: int = 0) -> None:
    """Write JPEG files of about 4 MB: digits on a ground that is not flat, with noise."""
    from PIL import Image

    from altasks.data.samples.digit_canvases import digit_canvases

    made = digit_canvases(min(count, DISTINCT), seed=seed, size=320, most=4).images
    rng = np.random.default_rng(seed)
    noise = rng.normal(0, 6, (SIZE[1], SIZE[0], 1)).astype(np.float32)
    for i in range(min(count, DISTINCT)):
        picture = Image.fromarray(made[str(i % len(made))]).convert("RGB").resize(SIZE, 3)
        array = np.asarray(picture, np.float32) * 0.8 + 20 + np.roll(noise, 97 * i, 0)
        photograph = Image.fromarray(np.clip(array, 0, 255).astype(np.uint8))
        photograph.save(folder / f"{i:04d}.jpg", quality=90)
    for i in range(DISTINCT, count):
        shutil.copy(folder / f"{i % DISTINCT:04d}.jpg", folder / f"{i:04d}.jpg")


class CountingPool:
    """Paths, and how often each was asked for."""

    def __init__(self, files: list[Path]) -> None:
        self.files = files
        self.reads = [0] * len(files)

    def __len__(self) -> int:
        return len(self.files)

    def __getitem__(self, row: int) -> Path:
        self.reads[row] += 1
        return self.files[row]


def ours(files: list[Path], weights: Path, batch: int) -> dict[str, Any]:
    import altasks as al

    task = al.ObjectDetection(str(weights), imgsz=320, batch_size=batch)
    options = {"acquisition_options": {"power": 2, "reduce": "sum"}, "progress": False}
    al.score(task, files[:batch], "margin", batch_size=batch, **options)
    pool = CountingPool(files)
    began, busy = time.perf_counter(), time.process_time()
    scores = al.score(task, al.as_pool(files), "margin", batch_size=batch, **options)
    seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    counted = al.score(task, pool, "margin", batch_size=batch, **options)
    assert np.array_equal(counted.values, scores.values)
    found = task.predict(files[:batch])
    return {
        "seconds": seconds,
        "cpu": cpu,
        "peak": peak,
        "reads": max(pool.reads),
        "scores": scores.values.tolist(),
        "boxes": np.asarray(found.fields["boxes"]).tolist(),
    }


def theirs(files: list[Path], weights: Path, batch: int) -> dict[str, Any]:
    from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load

    with isolated_ultralytics():
        model = load().YOLO(str(weights))
        options = {
            "stream": True, "batch": batch, "imgsz": 320, "conf": 0.05, "verbose": False,
            "save": False, "end2end": False,
        }  # fmt: skip
        first = [*model.predict([str(one) for one in files[:batch]], **options)]
        boxes = [row for one in first for row in one.boxes.xyxy.tolist()]
        began, busy = time.perf_counter(), time.process_time()
        for _ in model.predict([str(one) for one in files], **options):
            pass
        seconds, cpu = time.perf_counter() - began, time.process_time() - busy
    return {"seconds": seconds, "cpu": cpu, "boxes": boxes}


def run(way: str, root: Path, files: Path, weights: Path, args: argparse.Namespace) -> Any:
    """Run one way in a process of its own, on the code in `root`."""
    command = [sys.executable, __file__, "--way", way, str(files), str(weights)]
    command += ["--images", str(args.images), "--batch", str(args.batch)]
    done = subprocess.run(
        [*command, "--threads", str(args.threads)],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def make_model(folder: Path, weights: Path) -> None:
    """Save a nano whose drawn head finds a few boxes in most photographs."""
    import torch

    sys.path.insert(0, str(ROOT / "tests" / "benchmarks"))
    from bench_detection import detector

    from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics

    small = folder / "small"
    small.mkdir()
    from PIL import Image

    for path in sorted(folder.glob("*.jpg"))[:16]:
        Image.open(path).resize((320, 240), 2).save(small / f"{path.stem}.png")
    model = detector(small, 0.05)
    with isolated_ultralytics(), torch.no_grad():
        model.ckpt = {"train_args": {"imgsz": 320}}
        model.save(weights)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=2)
    parser.add_argument("--threads", type=int, default=2, help="of torch, in every way alike")
    parser.add_argument("--before", help="a commit, or the folder of a checkout")
    parser.add_argument("--way", nargs=3, help="(used by itself)")
    args = parser.parse_args()
    if args.way:
        import cv2
        import torch

        torch.set_num_threads(args.threads)
        cv2.setNumThreads(0)  # as Ultralytics sets it, for all
        way, folder, weights = args.way
        files = sorted(Path(folder).glob("*.jpg"))[: args.images]
        function = theirs if way == "YOLO.predict" else ours
        print(json.dumps(function(files, Path(weights), args.batch)))
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_photographs(folder, args.images)
        weights = folder / "nano.pt"
        make_model(folder, weights)
        roots = {"altasks": ROOT, "YOLO.predict": ROOT}
        if args.before:
            before = Path(args.before)
            if not before.is_dir():
                before = folder / "before"
                command = ["git", "-C", str(ROOT), "worktree", "add", "--detach", str(before)]
                subprocess.run([*command, args.before], check=True, capture_output=True)
            roots["before"] = before
        best: dict[str, Any] = {}
        try:
            for _ in range(args.repeats):
                for way, root in roots.items():
                    made = run(way, root, folder, weights, args)
                    if way not in best or made["seconds"] < best[way]["seconds"]:
                        best[way] = made
            few = argparse.Namespace(**{**vars(args), "images": max(32, args.images // 4)})
            small = run("altasks", ROOT, folder, weights, few)["peak"]
        finally:
            if args.before and not Path(args.before).is_dir():
                command = ["git", "-C", str(ROOT), "worktree", "remove", "--force"]
                subprocess.run([*command, str(roots["before"])], check=False)
    mine = best["altasks"]
    print(f"{args.images} photographs of 12 megapixels, {args.threads} threads of torch")
    for way, made in best.items():
        print(f"{way:13} {made['seconds']:7.2f} s, {made['cpu']:7.2f} s of the processors")
    print(f"of YOLO.predict {mine['seconds'] / best['YOLO.predict']['seconds']:.3f} (at most 0.75)")
    apart = difference(mine["boxes"], best["YOLO.predict"]["boxes"])
    print(f"boxes of the first batch: {len(mine['boxes'])}, {apart} from YOLO.predict's")
    if "before" in best:
        was = best["before"]
        print(f"of the time before {mine['seconds'] / was['seconds']:.3f} (at most 0.65)")
        print(f"boxes {difference(mine['boxes'], was['boxes'])} from those before; scores equal:"
              f" {mine['scores'] == was['scores']}")  # fmt: skip
    print(f"each sample was read {mine['reads']} time(s)")
    print(f"peak memory {small:.0f} MiB with a quarter of the files, {mine['peak']:.0f} with all")


def difference(one: list[Any], other: list[Any]) -> str:
    """Return how far boxes lie apart, at most, in pixels of the photograph."""
    if len(one) != len(other):
        return f"{len(other)} others, another number"
    first, second = (np.sort(np.asarray(boxes), axis=0) for boxes in (one, other))
    return f"{np.abs(first - second).max(initial=0.0):.2g} pixels"


if __name__ == "__main__":
    main()
