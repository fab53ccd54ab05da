#!/usr/bin/env bash
# label-studio-sdk 2.1.2: its converter writes a VOC box of whole pixels up to two pixels too short.
#
# Label Studio keeps boxes in percent. Of a box that was drawn on whole pixels one would guess that the
# VOC export, which is in whole pixels, gives it back. Seen, for 1, 2, 30, 40 in an image of 64 x 48:
# ymin 1 and ymax 38. 2 pixels are 4.166...%, which comes back as 1.9999999999999998 and is cut to 1; the
# height of 37.99... is cut to 37, and ymax is the sum of the two cut numbers. The COCO export of the same
# task keeps the fractions and has the box right.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check label-studio-sdk==2.1.2
cd "$folder"
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import json
from importlib.metadata import version
from pathlib import Path
from xml.etree import ElementTree

from label_studio_sdk.converter import Converter

WIDTH, HEIGHT, BOX = 64, 48, (1, 2, 30, 40)
x1, y1, x2, y2 = BOX
value = {
    "x": x1 / WIDTH * 100,
    "y": y1 / HEIGHT * 100,
    "width": (x2 - x1) / WIDTH * 100,
    "height": (y2 - y1) / HEIGHT * 100,
    "rotation": 0,
    "rectanglelabels": ["cell"],
}
result = {
    "id": "r", "type": "rectanglelabels", "from_name": "label", "to_name": "image",
    "original_width": WIDTH, "original_height": HEIGHT, "value": value,
}
task = {"id": 1, "data": {"image": "a.png"}, "annotations": [{"id": 1, "result": [result]}]}
Path("tasks.json").write_text(json.dumps([task]))
config = (
    '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
    '<Label value="cell"/></RectangleLabels></View>'
)
converter = Converter(config, ".", upload_dir=".", download_resources=False)
converter.convert_to_voc("tasks.json", "voc", is_dir=False)
converter.convert_to_coco("tasks.json", "coco", is_dir=False)

print("label-studio-sdk", version("label-studio-sdk"))
print("drawn:", BOX)
root = ElementTree.parse(next(Path("voc/Annotations").glob("*.xml"))).getroot()
voc = tuple(int(root.findtext(f".//bndbox/{tag}")) for tag in ("xmin", "ymin", "xmax", "ymax"))
print("VOC:", voc)
x, y, width, height = json.loads(Path("coco/result.json").read_text())["annotations"][0]["bbox"]
coco = tuple(round(number, 6) for number in (x, y, x + width, y + height))
print("COCO:", coco)
assert voc == (1, 1, 30, 38)
assert coco == BOX
PYTHON
