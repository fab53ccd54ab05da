"""What the tests of shapes share: images of 20 x 10, and a check that fuzzing ends well."""

import warnings

from PIL import Image

from altasks.data import decode_mask
from altasks.errors import AltasksError

SIZE = (20, 10)
NAMES = ("1.png", "2.png", "3.png", "b/1.png")


def save_images(folder):
    for name in NAMES:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", SIZE).save(path)
    return folder


def judge(read, source):
    """Call a reader: labels that fit their images, or an error that names the file: True."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found = read()
        except AltasksError as error:
            message = str(error)
            assert str(source) in message or "names: " in message or "attribute: " in message
            return True
    for label in getattr(found, "masks", {}).values():
        assert decode_mask(label).shape == SIZE[::-1]
    for name, label in getattr(found, "labels", {}).items():
        assert name in (found.images if hasattr(found, "images") else found.ids)
        for one in label if hasattr(found, "images") else ():
            x1, y1, x2, y2 = one["box"]
            assert one["label"] in found.names
            assert 0 <= x1 < x2 <= SIZE[0]
            assert 0 <= y1 < y2 <= SIZE[1]
    return False
