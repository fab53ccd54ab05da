import json

import numpy as np
import pytest

from altasks.data import decode_mask, read_coco_masks, read_masks
from altasks.errors import InvalidInputError

image = pytest.importorskip("PIL.Image", reason="needs the extra vision")


@pytest.fixture
def folders(tmp_path):
    for folder in ("images/deep", "masks/deep", "painted"):
        (tmp_path / folder).mkdir(parents=True)
    for name in ("a", "b", "deep/c"):
        image.fromarray(np.zeros((4, 5, 3), np.uint8)).save(tmp_path / "images" / f"{name}.jpg")
    for name in ("a", "deep/c"):
        image.fromarray(np.eye(4, 5, dtype=np.uint8)).save(tmp_path / "masks" / f"{name}.png")
    painted = np.zeros((4, 5, 3), np.uint8)
    painted[0], painted[1] = (255, 0, 0), (0, 0, 255)
    image.fromarray(painted).save(tmp_path / "painted" / "b.png")
    return tmp_path


def test_two_folders_are_joined_by_name(folders):
    (folders / "names.txt").write_text("sky\nroad\n")
    read = read_masks(folders / "images", folders / "masks", classes=folders / "names.txt")
    assert read.classes == ["sky", "road"]
    assert list(read.images) == ["a", "b", "deep/c"]
    assert list(read.masks) == ["a", "deep/c"]
    assert read.pool().labels == read.masks
    samples, masks = read.pairs()
    assert len(samples) == 2
    np.testing.assert_array_equal(decode_mask(masks[1]), np.eye(4, 5))


def test_colours_become_classes(folders):
    colours = {"blue": (0, 0, 255), "red": (255, 0, 0)}
    read = read_masks(folders / "images", folders / "painted", classes=colours)
    assert decode_mask(read.masks["b"])[:, 0].tolist() == [1, 0, 255, 255]
    with pytest.raises(InvalidInputError, match=r"\(255, 0, 0\).*b\.png, row 0, column 0"):
        read_masks(folders / "images", folders / "painted", classes={"blue": (0, 0, 255)})
    with pytest.raises(InvalidInputError, match="of its own"):
        read_masks(
            folders / "images", folders / "painted", classes={"a": (1, 1, 1), "b": (1, 1, 1)}
        )


def test_files_that_do_not_fit_are_named(folders):
    image.fromarray(np.eye(4, dtype=np.uint8)).save(folders / "masks" / "x.png")
    with pytest.raises(InvalidInputError, match=r"x\.png"):
        read_masks(folders / "images", folders / "masks", classes=["a", "b"])
    (folders / "masks" / "x.png").unlink()
    (folders / "images" / "a.png").write_bytes((folders / "masks" / "a.png").read_bytes())
    with pytest.raises(InvalidInputError, match=r"a\.jpg"):
        read_masks(folders / "images", folders / "masks", classes=["a", "b"])
    (folders / "images" / "a.png").unlink()
    (folders / "painted" / "a.png").symlink_to(folders / "masks" / "a.png")
    with pytest.raises(InvalidInputError, match="outside"):
        read_masks(folders / "images", folders / "painted", classes=["a", "b"])
    with pytest.raises(InvalidInputError, match="existing folder"):
        read_masks(folders / "nothing", folders / "masks", classes=["a"])


@pytest.mark.parametrize(
    ("classes", "message"),
    [
        ("names.txt", r"names\.txt: expected an existing file"),
        (b"\xff", r"names\.txt: expected utf-8 text"),
        (b"sky\nroad\nsky\n", r"names\.txt\): expected distinct class names, found 'sky' twice"),
        (b"\n", r"names\.txt\): expected a list of class names"),
        (["sky", "sky"], "classes: expected distinct class names"),
    ],
)
def test_a_bad_list_of_classes_is_named(folders, classes, message):
    if isinstance(classes, bytes):
        (folders / "names.txt").write_bytes(classes)
    if not isinstance(classes, list):
        classes = folders / "names.txt"
    with pytest.raises(InvalidInputError, match=message):
        read_masks(folders / "images", folders / "masks", classes=classes)


@pytest.fixture
def coco(folders):
    told = {
        "images": [{"id": 9, "file_name": "a.jpg"}, {"id": 3, "file_name": "deep/c.jpg"}],
        "categories": [{"id": 7, "name": "dog"}, {"id": 2, "name": "cat"}],
        "annotations": [
            {"id": 1, "image_id": 9, "category_id": 7, "area": 4,
             "segmentation": [[0, 0, 1, 0, 1, 1, 0, 1]]},
            {"id": 2, "image_id": 9, "category_id": 2, "area": 20,
             "segmentation": [[0, 0, 4, 0, 4, 3, 0, 3]]},
            {"id": 3, "image_id": 3, "category_id": 2, "area": 2, "iscrowd": 1,
             "segmentation": {"size": [4, 5], "counts": [4, 2, 14]}},
        ],
    }  # fmt: skip
    path = folders / "coco.json"
    path.write_text(json.dumps(told))
    return folders, path, told


def test_polygons_are_drawn_the_small_over_the_large(coco):
    folders, path, _ = coco
    read = read_coco_masks(path, folders / "images")
    assert read.classes == ["background", "cat", "dog"]
    assert decode_mask(read.masks["a"]).tolist() == [
        [2, 1, 1, 1, 0], [1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0] * 5,
    ]  # fmt: skip
    crowd = decode_mask(read.masks["deep/c"])
    assert [tuple(i) for i in np.argwhere(crowd == 255)] == [(0, 1), (1, 1)]
    alone = read_coco_masks(path, folders / "images", background=None)
    assert alone.classes == ["cat", "dog"]


def inside(x, y, polygon):
    """Whether a ray to the right crosses the outline an odd number of times."""
    crossed = 0
    for (x1, y1), (x2, y2) in zip(polygon, [*polygon[1:], polygon[0]], strict=True):
        if (y1 <= y) != (y2 <= y):
            crossed += x < x1 + (y - y1) * (x2 - x1) / (y2 - y1)
    return crossed % 2 == 1


def test_polygons_cover_the_pixels_whose_centres_lie_in_them(coco):
    folders, path, told = coco
    image.fromarray(np.zeros((24, 30, 3), np.uint8)).save(folders / "images" / "a.jpg")
    rng = np.random.default_rng(0)
    polygons = [[(2, 2), (6, 2), (6, 6), (2, 6)], [(-9, -9), (99, -9), (99, 99), (-9, 99)]]
    for _ in range(8):  # stars, some of which reach beyond the image
        angles, radii = np.sort(rng.uniform(0, 2 * np.pi, 9)), rng.uniform(2, 18, 9)
        star = np.stack([15 + radii * np.cos(angles), 12 + radii * np.sin(angles)], 1)
        polygons.append([tuple(corner) for corner in star.round(2).tolist()])
    areas = []
    for polygon in polygons:
        corners = [value for corner in polygon for value in corner]
        told["annotations"] = [{**told["annotations"][0], "segmentation": [corners]}]
        path.write_text(json.dumps(told))
        found = decode_mask(read_coco_masks(path, folders / "images").masks["a"]) == 2
        expected = [[inside(x + 0.5, y + 0.5, polygon) for x in range(30)] for y in range(24)]
        np.testing.assert_array_equal(found, expected)
        areas.append(int(found.sum()))
    assert areas[:2] == [16, 24 * 30]


def test_an_image_without_an_object_is_background(coco):
    folders, path, told = coco
    told["annotations"] = told["annotations"][:2]
    path.write_text(json.dumps(told))
    assert not decode_mask(read_coco_masks(path, folders / "images").masks["deep/c"]).any()
    alone = read_coco_masks(path, folders / "images", background=None)
    assert list(alone.masks) == ["a"]
    assert list(alone.images) == ["a", "deep/c"]


def test_images_whose_names_have_no_suffix_are_told_apart(coco):
    folders, path, told = coco
    for one, name in zip(told["images"], ("one", "other"), strict=True):
        (folders / "images" / "a.jpg").rename(folders / "images" / name)
        (folders / "images" / "a.jpg").write_bytes((folders / "images" / name).read_bytes())
        one["file_name"] = name
    path.write_text(json.dumps(told))
    assert list(read_coco_masks(path, folders / "images").images) == ["one", "other"]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda told: told["images"][1].update(file_name="a.png"), "a name of their own"),
        (lambda told: told["images"][1].update(id=9), "an id and a name"),
        (
            lambda told: told["annotations"][0].update(segmentation=[[0, 0, 1, 0, 1, np.inf]]),
            "finite.*annotation 1",
        ),
        (lambda told: told["images"][0].update(file_name="../coco.json"), r"\.\./coco\.json"),
        (lambda told: told["annotations"][0].update(category_id=99), "annotation 1"),
        (lambda told: told["annotations"][0].update(segmentation=[]), "annotation 1"),
        (lambda told: told["annotations"][0].update(segmentation=[[0, 0, 1]]), "annotation 1"),
        (lambda told: told["annotations"][2].update(segmentation={"counts": "x"}), "compressed"),
        (lambda told: told["annotations"][2].update(segmentation={"counts": [3]}), "annotation 3"),
        (lambda told: told.pop("categories"), r"coco\.json"),
        (lambda told: told["images"][1].pop("file_name"), r"images\[1\] with 'file_name'"),
        (lambda told: told["images"][1].pop("id"), r"images\[1\] with 'id'"),
        (lambda told: told["images"].append(3), r"images\[2\] with 'file_name'"),
        (lambda told: told["categories"][0].pop("name"), r"categories\[0\] with 'name'"),
        (lambda told: told["categories"][0].update(id=2), "an id of its own"),
        (lambda told: told["categories"][0].update(name="cat"), "distinct class names"),
        (lambda told: told["annotations"].append([]), r"annotations\[3\] to be an object"),
        (lambda told: told["annotations"][0].update(image_id=[9]), "annotation 1"),
        (lambda told: told["annotations"][0].update(area="9"), "an area.*annotation 1"),
        (lambda told: told["annotations"][0].update(area=np.nan), "an area.*annotation 1"),
    ],
)
def test_faults_are_named(coco, change, message):
    folders, path, told = coco
    (folders / "images" / "a.png").write_bytes((folders / "masks" / "a.png").read_bytes())
    change(told)
    path.write_text(json.dumps(told))
    with pytest.raises(InvalidInputError, match=message):
        read_coco_masks(path, folders / "images")
