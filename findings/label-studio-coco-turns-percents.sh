#!/usr/bin/env bash
# label-studio-sdk 2.1.2: exported to COCO, a turned rectangle gets other sides where the image isn't square.
#
# A rectangle in Label Studio's JSON has its corner and sides in percent of the image, and a rotation
# in degrees. One would guess that its COCO export gives the frame around the rectangle that people
# see. Seen: it turns the percents. On an image of 20 x 10 pixels a rectangle of 2 x 4 pixels, turned
# by a quarter, should be 4 wide and 2 high; it comes out 8 wide and 1 high. On a square image the
# export is right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
cd "$folder"
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import json
import os

from label_studio_sdk.converter import Converter
from PIL import Image

CONFIG = (
    '<View><Image name="s" value="$image"/><RectangleLabels name="label" toName="s">'
    '<Label value="cat"/></RectangleLabels></View>'
)


def exported(width, height):
    """Return the sides in pixels that a turned rectangle of 2 x 4 pixels has in COCO."""
    os.makedirs("images", exist_ok=True)
    Image.new("RGB", (width, height)).save("images/a.png")
    value = {"x": 50, "y": 0, "width": 200 / width, "height": 400 / height, "rotation": 90}
    region = {"id": "r", "type": "rectanglelabels", "from_name": "label", "to_name": "s"}
    region |= {"original_width": width, "original_height": height}
    region["value"] = value | {"rectanglelabels": ["cat"]}
    annotation = {"id": 1, "result": [region], "was_cancelled": False}
    task = {"id": 1, "data": {"image": "a.png"}, "annotations": [annotation]}
    with open("tasks.json", "w") as file:
        json.dump([task], file)
    made = Converter(CONFIG, "images", upload_dir="images", download_resources=False)
    made.convert_to_coco("tasks.json", "out", is_dir=False)
    with open("out/result.json") as file:
        box = json.load(file)["annotations"][0]["bbox"]
    return [round(side, 6) for side in box[2:]]


square, wide = exported(20, 20), exported(20, 10)
print("on 20 x 20:", square, "on 20 x 10:", wide)
assert square == [4, 2]
assert wide == [8, 1]
PYTHON
