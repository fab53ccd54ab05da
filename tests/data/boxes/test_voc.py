"""Pascal VOC's XML as other tools write it, and XML that isn't VOC's."""

import numpy as np
import pytest

from altasks.data import read_voc
from altasks.data.boxes.voc import count_voc
from altasks.errors import DataWarning, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

OBJECT = (
    "<object><name>{}</name>{}<bndbox><xmin>1</xmin><ymin>2</ymin><xmax>30</xmax><ymax>40</ymax>"
    "</bndbox></object>"
)
BOX = [{"label": "c", "box": [1, 2, 30, 40]}]


@pytest.fixture
def lay(tmp_path):
    """Return a function that writes images, and XML files by their paths."""

    def run(*images, **files):
        for name in images:
            path = tmp_path / "i" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(np.zeros((48, 64, 3), np.uint8)).save(path)
        for name, body in files.items():
            path = tmp_path / "x" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(body if body.startswith("<") else f"<annotation>{body}</annotation>")
        return tmp_path / "x", tmp_path / "i"

    return run


def annotation(filename="", *objects):
    body = "".join(objects or [OBJECT.format("c", "")])
    return f"<annotation><filename>{filename}</filename>{body}</annotation>"


class TestWhatIsVoc:
    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("<annotations><image name='a.jpg'/></annotations>", "CVAT's own XML"),
            ("<Annotation/>", "small letters"),
            ("<doc/>", "VOC's root <annotation>, found <doc>"),
            ("<annotation>\n<Object><Name>c</Name></Object></annotation>", "<Object> .line 2"),
            ("<annotation><objects><item/></objects></annotation>", "no <object>, but <objects>"),
            ("<annotation>\n\n<polygon/></annotation>", "<polygon> .line 3"),
            ("<annotation><part><BNDBOX/></part></annotation>", "no <object>, but <part>"),
        ],
    )
    def test_other_xml_is_not_an_empty_image(self, lay, text, message):
        folders = lay("a.jpg", **{"a.xml": text})
        with pytest.raises(InvalidInputError, match=rf"a\.xml.*{message}"):
            read_voc(*folders)
        with pytest.raises(InvalidInputError, match=rf"a\.xml.*{message}"):
            count_voc(folders[0], ["c"])

    @pytest.mark.parametrize(
        "text",
        [
            "<annotation/>",
            "<annotation><folder>f</folder><source><database>d</database></source>"
            "<size><width>64</width><height>48</height></size><segmented>0</segmented></annotation>",
            "<annotation verified='yes'><timestamp>1</timestamp></annotation>",
        ],
    )
    def test_no_objects_are_nothing_on_it(self, lay, text):
        assert read_voc(*lay("a.jpg", **{"a.xml": text})).labels == {"a.jpg": []}

    def test_difficult_objects_are_a_choice(self, lay):
        hard = OBJECT.format("c", "<difficult>1</difficult>")
        easy = OBJECT.format("c", "<difficult>0</difficult>")
        folders = lay(
            "a.jpg", "b.jpg", **{"a.xml": annotation("", hard), "b.xml": annotation("", hard, easy)}
        )
        assert read_voc(*folders).labels == {"a.jpg": BOX, "b.jpg": BOX * 2}
        with pytest.warns(DataWarning, match=r"1 images stay unlabelled.*a\.jpg"):
            found = read_voc(*folders, skip_difficult=True)
        assert found.labels == {"b.jpg": BOX}

    @pytest.mark.parametrize("number", ["1_0", "nan", "", "1,5", "inf"])
    def test_corners_are_plain_numbers(self, lay, number):
        text = annotation().replace("<ymin>2<", f"<ymin>{number}<")
        with pytest.raises(InvalidInputError, match=r"four numbers, found .*ymin.*line 1"):
            read_voc(*lay("a.jpg", **{"a.xml": text}))

    def test_an_unknown_encoding_is_named(self, lay):
        text = '<?xml version="1.0" encoding="klingon"?>' + annotation()
        with pytest.raises(InvalidInputError, match=r"a\.xml: expected XML"):
            read_voc(*lay("a.jpg", **{"a.xml": text}))


class TestWhichImage:
    @pytest.mark.parametrize(
        "filename", ["", "a.jpg", "a", "a.JPEG", "a.png", "gone.png", "i/a.jpg"]
    )
    def test_it_is_found_by_its_own_name(self, lay, filename):
        folders = lay("a.JPG", **{"a.XML": annotation(filename)})
        assert read_voc(*folders).labels == {"a.JPG": BOX}

    def test_it_is_found_by_filename(self, lay):
        folders = lay("b.jpg", "c.png", **{"1.xml": annotation("b.jpg"), "2.xml": annotation("c")})
        assert read_voc(*folders).labels == {"b.jpg": BOX, "c.png": BOX}

    @pytest.mark.parametrize("filename", ["b.jpg", "b", "b.png"])
    def test_another_image_that_is_there_is_a_contradiction(self, lay, filename):
        folders = lay("a.jpg", "b.jpg", **{"a.xml": annotation(filename)})
        with pytest.raises(InvalidInputError, match=rf"one image, 'a\.jpg', found .*'{filename}'"):
            read_voc(*folders)

    def test_two_images_of_its_name_need_one_that_is_named(self, lay):
        folders = lay("a.jpg", "a.png", **{"a.xml": annotation()})
        with pytest.raises(InvalidInputError, match=r"one image of its name, found 'a\.jpg' and"):
            read_voc(*folders)
        lay(**{"a.xml": annotation("a.png")})
        assert list(read_voc(*folders).images) == ["a.png"]

    def test_system_files_are_passed_over(self, lay):
        xml = {"a.xml": annotation(), ".ipynb_checkpoints/a-checkpoint.xml": annotation()}
        folders = lay("a.jpg", "._a.jpg", **xml)
        (folders[0] / "._a.xml").write_bytes(b"\0\5\x16\7")
        (folders[0] / "notes.txt").write_text("x")
        found = read_voc(*folders)
        assert found.labels == {"a.jpg": BOX}
        assert found.passed_over["notes.txt"] == "another suffix"
        assert count_voc(folders[0], ["c"]) == [1]

    def test_a_folder_called_like_a_file_is_none(self, lay):
        folders = lay("a.jpg", **{"a.xml": annotation(), "deep.xml/b.txt": "x"})
        assert len(read_voc(*folders)) == 1


class TestMoreThanOne:
    @pytest.mark.parametrize(
        ("text", "tag"),
        [
            (annotation("a.jpg", OBJECT.format("c", "<name>d</name>")), "name"),
            (annotation("a.jpg", OBJECT.format("c", "<bndbox><xmin>1</xmin></bndbox>")), "bndbox"),
            (annotation("a.jpg").replace("<object>", "<filename>b.jpg</filename><object>"),
             "filename"),
        ],
    )  # fmt: skip
    def test_a_second_element_is_refused(self, lay, text, tag):
        with pytest.raises(InvalidInputError, match=rf"a\.xml: expected one <{tag}>.*line 1"):
            read_voc(*lay("a.jpg", "b.jpg", **{"a.xml": text}))

    def test_parts_of_an_object_are_not_objects(self, lay):
        part = "<part><name>head</name><bndbox><xmin>3</xmin></bndbox></part>"
        text = annotation("a.jpg", OBJECT.format("c", part))
        assert read_voc(*lay("a.jpg", **{"a.xml": text})).labels == {"a.jpg": BOX}

    def test_what_labelme_keeps_of_deleted_objects_is_left_out(self, lay):
        gone, kept = (OBJECT.format("c", f"<deleted>{flag}</deleted>") for flag in "10")
        folders = lay("a.jpg", "b.jpg", **{
            "a.xml": annotation("a.jpg", gone, kept), "b.xml": annotation("b.jpg", gone)
        })  # fmt: skip
        with pytest.warns(DataWarning, match=r"b\.jpg"):
            assert read_voc(*folders).labels == {"a.jpg": BOX}


@pytest.mark.parametrize("name", ["../JPEGImages/a.jpg", "/home/me/a.jpg", "..\\a.jpg"])
def test_a_name_from_another_machine_is_found_by_its_end(lay, name):
    """Where it leads to what is there no image of, it stays an error."""
    assert read_voc(*lay("a.jpg", **{"a.xml": annotation(name)})).labels == {"a.jpg": BOX}
    with pytest.raises(InvalidInputError, match=r"b\.xml.*leads out"):
        read_voc(*lay("c.jpg", **{"b.xml": annotation(name.replace("a.jpg", "d.jpg"))}))
