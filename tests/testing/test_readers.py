"""Every built-in reader behaves, and the suite catches one that doesn't."""

import json

import numpy as np
import pytest
from torch import nn

import altasks as al
from altasks.data import LabelledPool, formats
from altasks.errors import InvalidInputError, UnknownNameError
from altasks.registry import READERS, get_reader
from altasks.testing.readers import ReaderSuite

Image = pytest.importorskip("PIL.Image")


def save_images(folder, *names, size=(32, 24)):
    folder.mkdir(parents=True, exist_ok=True)
    for shade, name in enumerate(names):
        Image.new("RGB", size, (shade * 40, 0, 0)).save(folder / name)
    return folder


def write_coco(folder):
    save_images(folder / "images", "a.png", "b.png")
    one = {"id": 1, "image_id": 1, "category_id": 7, "bbox": [1, 2, 10, 12], "area": 120}
    one |= {"iscrowd": 0, "segmentation": [[1, 2, 11, 2, 11, 14, 1, 14]]}
    images = [
        {"id": number, "file_name": name, "width": 32, "height": 24}
        for number, name in ((1, "a.png"), (2, "b.png"))
    ]
    path = folder / "boxes.json"
    path.write_text(
        json.dumps(
            {"images": images, "annotations": [one], "categories": [{"id": 7, "name": "cat"}]}
        )
    )
    return path, {"images": folder / "images"}


def write_voc(folder):
    save_images(folder / "images", "a.png", "b.png")
    (folder / "xml").mkdir()
    box = "<xmin>2</xmin><ymin>3</ymin><xmax>12</xmax><ymax>15</ymax>"
    cat = f"<object><name>cat</name><bndbox>{box}</bndbox></object>"
    for name, objects in (("a", cat), ("b", "")):
        (folder / "xml" / f"{name}.xml").write_text(
            f"<annotation><filename>{name}.png</filename>"
            "<size><width>32</width><height>24</height><depth>3</depth></size>"
            f"{objects}</annotation>"
        )
    return folder / "xml", {"images": folder / "images"}


def write_yolo(folder):
    save_images(folder / "set" / "images", "a.png", "b.png")
    (folder / "set" / "labels").mkdir()
    (folder / "set" / "labels" / "a.txt").write_text("0 0.5 0.5 0.25 0.5\n")
    return folder / "set" / "labels", {"images": folder / "set" / "images", "names": ["cat"]}


def write_masks(folder):
    save_images(folder / "images", "a.png", "b.png")
    (folder / "masks").mkdir()
    mask = np.zeros((24, 32), np.uint8)
    mask[4:9, 3:20] = 1
    Image.fromarray(mask).save(folder / "masks" / "a.png")
    return folder / "images", {"masks": folder / "masks", "classes": ["sky", "cat"]}


def write_class_folders(folder):
    save_images(folder / "photos" / "cat", "a.png")
    save_images(folder / "photos" / "dog", "b.png")
    return folder / "photos", {}


def write_image_table(folder):
    save_images(folder / "photos", "a.png", "b.png")
    path = folder / "photos.csv"
    path.write_text("image,label\nphotos/a.png,cat\nphotos/b.png,\n")
    return path, {}


def write_conll(folder):
    path = folder / "tagged.conll"
    path.write_text("Ada B-PER\nwrote O\n\nParis B-LOC\n")
    return path, {}


def write_conllu(folder):
    path = folder / "tagged.conllu"
    sentences = [[("Ada", "B-PER"), ("wrote", "O")], [("Paris", "B-LOC")]]
    lines = []
    for sentence in sentences:
        for place, (word, tag) in enumerate(sentence, 1):
            cells = [str(place), word, word, *["_"] * 7]
            cells[9] = f"NER={tag}"
            lines.append("\t".join(cells))
        lines.append("")
    path.write_text("\n".join(lines) + "\n")
    return path, {"tag_key": "NER"}


def write_label_studio(folder):
    path = folder / "export.json"
    value = {"start": 0, "end": 3, "text": "Ada", "labels": ["PER"]}
    result = [{"type": "labels", "value": value}]
    texts = ((1, "Ada!", result), (2, "nobody", []))
    tasks = [
        {"id": number, "data": {"text": text}, "annotations": [{"result": found}]}
        for number, text, found in texts
    ]
    path.write_text(json.dumps(tasks))
    return path, {}


def write_label_studio_tasks(folder, *tasks):
    save_images(folder / "images", "a.png", "b.png")
    path = folder / "export.json"
    content = [
        {"id": number, "data": data, "annotations": [] if result is None else [{"result": result}]}
        for number, (data, result) in enumerate(tasks, 1)
    ]
    path.write_text(json.dumps(content))
    return path


def write_label_studio_images(folder, kind, value):
    size = {"original_width": 32, "original_height": 24}
    region = {"type": kind, "from_name": "label", "value": value, **size}
    upload = "/data/upload/1/0c5bc2ab-a.png"
    path = write_label_studio_tasks(
        folder, ({"image": upload}, [region]), ({"image": "b.png"}, None)
    )
    return path, {"images": folder / "images"}


def write_label_studio_boxes(folder):
    value = {"x": 10, "y": 20, "width": 50, "height": 40, "rectanglelabels": ["cat"]}
    return write_label_studio_images(folder, "rectanglelabels", value)


def write_label_studio_masks(folder):
    value = {"points": [[0, 0], [50, 0], [50, 50]], "polygonlabels": ["cat"]}
    return write_label_studio_images(folder, "polygonlabels", value)


def write_label_studio_lines(folder):
    return write_label_studio_images(folder, "textarea", {"text": ["the text"]})


def write_label_studio_texts(folder, kind, value):
    region = {"type": kind, "from_name": "label", "value": value}
    return write_label_studio_tasks(
        folder, ({"text": "rain"}, [region]), ({"text": "so"}, None)
    ), {}


def write_label_studio_choices(folder):
    return write_label_studio_texts(folder, "choices", {"choices": ["food"]})


def write_label_studio_numbers(folder):
    return write_label_studio_texts(folder, "number", {"number": 2.5})


def write_cvat(folder, shape='<box label="cat" xtl="1" ytl="2" xbr="9" ybr="12"/>'):
    save_images(folder / "images", "a.png", "b.png")
    path = folder / "annotations.xml"
    sizes = 'width="32" height="24"'
    path.write_text(
        f'<annotations><image id="0" name="a.png" {sizes}>{shape}</image>'
        f'<image id="1" name="b.png" {sizes}/></annotations>'
    )
    return path, {"images": folder / "images", "empty": "unlabelled"}


def write_cvat_tags(folder):
    return write_cvat(folder, '<tag label="cat"/>')


def write_labelme(folder):
    save_images(folder / "images", "a.png", "b.png")
    (folder / "json").mkdir()
    shape = {"label": "cat", "shape_type": "rectangle", "points": [[1, 2], [9, 12]]}
    content = {"imagePath": "a.png", "shapes": [shape]}
    (folder / "json" / "a.json").write_text(json.dumps(content))
    return folder / "json", {"images": folder / "images"}


def write_via(folder):
    save_images(folder / "images", "a.png", "b.png")
    shape = {"name": "rect", "x": 1, "y": 2, "width": 8, "height": 10}
    region = {"shape_attributes": shape, "region_attributes": {"class": "cat"}}
    content = {
        name: {"filename": name, "regions": regions, "file_attributes": {"kind": kind}}
        for name, regions, kind in (("a.png", [region], "cat"), ("b.png", [], ""))
    }
    path = folder / "via.json"
    path.write_text(json.dumps(content))
    return path, {"images": folder / "images", "empty": "unlabelled"}


def write_via_files(folder):
    path, options = write_via(folder)
    return path, {"images": options["images"]}


def write_rows(folder, *rows):
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, {}


def write_doccano(folder):
    rows = {"id": 1, "text": "soup", "label": ["food"]}, {"id": 2, "text": "fog", "label": []}
    return write_rows(folder, *rows)


def write_prodigy(folder):
    accepted = {"text": "soup", "accept": ["food"], "answer": "accept"}
    return write_rows(folder, accepted, {"text": "fog", "label": "food", "answer": "accept"})


def write_argilla(folder, first="food", second=None):
    def record(name, value):
        responses = {} if value is None else {"label": [{"value": value, "user_id": "u"}]}
        return {"id": name, "fields": {"text": "soup"}, "responses": responses}

    return write_rows(folder, record("a", first), record("b", second))


def write_argilla_spans(folder):
    return write_argilla(folder, [{"start": 0, "end": 4, "label": "PER"}], [])


def write_page(folder):
    save_images(folder, "a.png")
    said = "<TextEquiv><Unicode>the text</Unicode></TextEquiv>"
    lines = (
        f'<TextLine id="{name}"><Coords points="1,2 30,2 30,20"/>{inside}</TextLine>'
        for name, inside in (("1", said), ("2", ""))
    )
    region = f'<TextRegion id="r">{"".join(lines)}</TextRegion>'
    (folder / "a.xml").write_text(f'<PcGts><Page imageFilename="a.png">{region}</Page></PcGts>')
    return folder / "a.xml", {}


def write_alto(folder):
    save_images(folder, "a.png")
    place = 'HPOS="1" VPOS="2" WIDTH="29" HEIGHT="18"'
    lines = (
        f'<TextLine ID="{name}" {place}>{inside}</TextLine>'
        for name, inside in (("1", '<String CONTENT="the"/><String CONTENT="text"/>'), ("2", ""))
    )
    unit = "<Description><MeasurementUnit>pixel</MeasurementUnit></Description>"
    page = f"<Layout><Page>{''.join(lines)}</Page></Layout>"
    (folder / "a.xml").write_text(f"<alto>{unit}{page}</alto>")
    return folder / "a.xml", {}


def write_tagged(folder):
    path = folder / "tagged.jsonl"
    rows = [{"tokens": ["Ada", "wrote"], "tags": ["B-PER", "O"]}, {"tokens": ["So"], "tags": ["O"]}]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, {}


def write_snips(folder):
    inside = folder / "snips" / "GetWeather"
    inside.mkdir(parents=True)
    rows = [
        {"data": [{"text": "rain in "}, {"text": "Paris", "entity": "city"}]},
        {"data": [{"text": "is it cold"}]},
    ]
    (inside / "train_GetWeather_full.json").write_text(json.dumps({"GetWeather": rows}))
    return folder / "snips", {}


def write_srl(folder):
    path = folder / "roles.jsonl"
    frame = {"verb": 1, "roleset": "sell.01", "tags": ["B-ARG0", "B-V", "B-ARG1"]}
    rows = [
        {"tokens": ["Ada", "sold", "it"], "frames": [frame]},
        {"tokens": ["What", "a", "day"], "frames": []},
    ]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path, {}


def write_lines(folder):
    save_images(folder / "lines", "a.png", "b.png")
    (folder / "lines" / "a.gt.txt").write_text("the text\n")
    return folder / "lines", {}


def write_line_table(folder):
    save_images(folder, "a.png", "b.png")
    path = folder / "lines.csv"
    path.write_text("image,text\na.png,the text\nb.png,\n")
    return path, {}


def write_table(folder):
    path = folder / "texts.csv"
    path.write_text("text,topic\nhot soup,food\nrain and wind,\n")
    return path, {"label_column": "topic"}


WRITERS = {
    "alto": (write_alto, ()),
    "argilla": (write_argilla, ("food",)),
    "argilla_spans": (write_argilla_spans, ("PER",)),
    "class_folders": (write_class_folders, ("cat", "dog")),
    "coco": (write_coco, ("cat",)),
    "coco_masks": (write_coco, ("background", "cat")),
    "conll": (write_conll, ("LOC", "PER")),
    "conllu": (write_conllu, ("LOC", "PER")),
    "cvat": (write_cvat, ("cat",)),
    "cvat_masks": (write_cvat, ("background", "cat")),
    "cvat_tags": (write_cvat_tags, ("cat",)),
    "doccano": (write_doccano, ("food",)),
    "image_table": (write_image_table, ("cat",)),
    "label_studio": (write_label_studio, ("PER",)),
    "label_studio_boxes": (write_label_studio_boxes, ("cat",)),
    "label_studio_choices": (write_label_studio_choices, ("food",)),
    "label_studio_lines": (write_label_studio_lines, ()),
    "label_studio_masks": (write_label_studio_masks, ("background", "cat")),
    "label_studio_numbers": (write_label_studio_numbers, ()),
    "labelme": (write_labelme, ("cat",)),
    "labelme_masks": (write_labelme, ("background", "cat")),
    "line_folder": (write_lines, ()),
    "line_table": (write_line_table, ()),
    "masks": (write_masks, ("sky", "cat")),
    "page": (write_page, ()),
    "prodigy": (write_prodigy, ("food",)),
    "snips": (write_snips, ("city",)),
    "srl": (write_srl, ("ARG0", "ARG1")),
    "table": (write_table, ("food",)),
    "tagged_jsonl": (write_tagged, ("PER",)),
    "via": (write_via, ("cat",)),
    "via_files": (write_via_files, ("cat",)),
    "via_masks": (write_via, ("background", "cat")),
    "voc": (write_voc, ("cat",)),
    "yolo": (write_yolo, ("cat",)),
}


@pytest.mark.parametrize("format", sorted(WRITERS))
class TestBuiltin(ReaderSuite):
    @pytest.fixture
    def written(self, format, tmp_path):
        return WRITERS[format][0](tmp_path)

    @pytest.fixture
    def reader(self, format):
        return get_reader(format)

    @pytest.fixture
    def path(self, written):
        return written[0]

    @pytest.fixture
    def options(self, written):
        return written[1]

    @pytest.fixture
    def make_task(self, format, reader, tiny_encoder):
        classes = WRITERS[format][1]

        def task_of_boxes():
            yolo_nets = pytest.importorskip("yolo_nets", reason="needs the extra detection")
            return al.ObjectDetection(yolo_nets.yolo(classes=1, names=classes))

        make = {
            "ner": lambda: al.NER(tiny_encoder, labels=["LOC", "PER", "city"]),
            "srl": lambda: al.SRL(tiny_encoder, labels=classes),
            "text-classification": lambda: al.TextClassification(
                tiny_encoder, labels=[*classes, "other"]
            ),
            "segmentation": lambda: al.Segmentation(nn.Conv2d(3, 2, 1), labels=classes),
            "ocr": lambda: al.OCR(members=[al.CRNN("ehtx ", height=32, channels=8, hidden=8)]),
            "object-detection": task_of_boxes,
            "regression": lambda: al.Regression(nn.Linear(2, 2)),
            "image-classification": lambda: al.ImageClassification(
                nn.Sequential(nn.Flatten(), nn.Linear(3 * 8 * 8, 2)),
                labels=["cat", "dog"],
                input_size=8,
            ),
        }
        return make[reader.tasks[0]]

    def test_classes_are_those_of_the_file(self, format, path, options):
        assert al.read(path, format, **options).classes == WRITERS[format][1]


def test_every_builtin_reader_is_tried():
    assert {*WRITERS} == {*READERS.builtin}


def test_formats_are_listed_with_what_they_read():
    listed = formats()
    assert {*READERS.builtin} <= {*listed}
    assert listed["voc"] == "a folder of Pascal VOC's XML files"


def test_an_option_that_is_missing_or_misspelt_is_named(tmp_path):
    path, _ = write_coco(tmp_path)
    with pytest.raises(InvalidInputError, match="images="):
        al.read(path, "coco")
    with pytest.raises(InvalidInputError, match=r"bad_boxes.*'image'"):
        al.read(path, "coco", image=tmp_path)
    with pytest.raises(UnknownNameError, match="Did you mean 'coco'"):
        al.read(path, "cocoa")


def test_what_srl_reads_trains_the_task_and_shows_it_no_role(tmp_path):
    path, _ = write_srl(tmp_path)
    data = al.read(path, "srl")
    assert data.pool["0"] == {"tokens": ["Ada", "sold", "it"], "verbs": [1]}
    assert data.pairs()[1][0][0]["tags"] == ["B-ARG0", "B-V", "B-ARG1"]
    assert data.pairs()[1][1] == []


def test_a_reader_may_be_a_class_and_has_to_return_a_labelled_pool(monkeypatch, tmp_path):
    class Own:
        reads = "one word a line"
        tasks = ("text-classification",)

        def read(self, path, **options):
            return path.read_text().split()

    monkeypatch.setitem(READERS._targets, "own", Own)
    path = tmp_path / "words.txt"
    path.write_text("a b")
    assert isinstance(get_reader("own"), Own)
    with pytest.raises(InvalidInputError, match=r"LabelledPool from the reader 'own', found list"):
        al.read(path, "own")


def test_a_labelled_pool_is_checked_when_made():
    pool = al.Pool(["a"], ["x"].__getitem__, labels={})
    with pytest.raises(InvalidInputError, match="distinct"):
        LabelledPool(pool, ["cat", "cat"])


class Careless:
    """Reads what isn't there as empty, and passes over options."""

    reads = "words"
    tasks = ("text-classification",)

    def read(self, path, **options):
        words = path.read_text().split() if hasattr(path, "exists") and path.exists() else []
        path = path if hasattr(path, "with_name") else None
        if path:
            path.with_name("cache").write_text("x")
        return LabelledPool(al.Pool(words or ["x"], lambda i: i, labels={}))


@pytest.mark.parametrize(
    "check",
    [
        "test_labels_are_of_samples",
        "test_nothing_is_written",
        "test_what_is_not_there_is_named",
        "test_an_unknown_option_is_refused",
        "test_a_path_may_be_a_string",
    ],
)
def test_a_careless_reader_is_caught(check, tmp_path):
    path = tmp_path / "words.txt"
    path.write_text("a b c")
    with pytest.raises((AssertionError, pytest.fail.Exception)):
        getattr(ReaderSuite(), check)(Careless(), path, {})
