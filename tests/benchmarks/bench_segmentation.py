"""The cost of scoring masks: time beside one plain pass of the model, and memory.

    python tests/benchmarks/bench_segmentation.py speed
    python tests/benchmarks/bench_segmentation.py memory --images 50 --side 2048

Speed: a U-Net on ResNet-18, one 512x512 image, 11 and 21 classes: the fastest of some repetitions
of the model alone and of `al.score` by stage disagreement, in turn, on one thread; then where the
time goes. Memory: the process's peak above what it held once the model had run on a small image,
over generated images.
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Callable

import numpy as np
import torch

import altasks as al
from altasks.tasks.segmentation.tiles import Tile, cut, strips


def fastest(runs: dict[str, Callable[[], object]], repeats: int) -> dict[str, float]:
    """Return the CPU seconds of each one's fastest run; all take turns."""
    best = dict.fromkeys(runs, float("inf"))
    for _ in range(repeats + 1):
        for name, one in runs.items():
            start = time.process_time()
            one()
            best[name] = min(best[name], time.process_time() - start)
    return best


def make(
    classes: int, tile: int = 1024, device: torch.device | str | None = None
) -> al.Segmentation:
    """Return a task around an untrained model."""
    import segmentation_models_pytorch as smp

    net = smp.Unet("resnet18", encoder_weights=None, classes=classes).eval()
    task = al.Segmentation(net, labels=[f"{i}" for i in range(classes)], tile=tile, device=device)
    task._head_is_new = False  # it isn't trained, and nobody minds
    return task


def speed(repeats: int) -> None:
    """Print the ratio of scoring to one plain pass."""
    image = np.random.default_rng(0).integers(0, 256, (512, 512, 3), np.uint8)
    for classes in (11, 21):
        task = make(classes)
        window = task.normalise(image)[None]
        (tile,) = cut(512, 512, tile=512, overlap=0, stride=32)
        with torch.no_grad():
            maps = [one[0] for one in task.model(window)["logits"]]
        probs = [
            al.Categorical._trusted(one.flatten(2).permute(2, 0, 1), None)
            for _, one in strips(maps, tile)
        ]

        def plain(task: al.Segmentation = task, window: torch.Tensor = window) -> None:
            with torch.no_grad():
                task.model.model(window)

        def scored(task: al.Segmentation = task) -> None:
            al.score(task, [image], "bald", progress=False)

        def members(maps: list[torch.Tensor] = maps, tile: Tile = tile) -> None:
            for _ in strips(maps, tile):
                pass

        def kernel(probs: list[al.Categorical] = probs) -> None:
            for one in probs:
                al.bald(al.Ragged(one, [len(one)]), reduce="none")

        took = fastest(
            {"plain pass": plain, "score": scored, "stages to probabilities": members,
             "divergence": kernel},
            repeats,
        )  # fmt: skip
        ratio = took["score"] / took["plain pass"]
        shown = ", ".join(f"{name} {seconds * 1000:.0f} ms" for name, seconds in took.items())
        print(f"{classes} classes, K = {len(maps)}: {shown}; ratio {ratio:.2f}", flush=True)


class Generated:
    """Images that exist while they are looked at."""

    def __init__(self, count: int, side: int) -> None:
        self.count, self.side = count, side

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, place: int) -> np.ndarray:
        rng = np.random.default_rng(place)
        return rng.integers(0, 256, (self.side, self.side, 3), np.uint8)


def peak() -> float:
    """Return the largest resident size so far, MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory(images: int, side: int, tile: int) -> None:
    """Print the peak above the model, and the time by pixels."""
    task = make(21, tile)
    al.score(task, Generated(1, 64), progress=False)
    before = peak()
    for edge, count in ((side // 2, 1), (side, images)):
        start = time.process_time()
        al.score(task, Generated(count, edge), "bald", batch_size=1, progress=False)
        spent = (time.process_time() - start) / (count * edge * edge)
        print(
            f"{count} images of {edge}x{edge}, 21 classes, windows of {tile}: "
            f"{spent * 1e6:.2f} s a megapixel, peak {peak() - before:.0f} MiB above the model",
            flush=True,
        )


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("what", choices=("speed", "memory"))
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--images", type=int, default=50)
    parser.add_argument("--side", type=int, default=2048)
    parser.add_argument("--tile", type=int, default=1024)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    if args.what == "speed":
        speed(args.repeats)
    else:
        memory(args.images, args.side, args.tile)


if __name__ == "__main__":
    main()
