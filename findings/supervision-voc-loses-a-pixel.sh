#!/usr/bin/env bash
# supervision 0.31.0 makes a Pascal VOC box one pixel narrower and lower than it is.
#
# VOC's corners count from 1 and both lie inside the box, so a box over a whole image of 60 x 40 is
# 1, 1, 60, 40, and one would guess that it is read as 0, 0, 60, 40, the end being exclusive as
# everywhere else in the library (its areas are differences). Seen: it is read as 0, 0, 59, 39, and
# written as YOLO it covers 59/60 of the width and 39/40 of the height. VOC to VOC gives the same file,
# so a round trip does not show it.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check supervision==0.31.0 pillow==12.0.0
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import pathlib
import tempfile

import numpy as np
import supervision as sv
from PIL import Image

with tempfile.TemporaryDirectory() as name:
    folder = pathlib.Path(name)
    for part in ("images", "voc", "labels"):
        (folder / part).mkdir()
    Image.fromarray(np.zeros((40, 60, 3), np.uint8)).save(folder / "images" / "a.png")
    (folder / "voc" / "a.xml").write_text(
        "<annotation><filename>a.png</filename>"
        "<size><width>60</width><height>40</height><depth>3</depth></size>"
        "<object><name>cat</name><bndbox><xmin>1</xmin><ymin>1</ymin>"
        "<xmax>60</xmax><ymax>40</ymax></bndbox></object></annotation>"
    )
    data = sv.DetectionDataset.from_pascal_voc(str(folder / "images"), str(folder / "voc"))
    [(_, _, boxes)] = list(data)
    print("read as:", boxes.xyxy.tolist(), "area", boxes.area.tolist())
    assert boxes.xyxy.tolist() == [[0, 0, 59, 39]]
    data.as_yolo(annotations_directory_path=str(folder / "labels"))
    row = [float(one) for one in (folder / "labels" / "a.txt").read_text().split()]
    print("as YOLO: width", round(row[3], 4), "height", round(row[4], 4))
    assert round(row[3], 4) == round(59 / 60, 4) and round(row[4], 4) == round(39 / 40, 4)
PYTHON
