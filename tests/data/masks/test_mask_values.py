"""The meaning of the numbers in mask files: bits, palettes, grey levels, colours, and 255."""

import numpy as np
import pytest
from fuzzing import edited_bytes, fuzz
from hypothesis import strategies as st

from altasks.data import decode_mask, read_masks
from altasks.data.masks.masks import MaskReader
from altasks.errors import AltasksError, DataWarning, InvalidInputError

image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

SQUARE = np.zeros((6, 8), np.uint8)
SQUARE[1:4, 2:5] = 1
NAMES = ["ground", "thing"]


@pytest.fixture
def folders(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    for name in ("a", "b"):
        image.fromarray(np.zeros((6, 8, 3), np.uint8)).save(tmp_path / "images" / f"{name}.jpg")
    return tmp_path


@pytest.fixture
def read(folders):
    def read(classes=NAMES, **options):
        return read_masks(folders / "images", folders / "masks", classes=classes, **options)

    return read


def save(folders, name, array, mode=None, **options):
    path = folders / "masks" / name
    picture = image.fromarray(array)
    (picture if mode is None else picture.convert(mode)).save(path, **options)
    return path


@pytest.mark.parametrize("white", [255, 65535])
@pytest.mark.parametrize("suffix", ["png", "tif", "PNG"])
def test_white_is_the_second_of_two_classes(folders, read, white, suffix):
    array = SQUARE.astype(np.uint8 if white == 255 else np.uint16) * white
    save(folders, f"a.{suffix}", array)
    save(folders, "b.png", SQUARE * 0)
    masks = read().masks
    np.testing.assert_array_equal(decode_mask(masks["a"]), SQUARE)
    assert not decode_mask(masks["b"]).any()


def test_white_beside_a_class_is_void(folders, read):
    void = SQUARE.copy()
    void[0] = 255
    save(folders, "a.png", void)
    save(folders, "b.png", (SQUARE == 0).astype(np.uint8) * 255)
    masks = read().masks
    assert masks == {"a": str(folders / "masks/a.png"), "b": str(folders / "masks/b.png")}


def test_white_in_doubt_is_refused(folders, read):
    save(folders, "a.png", SQUARE)
    white = save(folders, "b.png", SQUARE * 255)
    with pytest.raises(InvalidInputError, match=r"only 0 and 255 in .*b\.png.*a\.png.*void=255"):
        read()
    with pytest.raises(InvalidInputError, match="only 0 and 255"):
        read(classes=["ground", "thing", "other"])
    assert read(void=255).masks["b"] == str(white)
    (folders / "masks/a.png").unlink()
    assert decode_mask(read(void=255).masks["b"]).max() == 255


def test_grey_levels_by_name(folders, read):
    save(folders, "a.png", SQUARE * 128)
    save(folders, "b.png", np.dstack([SQUARE * 255] * 3))
    greys = {"ground": 0, "half": 128, "thing": 255}
    masks = read(classes=greys).masks
    np.testing.assert_array_equal(decode_mask(masks["a"]), SQUARE)
    np.testing.assert_array_equal(decode_mask(masks["b"]), SQUARE * 2)
    with pytest.raises(InvalidInputError, match=r"found 255 \(.*b\.png, row 1, column 2.*void=255"):
        read(classes={"ground": 0, "half": 128})
    marked = read(classes={"ground": 0, "half": 128}, void=255)
    np.testing.assert_array_equal(decode_mask(marked.masks["b"]), SQUARE * 255)
    for wrong in ({"a": 0, "b": 0}, {"a": 0, "b": -1}, {"a": 0, "b": (1, 2, 3)}, {"a": True}):
        with pytest.raises(InvalidInputError, match="of its own for each class"):
            read(classes=wrong)
    save(folders, "b.png", np.dstack([SQUARE * 255, SQUARE, SQUARE]))
    with pytest.raises(InvalidInputError, match=r"grey levels, found the colour \(255, 1, 1\)"):
        read(classes=greys)


def test_a_number_beyond_the_classes_names_its_pixel(folders, read):
    save(folders, "a.png", SQUARE * 7)
    with pytest.raises(InvalidInputError, match=r"found 7 \(.*a\.png, row 1, column 2.*grey level"):
        read()


def low_bit(path, array, bits):
    """Write a grey PNG of 1, 2 or 4 bits, which Pillow itself doesn't."""
    import struct
    import zlib

    rows = b""
    for row in array:
        digits = "".join(format(int(value), f"0{bits}b") for value in row)
        digits += "0" * (-len(digits) % 8)
        rows += b"\0" + bytes(int(digits[i : i + 8], 2) for i in range(0, len(digits), 8))

    def chunk(kind, data):
        body = kind + data
        return struct.pack(">I", len(data)) + body + struct.pack(">I", zlib.crc32(body))

    head = struct.pack(">IIBBBBB", array.shape[1], array.shape[0], bits, 0, 0, 0, 0)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )  # fmt: skip


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_low_bit_grey_files_hold_their_numbers(folders, read, bits):
    numbers = np.arange(48).reshape(6, 8) % 2**bits
    low_bit(folders / "masks/a.png", numbers, bits)
    names = [f"c{i}" for i in range(2**bits)]
    np.testing.assert_array_equal(decode_mask(read(classes=names).masks["a"]), numbers)
    np.testing.assert_array_equal(decode_mask(image.open(folders / "masks/a.png")), numbers)


def test_palettes_sixteen_bits_and_arrays(folders, read):
    numbers = (np.arange(48).reshape(6, 8) % 5).astype(np.uint8)
    names = [f"c{i}" for i in range(5)]
    paletted = image.fromarray(numbers).convert("P")
    paletted.putdata(numbers.ravel().tolist())
    paletted.putpalette([i * 9 % 256 for i in range(768)])
    paletted.save(folders / "masks/a.png", bits=4)
    image.fromarray(numbers.astype(np.uint16)).save(folders / "masks/b.tiff")
    for mask in read(classes=names).masks.values():
        np.testing.assert_array_equal(decode_mask(mask), numbers)
    (folders / "masks/b.tiff").unlink()
    np.save(folders / "masks/b.npy", numbers)
    assert decode_mask(read(classes=names).masks["b"]).tolist() == numbers.tolist()
    np.save(folders / "masks/b.npy", numbers > 0)
    assert decode_mask(folders / "masks/b.npy").max() == 1


def test_clear_pixels_of_painted_masks_are_not_painted(folders, read):
    colours = np.zeros((6, 8, 4), np.uint8)
    colours[SQUARE == 1] = (255, 0, 0, 255)
    colours[0, 0] = (0, 255, 0, 0)  # a colour that nobody sees
    save(folders, "a.png", colours)
    mask = decode_mask(read(classes={"red": (255, 0, 0)}).masks["a"])
    np.testing.assert_array_equal(mask, np.where(SQUARE == 1, 0, 255))
    colours[0, 0, 3] = 9
    save(folders, "a.png", colours)
    with pytest.raises(InvalidInputError, match=r"an alpha of 9 \(.*a\.png, row 0, column 0"):
        read(classes={"red": (255, 0, 0)})


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("a.jpg", SQUARE, r"a JPEG.*a\.jpg"),
        ("a.jpeg", SQUARE, "a JPEG"),
        ("a.npz", b"x", r"images, or arrays in \.npy files.*a\.npz"),
        ("a.png", b"x", r"an image.*a\.png"),
        ("a.npy", b"x", r"an array.*a\.npy"),
        ("a.webp", np.dstack([SQUARE] * 3), "one of mode 'RGB'"),
        ("a.tif", [SQUARE, SQUARE], r"one of 2 pages.*a\.tif"),
        ("a.gif", [SQUARE, SQUARE * 2], "one of 2 pages"),
        ("a.png", SQUARE[:, :6], r"6 x 8 \(height x width\), found 6 x 6 .*not resized"),
        ("a.npy", SQUARE.T, r"6 x 8 \(height x width\), found 8 x 6"),
        ("a.npy", SQUARE.astype(float), "type float64"),
    ],
)
def test_files_that_are_no_masks_are_named(folders, read, name, content, says):
    path = folders / "masks" / name
    if isinstance(content, bytes):
        path.write_bytes(content)
    elif name.endswith(".npy"):
        np.save(path, content)
    elif isinstance(content, list):
        first, *rest = map(image.fromarray, content)
        first.save(path, save_all=True, append_images=rest)
    else:
        image.fromarray(content).save(path)
    with pytest.raises(InvalidInputError, match=says):
        read()


def test_what_else_lies_in_the_folder_is_named(folders, read):
    save(folders, "a.png", SQUARE)
    for system in ("._a.png", "Thumbs.db", ".DS_Store"):
        (folders / "masks" / system).write_bytes(b"\0\1")
    (folders / "masks/.ipynb_checkpoints").mkdir()
    save(folders, ".ipynb_checkpoints/a-checkpoint.png", SQUARE)
    assert list(read().masks) == ["a"]
    (folders / "masks/labels.txt").write_text("ground\nthing\n")
    with pytest.warns(DataWarning, match=r"1 files of .*labels\.txt"):
        found = read()
    assert found.passed_over == {"labels.txt": "neither an image nor an array"}


def test_names_with_an_ending(folders, read):
    save(folders, "a_mask.png", SQUARE)
    save(folders, "b_mask.png", SQUARE)
    with pytest.raises(InvalidInputError, match=r"a_mask\.png.*2 of 2.*mask_suffix='_mask'"):
        read()
    assert list(read(mask_suffix="_mask").masks) == ["a", "b"]
    for name in ("a", "b"):
        (folders / f"images/{name}_mask.png").write_bytes(
            (folders / f"masks/{name}_mask.png").read_bytes()
        )
    both = read_masks(folders / "images", folders / "images", classes=NAMES, mask_suffix="_mask")
    assert (list(both.images), list(both.masks)) == (["a", "b"], ["a", "b"])
    save(folders, "a_mask.tif", SQUARE)
    with pytest.raises(InvalidInputError, match=r"one file of each name.*a_mask\.png.*a_mask\.tif"):
        read(mask_suffix="_mask")


@pytest.mark.parametrize("orientation", [5, 6, 7, 8])
def test_masks_of_turned_photographs(folders, read, orientation):
    exif = image.Exif()
    exif[0x0112] = orientation
    stored = np.zeros((6, 8, 3), np.uint8)
    image.fromarray(stored).save(folders / "images/a.jpg", exif=exif)  # upright: 8 x 6
    save(folders, "a.png", SQUARE)
    with pytest.raises(InvalidInputError, match=rf"8 x 6 .*found 6 x 8.*orientation {orientation}"):
        read()
    save(folders, "a.png", np.ascontiguousarray(SQUARE.T))
    assert decode_mask(read().masks["a"]).shape == (8, 6)
    # A mask that is turned in the same way is turned with its photograph.
    save(folders, "a.png", SQUARE, exif=exif)
    turned = decode_mask(read().masks["a"])
    from PIL import ImageOps

    stored[SQUARE == 1] = 255
    picture = image.fromarray(stored)
    picture.getexif()[0x0112] = orientation
    np.testing.assert_array_equal(
        turned, np.asarray(ImageOps.exif_transpose(picture))[:, :, 0] // 255
    )


def test_labels_that_are_only_void_and_ground_are_doubted(folders):
    path = save(folders, "a.png", SQUARE * 255)
    with pytest.warns(DataWarning, match=r"no mask has a class above 0.*a\.png.*read_masks"):
        assert MaskReader(2, 255).counts([path], whole=True) == [39, 0]
    with pytest.warns(DataWarning, match="row 0"):
        MaskReader(2, 255).counts([SQUARE * 255], whole=True)
    # The masks of regions are void but for the region.
    assert MaskReader(2, 255).counts([SQUARE * 255]) == [39, 0]
    # A class somewhere among them makes 255 void for certain.
    assert MaskReader(2, 255).counts([SQUARE * 255, SQUARE], whole=True) == [78, 9]


def test_more_classes_than_a_byte_need_a_void(read, folders):
    names = [f"c{i}" for i in range(300)]
    save(folders, "a.png", SQUARE.astype(np.uint16) * 299)
    with pytest.raises(InvalidInputError, match="void: expected a number beyond the 300"):
        read(classes=names)
    assert decode_mask(read(classes=names, void=65535).masks["a"]).max() == 299


HEADS = st.sampled_from(
    [
        b"", b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\0\x08\0\0\0\x06", b"\x93NUMPY\x01\0v\0",
        b"II*\0\x08\0\0\0", b"GIF89a\x08\0\x06\0", b"BM", b"P5 8 6 255\n", b"RIFF\x20\0\0\0WEBP",
    ]
)  # fmt: skip
SUFFIXES = st.sampled_from([".png", ".npy", ".tif", ".gif", ".bmp", ".webp", ".pgm"])


@pytest.mark.timeout(0)
@pytest.mark.filterwarnings("ignore")
def test_any_bytes_are_a_mask_or_named(folders, read):
    def run(file, coloured):
        content, suffix = file
        for old in (folders / "masks").iterdir():
            old.unlink()
        (folders / "masks" / f"a{suffix}").write_bytes(content)
        try:
            found = read(classes={"a": (0, 0, 0)} if coloured else NAMES)
        except AltasksError as error:
            message = str(error)
            assert f"a{suffix}" in message
            return True
        assert decode_mask(found.masks["a"]).shape == (6, 8)
        return False

    torn = st.tuples(HEADS, st.binary(max_size=200)).map(b"".join)
    files = st.tuples(torn, SUFFIXES)
    for suffix, content in good_files(folders):
        files |= st.tuples(edited_bytes(content), st.just(suffix))
    fuzz(run, files, st.booleans())


def good_files(folders):
    """Yield (suffix, content) of masks as programs save them, of every kind there is."""
    pictures = {
        "grey": image.fromarray(SQUARE),
        "white": image.fromarray(SQUARE * 255),
        "one bit": image.fromarray(SQUARE * 255).convert("1"),
        "wide": image.fromarray(SQUARE.astype(np.uint16)),
        "colour": image.fromarray(np.zeros((6, 8, 3), np.uint8)),
        "palette": image.fromarray(SQUARE).convert("P"),
    }
    for picture in pictures.values():
        for suffix in (".png", ".tif", ".bmp", ".gif", ".webp"):
            path = folders / f"good{suffix}"
            try:
                picture.save(path, **({"lossless": True} if suffix == ".webp" else {}))
            except OSError:  # a format that has no such kind
                continue
            yield suffix, path.read_bytes()
    for array in (SQUARE, SQUARE.astype(np.int64), SQUARE.astype(np.float32)):
        np.save(folders / "good.npy", array)
        yield ".npy", (folders / "good.npy").read_bytes()
