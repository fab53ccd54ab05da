"""Does it pay on boxes? AP against images labelled: blood cells, and digits with rare classes.

    python tests/studies/efficiency_detection.py canvases
    python tests/studies/efficiency_detection.py bccd --seeds 3

A run (an arm and a seed) starts from the same random images as every arm of its seed, fits a YOLO
anew on what is labelled, asks for a batch, and so on. `canvases` are scikit-learn's digits pasted
at random, two of the five seldom, for a narrow YOLOv8 from scratch; `bccd` are photographs of blood
cells, for a YOLOv5n from COCO weights (neither is part of the project: `--data` is their folder).
The arms are random, and the squared margin over a floor of confidence, summed, averaged or its
maximum taken, with or without class weights, over classes with background (the default form) or
without. A run is a row in `docs/results/`, keyed by its configuration and the version of the code;
a row that is there is not run again. `--table` prints what there is.
"""

from __future__ import annotations

import argparse
import json
import time
import warnings
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

import altasks as al
from altasks._internal.random import derive_rng, derive_seed
from altasks.data import read_voc
from altasks.data.samples.digit_canvases import digit_canvases
from altasks.report.curves import compare
from altasks.report.results import ResultRows, code_version
from altasks.tasks.object_detection.ultralytics_guard import isolated_ultralytics, load

REPO = Path(__file__).resolve().parents[2]
MEASURED = (
    *(f"altasks.acquisition.{part}" for part in ("kernels", "_rows", "class_weights", "margin")),
    "altasks.data.samples.digit_canvases",
    "altasks.predictions",
)
#: Raise it when this file or the task changes what is measured.
VERSION = 1


@dataclass(frozen=True)
class Arm:
    """How an arm scores; `reduce` None is random."""

    reduce: str | None = "sum"
    weighted: bool = False
    background: bool = True
    conf: float = 0.05


ARMS = {
    "random": Arm(reduce=None),
    "sum": Arm(),
    "sum_weighted": Arm(weighted=True),
    "mean": Arm(reduce="mean"),
    "max": Arm(reduce="max"),
}
#: Not in the table unless named by `--arms`: the other form, and another floor.
MORE_ARMS = {
    "mean_weighted": Arm(reduce="mean", weighted=True),
    "max_weighted": Arm(reduce="max", weighted=True),
    "sum_weighted_classes_only": Arm(weighted=True, background=False),
    "sum_weighted_floor_0.25": Arm(weighted=True, conf=0.25),
    "sum_weighted_classes_only_floor_0.25": Arm(weighted=True, background=False, conf=0.25),
}


@dataclass(frozen=True)
class Setting:
    """How a set is measured."""

    pool: int
    test: int
    start: int
    batch: int
    rounds: int
    imgsz: int
    steps: int | None  # of training, whatever the number of images; None: `epochs`
    rare: tuple[str, ...]
    training: dict[str, Any] = field(default_factory=dict)
    arms: tuple[str, ...] = tuple(ARMS)


SETTINGS = {
    "canvases": Setting(
        pool=250,
        test=120,
        start=16,
        batch=16,
        rounds=2,
        imgsz=128,
        steps=200,
        rare=("3", "4"),
        training={
            "batch": 4,
            "nbs": 4,
            "optimizer": "AdamW",
            "lr0": 0.002,
            "warmup_epochs": 1,
            "mosaic": 0.0,
            "hsv_h": 0.5,
            "fliplr": 0.0,
            "scale": 0.2,
        },
    ),
    "bccd": Setting(
        pool=205,
        test=72,
        start=20,
        batch=15,
        rounds=4,
        imgsz=320,
        steps=None,
        rare=("Platelets", "WBC"),
        training={"batch": 8, "epochs": 30, "optimizer": "AdamW", "lr0": 0.002, "nbs": 8},
        arms=("random", "sum", "sum_weighted"),
    ),
}


@dataclass(frozen=True)
class Data:
    """Images and boxes, for asking and for measuring."""

    names: list[str]
    images: dict[str, Any]
    labels: dict[str, Any]
    test: tuple[list[Any], list[Any]]
    model: Any
    weights: Path | None


def read(folder: Path, name: str, setting: Setting) -> Data:
    """Read one of the sets, and how its detector is built."""
    if name == "bccd":
        place = folder / "detection/bccd"
        parts = [
            read_voc(
                place / "Annotations",
                place / "JPEGImages",
                names=["RBC", "WBC", "Platelets"],
                listed=place / f"ImageSets/Main/{part}.txt",
                bad_boxes="skip",
            )
            for part in ("train", "test")
        ]
        weights = folder / "models/yolov5n_v6_coco_state.safetensors"
        pool, test = parts
        images: dict[str, Any] = dict(pool.images)
        return Data(pool.names, images, pool.labels, test.pairs(), "yolov5n.yaml", weights)
    pool, test = (
        digit_canvases(count, seed=0, part=part, size=setting.imgsz, most=3)
        for count, part in ((setting.pool, "pool"), (setting.test, "test"))
    )
    with isolated_ultralytics():
        model = load("ultralytics.nn.tasks").yaml_model_load("yolov8n.yaml")
    model["scales"] = {"n": [0.33, 0.125, 256]}  # half as wide as nano
    held = (list(test.images.values()), list(test.labels.values()))
    return Data(pool.names, pool.images, pool.labels, held, model, None)


def run(
    setting: Setting, data: Data, arm: Arm, seed: int, first: dict[int, dict[str, Any]]
) -> dict[str, Any]:
    """Run one arm with one seed; `first` keeps each seed's first fit, which all arms share."""
    names = list(data.images)
    known = derive_rng(seed, "start").permutation(len(names))[: setting.start].tolist()
    labelled = [names[i] for i in known]
    curve: dict[str, Any] = {"images": [], "boxes": [], "rare_boxes": [], "metrics": []}
    for round in range(setting.rounds + 1):
        began = time.perf_counter()
        training = dict(setting.training)
        if setting.steps is not None:
            batches = -(-len(labelled) // training["batch"])
            training["epochs"] = max(1, round_up(setting.steps, batches))
        task = al.ObjectDetection(
            data.model,
            labels=data.names,
            weights=data.weights,
            imgsz=setting.imgsz,
            conf=arm.conf,
            background=arm.background,
            device="cpu",
            training_args=training,
        )
        if round == 0 and seed in first:
            task.load(first[seed]["folder"])
            metrics = first[seed]["metrics"]
        else:
            labels = [data.labels[name] for name in labelled]
            task.fit(
                [data.images[name] for name in labelled], labels, seed=derive_seed(seed, round)
            )
            metrics = task.evaluate(*data.test)
            if round == 0:
                first[seed] = {"metrics": metrics, "folder": first[-1]["root"] / f"seed{seed}"}
                task.save(first[seed]["folder"])
        kept = [entry["label"] for name in labelled for entry in data.labels[name]]
        curve["images"].append(len(labelled))
        curve["boxes"].append(len(kept))
        curve["rare_boxes"].append(sum(label in setting.rare for label in kept))
        curve["metrics"].append({key: round_off(value) for key, value in metrics.items()})
        if round < setting.rounds:
            labelled += pick(task, data, arm, labelled, setting.batch, seed, round)
        took = time.perf_counter() - began
        print(f"  round {round}: map50 {metrics['map50']:.3f}, {took:.0f} s", flush=True)
    return curve


def round_up(steps: int, batches: int) -> int:
    """Return how many epochs of so many batches make at least so many steps."""
    return -(-steps // batches)


def round_off(value: float) -> float:
    """Return a metric with four digits."""
    return round(value, 4)


def pick(
    task: al.ObjectDetection,
    data: Data,
    arm: Arm,
    labelled: list[str],
    count: int,
    seed: int,
    round: int,
) -> list[str]:
    """Return the ids to label next."""
    rest = {name: image for name, image in data.images.items() if name not in set(labelled)}
    if arm.reduce is None:
        order = derive_rng(seed, "random", round).permutation(len(rest))
        return [list(rest)[i] for i in order[:count].tolist()]
    options: dict[str, Any] = {"power": 2, "reduce": arm.reduce}
    if arm.weighted:
        options["class_weights"] = task.class_weights
    scores = al.score(task, rest, "margin", acquisition_options=options, progress=False)
    return scores.top(count, seed=seed)


def config(name: str, setting: Setting, arm: str, seed: int) -> dict[str, Any]:
    """Return what a run is the result of."""
    keys = ("pool", "test", "start", "batch", "rounds", "imgsz", "steps", "training")
    fixed = {key: getattr(setting, key) for key in keys}
    return {"study": f"detection/{name}", "arm": arm, "seed": seed, **fixed, "version": VERSION}


def rare_ap(metrics: dict[str, float], setting: Setting) -> float:
    """Return the mean AP50 of the rare classes."""
    return float(np.mean([metrics[f"ap50_{name}"] for name in setting.rare]))


def table(name: str, setting: Setting, seeds: int, results: ResultRows) -> str:
    """Return the results as a Markdown table, against random with the same seeds."""
    curves: dict[str, list[dict[str, Any]]] = {}
    for arm in setting.arms:
        rows = [results.get(config(name, setting, arm, seed)) for seed in range(seeds)]
        if all(row is not None for row in rows):
            curves[arm] = [row for row in rows if row is not None]
    if "random" not in curves:
        return "no complete baseline yet"
    rare = " and ".join(setting.rare)
    lines = [
        f"| arm | final mAP50 | area minus random's, mAP50 | final AP50 of {rare}"
        f" | area minus random's, {rare} | boxes | of {rare} |",
        "|---|---|---|---|---|---|---|",
    ]
    images = curves["random"][0]["images"]

    def heights(rows: list[dict[str, Any]], what: str) -> np.ndarray:
        return np.array(
            [
                [m["map50"] if what == "map50" else rare_ap(m, setting) for m in row["metrics"]]
                for row in rows
            ]
        )

    for arm, rows in curves.items():
        whole = compare(images, heights(rows, "map50"), heights(curves["random"], "map50"))
        seldom = compare(images, heights(rows, "rare"), heights(curves["random"], "rare"))
        boxes = np.mean([row["boxes"][-1] for row in rows])
        few = np.mean([row["rare_boxes"][-1] for row in rows])
        lines.append(
            f"| {arm} | {whole.final} | {whole.difference} | {seldom.final} | {seldom.difference}"
            f" | {boxes:.0f} | {few:.0f} |"
        )
    return "\n".join(lines)


def main(arguments: list[str] | None = None) -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("set", choices=SETTINGS)
    parser.add_argument("--data", type=Path, default=REPO.parent / "shared/data")
    parser.add_argument("--out", type=Path, default=REPO / "docs/results/detection.jsonl")
    parser.add_argument("--arms", nargs="+", choices=[*ARMS, *MORE_ARMS])
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, help="fewer, for a look whether it runs")
    parser.add_argument("--steps", type=int, help="fewer, for the same")
    parser.add_argument("--settings", action="store_true", help="print them and stop")
    parser.add_argument("--table", action="store_true", help="run nothing; print what is there")
    args = parser.parse_args(arguments)
    torch.set_num_threads(args.threads)
    warnings.filterwarnings("ignore", message="This detector was not trained")
    name, setting = args.set, SETTINGS[args.set]
    setting = replace(setting, arms=tuple(args.arms or setting.arms))
    if args.rounds is not None:
        setting = replace(setting, rounds=args.rounds)
    if args.steps is not None:
        setting = replace(setting, steps=args.steps)
    if args.settings:
        print(json.dumps(config(name, setting, "ARM", 0), indent=1))
        return
    results = ResultRows(args.out, code=code_version(*MEASURED))
    if not args.table:
        import tempfile

        data = read(args.data, name, setting)
        with tempfile.TemporaryDirectory() as folder:
            first: dict[int, dict[str, Any]] = {-1: {"root": Path(folder)}}
            # Seed by seed, so that a run that is cut short has compared all arms.
            for seed in range(args.seeds):
                for arm in setting.arms:
                    key = config(name, setting, arm, seed)
                    if results.get(key) is None:
                        print(f"seed {seed}, {arm}", flush=True)
                        results.add(
                            key, run(setting, data, {**ARMS, **MORE_ARMS}[arm], seed, first)
                        )
    print(table(name, setting, args.seeds, results))


if __name__ == "__main__":
    main()
