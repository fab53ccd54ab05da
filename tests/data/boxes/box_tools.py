"""Reads and writes boxes with another tool, in its own process: `python box_tools.py TOOL ...`.

Prints what it read as JSON: file name -> list of [class, x1, y1, x2, y2].
"""

import json
import sys
from pathlib import Path


def supervision(action, kind, folder, images, out):
    import numpy as np
    import supervision as sv

    if action == "read":
        if kind == "yolo":
            found = sv.DetectionDataset.from_yolo(images, folder, out)
        elif kind == "voc":
            found = sv.DetectionDataset.from_pascal_voc(images, folder)
        else:
            found = sv.DetectionDataset.from_coco(images, folder)
        shown = {}
        for path, _, boxes in found:
            shown[Path(path).name] = [
                [found.classes[int(c)], *map(float, box)]
                for box, c in zip(boxes.xyxy, boxes.class_id, strict=True)
            ]
        return shown
    content = json.loads(Path(folder).read_text())
    names = content["names"]
    annotations = {}
    for name, rows in content["labels"].items():
        if rows:
            annotations[str(Path(images, name))] = sv.Detections(
                xyxy=np.array([row[1:] for row in rows], float),
                class_id=np.array([names.index(row[0]) for row in rows]),
            )
        else:
            annotations[str(Path(images, name))] = sv.Detections.empty()
    made = sv.DetectionDataset(names, list(annotations), annotations)
    out = Path(out)
    if kind == "yolo":
        made.as_yolo(str(out / "images"), str(out / "labels"), str(out / "data.yaml"))
    elif kind == "voc":
        made.as_pascal_voc(str(out / "images"), str(out / "xml"))
    else:
        made.as_coco(str(out / "images"), str(out / "coco.json"))
    return {}


def datumaro(action, kind, folder, images, out):
    import datumaro as dm
    import numpy as np

    formats = {"yolo": "yolo_ultralytics", "voc": "voc_detection", "coco": "coco_instances"}
    if action == "read":
        found = dm.Dataset.import_from(folder, "yolo" if kind == "yolo" else formats[kind])
        names = [label.name for label in found.categories()[dm.AnnotationType.label]]
        shown = {}
        for item in found:
            boxes = [a for a in item.annotations if a.type == dm.AnnotationType.bbox]
            shown[item.id] = [[names[a.label], a.x, a.y, a.x + a.w, a.y + a.h] for a in boxes]
        return shown
    content = json.loads(Path(folder).read_text())
    names = content["names"]
    items = [dm.DatasetItem("other", media=dm.Image.from_numpy(np.zeros((9, 9, 3))), subset="val")]
    for name, rows in content["labels"].items():
        boxes = [
            dm.Bbox(x1, y1, x2 - x1, y2 - y1, label=names.index(label), id=i, group=i)
            for i, (label, x1, y1, x2, y2) in enumerate(rows, 1)
        ]
        media = dm.Image.from_file(path=str(Path(images, name)))
        items.append(
            dm.DatasetItem(Path(name).stem, media=media, annotations=boxes, subset="train")
        )
    made = dm.Dataset.from_iterable(items, categories=names)
    made.export(out, formats[kind], save_media=True)
    return {}


def label_studio(action, kind, folder, images, out):
    from label_studio_sdk.converter import Converter

    assert action == "write"
    content = json.loads(Path(folder).read_text())
    labels = "".join(f'<Label value="{name}"/>' for name in content["names"])
    config = (
        '<View><Image name="image" value="$image"/><RectangleLabels name="label" toName="image">'
        f"{labels}</RectangleLabels></View>"
    )
    tasks = []
    for number, (name, rows) in enumerate(content["labels"].items(), 1):
        width, height = content["sizes"][name]
        result = [
            {
                "id": f"r{i}",
                "type": "rectanglelabels",
                "from_name": "label",
                "to_name": "image",
                "original_width": width,
                "original_height": height,
                "value": {
                    "x": x1 / width * 100,
                    "y": y1 / height * 100,
                    "width": (x2 - x1) / width * 100,
                    "height": (y2 - y1) / height * 100,
                    "rotation": 0,
                    "rectanglelabels": [label],
                },
            }
            for i, (label, x1, y1, x2, y2) in enumerate(rows)
        ]
        tasks.append(
            {
                "id": number,
                "data": {"image": name},
                "annotations": [{"id": number, "result": result, "was_cancelled": False}],
            }
        )
    source = Path(out) / "tasks.json"
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(json.dumps(tasks))
    converter = Converter(config, str(images), upload_dir=str(images), download_resources=False)
    convert = getattr(converter, f"convert_to_{kind}")
    convert(str(source), str(Path(out) / kind), is_dir=False)
    return {}


if __name__ == "__main__":
    tool, action, kind, folder, images, out = sys.argv[1:]
    print(json.dumps(globals()[tool](action, kind, folder, images, out)))
