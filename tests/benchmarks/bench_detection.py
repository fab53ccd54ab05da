"""Scoring a folder of images beside `YOLO.predict` alone: how much longer, how much more memory?

    python tests/benchmarks/bench_detection.py
    python tests/benchmarks/bench_detection.py --images 100 --repeats 1

Both read the same PNG files of 320 px, with the same nano model (drawn weights whose head finds a
few boxes an image), batch, floor of confidence and thread; runs take turns, and the fastest of each
counts. `YOLO.predict` streams, without drawing or saving. The memory of `al.score` is the growth
of the process's peak from a quarter of the images to all of them, in a process of its own.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_images(folder: Path, count: int) -> None:
    from PIL import Image

    from altasks.data.samples.digit_canvases import digit_canvases

    made = digit_canvases(min(count, 50), seed=0, size=320, most=6)
    for i in range(count):
        image = Image.fromarray(made.images[str(i % len(made.images))])
        image.save(folder / f"{i:04d}.png", compress_level=1)


def detector(folder: Path, conf: float):
    """Return a YOLOv8 nano, its head drawn, that finds a few boxes in most images."""
    import torch

    import altasks as al
    from altasks._internal.random import isolated
    from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load

    task = al.ObjectDetection("yolov8n.yaml", labels=[str(i) for i in range(5)])
    net = task.model
    with isolated_ultralytics():
        model = load().YOLO("yolov8n.yaml")
    net.task, net.args, net.pt_path = "detect", {"imgsz": 320}, "drawn.pt"
    with isolated(0), torch.no_grad():
        for level in net.model[-1].cv3:
            level[-1].weight.normal_(0, 1.0)
    model.model = net
    some = sorted(folder.iterdir())[:16]
    low, high = -40.0, 4.0  # of the biases that find too little and too much
    while high - low > 0.005:
        bias = (low + high) / 2
        for level in net.model[-1].cv3:
            level[-1].bias.data.fill_(bias)
        found = al.ObjectDetection(model, imgsz=320, conf=conf).predict(some)
        few = len(found.fields["boxes"]) < 3 * len(some)
        low, high = (bias, high) if few else (low, bias)
    for level in net.model[-1].cv3:
        level[-1].bias.data.fill_(high)
    return model


def ours(task, folder: Path, batch: int) -> tuple[float, float]:
    import altasks as al

    began = time.perf_counter()
    pool = al.as_pool(folder, suffixes=[".png"])
    options = {"power": 2, "reduce": "sum"}
    scores = al.score(
        task, pool, "margin", batch_size=batch, acquisition_options=options, progress=False
    )
    return time.perf_counter() - began, float(scores.values.sum())


def theirs(model, folder: Path, batch: int, conf: float) -> tuple[float, int]:
    from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics

    began = time.perf_counter()
    boxes = 0
    with isolated_ultralytics():
        for result in model.predict(
            str(folder), stream=True, batch=batch, imgsz=320, conf=conf, verbose=False, save=False
        ):
            boxes += len(result.boxes)
    return time.perf_counter() - began, boxes


def peak_of(folder: Path, batch: int, conf: float) -> dict[str, float]:
    """Score a folder in a process of its own and return its peak memory in MiB."""
    command = [sys.executable, __file__, "--peak", str(folder), "--batch", str(batch)]
    done = subprocess.run(
        [*command, "--conf", str(conf)], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--images", type=int, default=500)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--conf", type=float, default=0.05)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--peak", type=Path, help="(used by itself)")
    args = parser.parse_args()
    import cv2
    import torch

    import altasks as al

    torch.set_num_threads(args.threads)
    cv2.setNumThreads(0)  # as Ultralytics sets it, for both
    if args.peak is not None:
        model = detector(args.peak, args.conf)
        task = al.ObjectDetection(model, imgsz=320, conf=args.conf, batch_size=args.batch)
        ours(task, args.peak, args.batch)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        print(json.dumps({"peak": peak}))
        return
    with tempfile.TemporaryDirectory() as name:
        whole, part = Path(name, "whole"), Path(name, "part")
        for folder, count in ((whole, args.images), (part, max(args.batch * 2, args.images // 4))):
            folder.mkdir()
            write_images(folder, count)
        model = detector(part, args.conf)
        task = al.ObjectDetection(model, imgsz=320, conf=args.conf, batch_size=args.batch)
        ours(task, part, args.batch)  # everything is imported and warm
        theirs(model, part, args.batch, args.conf)
        times: dict[str, list[float]] = {"altasks": [], "YOLO.predict": []}
        for _ in range(args.repeats):
            taken, boxes = theirs(model, whole, args.batch, args.conf)
            times["YOLO.predict"].append(taken)
            times["altasks"].append(ours(task, whole, args.batch)[0])
        small, large = (peak_of(folder, args.batch, args.conf)["peak"] for folder in (part, whole))
    best = {name: min(taken) for name, taken in times.items()}
    print(f"{args.images} images, {boxes / args.images:.1f} boxes each, {args.threads} thread(s)")
    for name, seconds in best.items():
        print(f"{name:13} {seconds:7.2f} s")
    print(f"ratio {best['altasks'] / best['YOLO.predict']:.3f} (target: at most 1.15)")
    print(f"peak memory {small:.0f} MiB with a quarter of the images, {large:.0f} MiB with all")


if __name__ == "__main__":
    main()
