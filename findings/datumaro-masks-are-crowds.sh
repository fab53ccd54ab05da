#!/usr/bin/env bash
# datumaro 1.13.12: a mask exported to COCO instances becomes a crowd.
#
# One object with a label and a mask of 10 x 6 pixels, exported as `coco_instances`. One would guess an
# annotation like any other. Seen: `"iscrowd": 1`, because the mask is stored as run lengths. In COCO a
# crowd is a region of uncounted objects: pycocotools' own evaluation leaves out every such truth, so a
# perfect detector has no recall at all (-1), and readers that make crowds void find no labelled pixel.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check datumaro==1.13.12 pycocotools==2.0.11
"$folder/env/bin/python" -W ignore - "$folder" <<'PYTHON'
import contextlib
import io
import json
import sys
from pathlib import Path

import datumaro as dm
import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

mask = np.zeros((20, 24), bool)
mask[4:10, 5:15] = True
image = dm.Image.from_numpy(np.zeros((20, 24, 3), np.uint8))
item = dm.DatasetItem(id="a", media=image, annotations=[dm.Mask(mask, label=0, id=1, group=1)])
dm.Dataset.from_iterable([item], categories=["thing"]).export(sys.argv[1] + "/out", "coco_instances")

path = next(Path(sys.argv[1], "out").rglob("*.json"))
(annotation,) = json.loads(path.read_text())["annotations"]
print("annotation:", annotation)
with contextlib.redirect_stdout(io.StringIO()):
    truth = COCO(str(path))
    best = [{**annotation, "score": 1.0}]
    judge = COCOeval(truth, truth.loadRes(best), "segm")
    judge.evaluate()
    judge.accumulate()
    judge.summarize()
print("average precision, recall of the perfect answer:", judge.stats[0], judge.stats[8])
assert annotation["iscrowd"] == 1
assert judge.stats[0] == judge.stats[8] == -1
PYTHON
