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

import altasks as al
from altasks.data import read_voc
from altasks.data.samples.digit_canvases import digit_canvases
from altasks.tasks.object_detection import yolo_description

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, help="with Annotations, JPEGImages and ImageSets/Main")
parser.add_argument("--weights", type=Path, help="safetensors to start from, for --model")
parser.add_argument("--model", default="yolov5n.yaml", help="with --data: a YAML, or a .pt file")
parser.add_argument("--batch", type=int, default=12, help="how many to ask for at a time")
parser.add_argument("--budget", type=int, default=36, help="how many to label in all")
parser.add_argument("--epochs", type=int, default=30, help="of each fit")
parser.add_argument("--images", type=int, default=150, help="the most to choose from")
parser.add_argument("--strategy", default="top_k")
parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
fit = {"epochs": options.epochs, "batch": 4, "nbs": 4, "optimizer": "AdamW", "lr0": 0.002}
fit |= {"mosaic": 0.0, "warmup_epochs": 1}
if options.data is None:
    made, held = digit_canvases(options.images, seed=0), digit_canvases(60, seed=0, part="test")
    names, images, labels = made.names, made.images, made.labels
    test = (list(held.images.values()), list(held.labels.values()))
    model, size = yolo_description("yolov8n.yaml", width=0.125), 160  # half as wide as nano
    fit |= {"fliplr": 0.0, "hsv_h": 0.5, "scale": 0.2}
else:
    place = [options.data / folder for folder in ("Annotations", "JPEGImages")]
    parts = [options.data / f"ImageSets/Main/{part}.txt" for part in ("train", "test")]
    read = [read_voc(*place, listed=part, bad_boxes="skip") for part in parts]
    names, test = sorted({*read[0].names, *read[1].names}), read[1].pairs()
    images = dict(list(read[0].images.items())[: options.images])
    labels, model, size = read[0].labels, options.model, 320
task = al.ObjectDetection(
    model, labels=names, weights=options.weights, imgsz=size, training_args=fit
)
loop = al.ActiveLoop(
    task, images, acquisition=task.weighted_margin, strategy=options.strategy,
    store=options.store, seed=options.seed,
)  # fmt: skip
print(f"{len(images)} images to ask, {len(test[0])} to test on, {len(names)} classes")
oracle = al.Simulated({name: labels[name] for name in images})
for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=test):
    aps = "  ".join(f"{name} {done.metrics.get(f'ap50_{name}', 0):.2f}" for name in names)
    print(f"round {done.round}: {done.labelled:4} images  mAP50 {done.metrics['map50']:.3f}  {aps}")
