"""Active learning of boxes: ask for the images that teach most, the rare classes above all.

By default real handwritten digits (scikit-learn's) at random places on textured canvases, two of
the five classes rare, and a narrow YOLOv8 trained from its YAML. `--data` takes a folder in
Pascal VOC's layout, `--weights` a safetensors file to start from. Each round asks for the images
with the largest class-weighted margin (Brust, Kaeding and Denzler 2018), summed over their boxes.
Ultralytics YOLO is AGPL-3.0.

    python examples/object_detection.py --strategy random
    python examples/object_detection.py --data bccd --weights yolov5n.safetensors
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import altasks as al
from altasks.data import read_voc
from altasks.data.samples.digit_canvases import digit_canvases
from altasks.tasks.object_detection import yolo_description

#: For few images: small batches, AdamW, and no mosaics of four.
TRAINING = {
    "batch": 4, "nbs": 4, "optimizer": "AdamW", "lr0": 0.002, "mosaic": 0.0, "warmup_epochs": 1,
}  # fmt: skip
#: Digits must not be mirrored.
FOR_DIGITS = {"fliplr": 0.0, "hsv_h": 0.5, "scale": 0.2}


class Data(NamedTuple):
    """Samples to ask from, their boxes held back, and samples to measure on."""

    images: dict[str, Any]
    labels: dict[str, Any]
    test: tuple[list[Any], list[Any]]
    names: list[str]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="with Annotations, JPEGImages, ImageSets/Main")
    parser.add_argument("--weights", type=Path, help="safetensors to start from, for --model")
    parser.add_argument("--model", default="yolov5n.yaml", help="with --data: a YAML or .pt file")
    parser.add_argument("--strategy", default="top_k", help="from scores to a batch")
    parser.add_argument("--budget", type=int, default=36, help="images to label in all")
    parser.add_argument("--batch", type=int, default=12, help="images to ask for at a time")
    parser.add_argument("--epochs", type=int, default=30, help="of each fit")
    parser.add_argument("--images", type=int, default=150, help="the most to choose from")
    parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    if options.data is None:
        pool, held = digit_canvases(options.images, seed=0), digit_canvases(60, seed=0, part="test")
        test = list(held.images.values()), list(held.labels.values())
        return Data(pool.images, pool.labels, test, pool.names)
    train, held = (
        read_voc(
            options.data / "Annotations",
            options.data / "JPEGImages",
            listed=options.data / f"ImageSets/Main/{part}.txt",
            bad_boxes="skip",
        )
        for part in ("train", "test")
    )
    images = dict(list(train.images.items())[: options.images])
    return Data(images, train.labels, held.pairs(), sorted({*train.names, *held.names}))


def build_task(options: argparse.Namespace, data: Data) -> al.ObjectDetection:
    if options.data is None:
        # Half as wide as the smallest that is published.
        model, size, training = yolo_description("yolov8n.yaml", width=0.125), 160, FOR_DIGITS
    else:
        model, size, training = options.model, 320, {}
    return al.ObjectDetection(
        model,
        labels=data.names,
        weights=options.weights,
        imgsz=size,
        training_args={**TRAINING, **training, "epochs": options.epochs},
    )


def run(options: argparse.Namespace, task: al.ObjectDetection, data: Data) -> None:
    loop = al.ActiveLoop(
        task,
        data.images,
        acquisition=task.weighted_margin,
        strategy=options.strategy,
        store=options.store,
        seed=options.seed,
    )
    oracle = al.Simulated({name: data.labels[name] for name in data.images})
    for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=data.test):
        aps = "  ".join(f"{name} {done.metrics.get(f'ap50_{name}', 0):.2f}" for name in data.names)
        map50 = done.metrics["map50"]
        print(f"round {done.round}: {done.labelled:4} images  mAP50 {map50:.3f}  {aps}")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    count = len(data.images), len(data.test[0]), len(data.names)
    print("{} images to ask, {} to test on, {} classes".format(*count))
    task = build_task(options, data)
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = f"altasks rank --task object-detection --model {model} --pool YOURS --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
