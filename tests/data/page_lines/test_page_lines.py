"""Lines of PAGE XML and ALTO, cut out of their pages."""

import shutil
import subprocess
import warnings

import numpy as np
import pytest
from fuzzing import edited, fuzz
from hypothesis import strategies as st
from peers import run_with

import altasks as al
from altasks.data import read_alto_lines, read_page_lines
from altasks.data.samples.text_lines import rendered_lines
from altasks.errors import AltasksError, DataWarning, InvalidInputError

Image = pytest.importorskip("PIL.Image", reason="needs the extra vision")

SIZE = (20, 12)
PIXELS = np.arange(240, dtype=np.uint8).reshape(12, 20)
NAMESPACE = 'xmlns:pc="http://schema.primaresearch.org/PAGE/gts/pagecontent/2019-07-15"'


@pytest.fixture
def folder(tmp_path):
    for name in ("a.png", "b.png"):
        Image.fromarray(PIXELS).save(tmp_path / name)
    return tmp_path


def text(*texts):
    return "".join(
        f"<TextEquiv{'' if index is None else f' index={index!r}'}>"
        f"<Unicode>{said}</Unicode></TextEquiv>"
        for index, said in texts
    )


def line(name, points="2,3 18,3 18,9 2,9", *texts):
    return f'<TextLine id="{name}"><Coords points="{points}"/>{text(*texts)}</TextLine>'


def region(name, *lines):
    return f'<TextRegion id="{name}"><Coords points="0,0 1,1"/>{"".join(lines)}</TextRegion>'


def page(*parts, image="a.png", width=20, height=12):
    size = f'imageWidth="{width}" imageHeight="{height}"'
    return f'<PcGts><Page imageFilename="{image}" {size}>{"".join(parts)}</Page></PcGts>'


def alto(*lines, unit="pixel", image="a.png"):
    head = f"<MeasurementUnit>{unit}</MeasurementUnit>" if unit else ""
    source = f"<sourceImageInformation><fileName>{image}</fileName></sourceImageInformation>"
    block = f'<TextBlock ID="b">{"".join(lines)}</TextBlock>'
    return (
        f"<alto><Description>{head}{source}</Description><Layout>"
        f'<Page WIDTH="20" HEIGHT="12"><PrintSpace>{block}</PrintSpace></Page></Layout></alto>'
    )


def alto_line(name, inside='<String CONTENT="Anno"/>', box=(2, 3, 16, 6)):
    sides = zip(("HPOS", "VPOS", "WIDTH", "HEIGHT"), box, strict=True)
    placed = " ".join(f'{side}="{value}"' for side, value in sides)
    return f'<TextLine ID="{name}" {placed}>{inside}</TextLine>'


DEEP = "<OrderedGroup>" * 500 + "</OrderedGroup>" * 500


def write(folder, content, name="a.xml"):
    path = folder / name
    path.write_text(content, encoding="utf-8")
    return path


def test_lines_of_page_are_cut_out_with_their_texts(folder):
    write(
        folder, page(region("r", line("1", "2,3 18,4 18,9 2,8", ("0", " Anno 1617\n")), line("2")))
    )
    pool = read_page_lines(folder)
    assert pool.ids == ["a.png#1", "a.png#2"]
    assert pool.labels == {"a.png#1": "Anno 1617"}
    assert (np.asarray(pool["a.png#1"].convert("L")) == PIXELS[3:9, 2:18]).all()
    assert pool.passed_over == {"b.png": "no file with its lines"}
    data = al.read(folder / "a.xml", "page")  # one file alone
    assert data.unlabelled == ["a.png#2"]


def test_the_lowest_index_is_the_text_and_an_empty_one_is_none(folder):
    lines = [
        line("1", "2,3 18,9", ("1", "worse"), ("0", "best")),
        line("2", "2,3 18,9", (None, "first"), (None, "second")),
        line("3", "2,3 18,9", ("2", "b"), ("1", "a")),
        line("4", "2,3 18,9", ("0", "  ")),
        line("5", "2,3 18,9", ("0", "b"), (None, "a")),
    ]
    write(folder, page(region("r", *lines)))
    assert read_page_lines(folder).labels == {
        "a.png#1": "best", "a.png#2": "first", "a.png#3": "a", "a.png#5": "a"
    }  # fmt: skip


def test_lines_come_in_reading_order(folder):
    order = (
        '<ReadingOrder><OrderedGroup><OrderedGroupIndexed index="1" regionRef="x">'
        '<RegionRefIndexed index="1" regionRef="r1"/><RegionRefIndexed index="0" regionRef="r2"/>'
        '</OrderedGroupIndexed><RegionRefIndexed index="0" regionRef="r3"/></OrderedGroup>'
        "</ReadingOrder>"
    )
    inner = region("r4", line("4"))
    regions = [region(f"r{i}", line(str(i)), inner if i == 1 else "") for i in (1, 2, 3)]
    write(folder, page(order, *regions))
    assert read_page_lines(folder).ids == [f"a.png#{i}" for i in (3, 2, 1, 4)]


def test_prefixes_and_the_points_of_old_versions(folder):
    old = '<Coords><Point x="2" y="3"/><Point x="18" y="9"/></Coords>'
    content = page(region("r", f'<TextLine id="1">{old}{text((None, "x"))}</TextLine>'))
    for tag in (
        "PcGts",
        "Page",
        "TextRegion",
        "TextLine",
        "Coords",
        "TextEquiv",
        "Unicode",
        "Point",
    ):
        content = content.replace(f"<{tag}", f"<pc:{tag}").replace(f"</{tag}", f"</pc:{tag}")
    write(folder, content.replace("<pc:PcGts", f"<pc:PcGts {NAMESPACE}"))
    pool = read_page_lines(folder)
    assert pool.labels == {"a.png#1": "x"}
    assert pool["a.png#1"].size == (16, 6)


def test_alto(folder):
    blanks = '<String CONTENT="Anno"/><SP/><String CONTENT="16"/><HYP CONTENT="-"/>'
    words = '<String CONTENT="Anno"/><String CONTENT="1617"/>'
    shape = '<Shape><Polygon POINTS="2 3 18 3 18 9"/></Shape><String CONTENT="x"/>'
    lines = [alto_line("1", blanks), alto_line("2", words), alto_line("3", "")]
    write(folder, alto(*lines, f'<TextLine ID="4">{shape}</TextLine>'))
    pool = read_alto_lines(folder)
    assert pool.ids == [f"a.png#{i}" for i in (1, 2, 3, 4)]
    assert pool.labels == {"a.png#1": "Anno 16-", "a.png#2": "Anno 1617", "a.png#4": "x"}
    for name in pool.ids:
        assert (np.asarray(pool[name].convert("L")) == PIXELS[3:9, 2:18]).all()


def test_images_lie_elsewhere_and_pages_were_made_smaller(folder):
    (folder / "xml").mkdir()
    write(
        folder / "xml", page(region("r", line("1", "4,6 36,18", (None, "x"))), width=40, height=24)
    )
    with pytest.warns(DataWarning, match="another size"):
        pool = read_page_lines(folder / "xml", folder)
    assert (np.asarray(pool["a.png#1"].convert("L")) == PIXELS[3:9, 2:18]).all()
    write(folder / "xml", page(region("r", line("1")), width=40, height=12))
    with pytest.raises(InvalidInputError, match="in other proportions"):
        read_page_lines(folder / "xml", folder)


def test_a_photograph_that_is_turned(folder):
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", SIZE).save(folder / "t.jpg", exif=exif)  # upright: 12 x 20
    write(folder, page(region("r", line("1", "0,0 20,4")), image="t.jpg"), "t.xml")
    with pytest.raises(InvalidInputError, match="before EXIF turns it"):
        read_page_lines(folder)
    assert read_page_lines(folder, turned="stored")["t.jpg#1"].size == (4, 20)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (alto(alto_line("1")), "PAGE XML's root <PcGts>, found <alto>.*Read it as 'alto'"),
        ("<PcGts/>", "one <Page>, found 0"),
        ("<!DOCTYPE a><PcGts/>", "a DOCTYPE"),
        ("<PcGts", "XML"),
        (page(region("r", line("1", "2,3"))), "points 'x,y x,y ...', found '2,3'"),
        (page(region("r", line("1", "2,3 x,9"))), "points"),
        (page(region("r", line("1", "2,3 1e30,9"))), "points"),
        (page(region("r", '<TextLine id="1"/>')), "one <Coords> in each <TextLine>, found 0"),
        (page(region("r", line("1", "2,3 2,9"))), "x1 < x2"),
        (page(region("r", line("1", "2,3 99,9"))), "inside its image.*clip"),
        (page(region("r", line("1"), line("1"))), "distinct ids of lines, found '1' twice"),
        (page(region("r", line("1", "2,3 18,9", ("0", "a\nb")))), "one line of text"),
        (page(region("r", line("1", "2,3 18,9", ("x", "a")))), "a whole number as index"),
        (page(region("r", line("1")), image="../x.png"), "leads out of it"),
        (page(f"<ReadingOrder>{DEEP}</ReadingOrder>"), "inside each other"),
        (page(), "at least one line"),
    ],
)  # fmt: skip
def test_faults_of_page_name_file_and_line(folder, content, says):
    write(folder, content, "a.xml" if "../x" not in content else "x.xml")
    with pytest.raises(InvalidInputError, match=rf"(?s){says}"):
        read_page_lines(folder)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (page(region("r", line("1"))), "ALTO's root <alto>.*Read it as 'page'"),
        (alto(alto_line("1"), unit="mm10"), "MeasurementUnit 'pixel', found 'mm10'.*in pixels"),
        (alto(alto_line("1"), unit=""), "MeasurementUnit 'pixel', found none"),
        (alto(alto_line("1", box=("nan", 3, 4, 5))), "pixels as HPOS, found 'nan'"),
        (alto(alto_line("1", box=(2, 3, 99, 5))), "inside its image"),
        (alto('<TextLine ID="1"/>'), "or a Polygon, for each line"),
        (alto(alto_line("1"), image="c.png"), None),
    ],
)
def test_faults_of_alto_name_file_and_line(folder, content, says):
    path = write(folder, content, "a.xml")
    if says is None:  # the file's own name will do
        assert read_alto_lines(path).ids == ["a.png#1"]
        return
    with pytest.raises(InvalidInputError, match=rf"a\.xml: .*{says}"):
        read_alto_lines(folder)


def test_lines_that_are_left_out_are_named(folder):
    write(folder, page(region("r", line("1"), line("2", "5,5 5,9"))))
    pool = read_page_lines(folder, bad_boxes="skip")
    assert pool.ids == ["a.png#1"]
    assert pool.passed_over["a.png#2"] == "it has no area, or lies outside the page"
    write(folder, page(), "b.xml")
    write(folder, page(image="b.png"), "b.xml")
    assert read_page_lines(folder, bad_boxes="skip").passed_over["b.png"] == "no line on it"
    write(folder, page(region("r", line("1"))), "c.xml")
    with pytest.raises(InvalidInputError, match=r"c\.xml: .*'a\.png', which another has"):
        read_page_lines(folder, bad_boxes="skip")
    for path in folder.glob("*.xml"):
        path.unlink()
    with pytest.raises(InvalidInputError, match="an XML file, or a folder"):
        read_page_lines(folder)


PYPXML = """
import sys
from pypxml import PageType, PageUtil, PageXML
page = PageXML(imageFilename="a.png", imageWidth="20", imageHeight="12")
for number in (1, 2):
    region = page.create(PageType.TextRegion, id=f"r{number}")
    region.create(PageType.Coords, points="0,0 19,0 19,11")
    line = region.create(PageType.TextLine, id=f"l{number}")
    line.create(PageType.Coords, points="2,3 18,3 18,9 2,9")
    for index, said in (("1", "worse"), ("0", f"Anno 161{number} \U0001f600")):
        line.create(PageType.TextEquiv, index=index).create(PageType.Unicode).text = said
page.set_reading_order(["r2", "r1"], apply=False)
page.save(sys.argv[1])
for line in PageXML.open(sys.argv[1]).find_all(PageType.TextLine, -1):
    print(PageUtil.find_text(line))
"""


@pytest.mark.slow
def test_we_read_what_pypxml_writes(folder):
    printed = run_with("pypxml", "-c", PYPXML, folder / "a.xml")
    pool = read_page_lines(folder)
    assert pool.ids == ["a.png#l2", "a.png#l1"]
    assert pool["a.png#l1"].size == (16, 6)
    assert sorted(pool.labels.values()) == sorted(printed.splitlines())


@pytest.mark.slow
def test_we_read_what_tesseract_writes(tmp_path):
    if shutil.which("tesseract") is None:
        pytest.skip("needs Tesseract")
    line = rendered_lines(1, seed=0, wear=0)
    scan = Image.new("L", (line["0"].width + 80, 160), 255)
    scan.paste(line["0"], (40, 50))
    scan.save(tmp_path / "a.png")
    done = ["tesseract", tmp_path / "a.png", tmp_path / "a", "alto"]
    subprocess.run(done, check=True, capture_output=True)
    subprocess.run(done[:-1], check=True, capture_output=True)
    pool = read_alto_lines(tmp_path)
    said = [one for one in (tmp_path / "a.txt").read_text().splitlines() if one.strip()]
    assert list(pool.labels.values()) == said
    assert len(said) == 1
    width, height = pool[pool.ids[0]].size
    assert 0 < width <= line["0"].width
    assert 0 < height <= line["0"].height


PIECES = [
    '"', "<", ">", "/", "&", ",", " ", "0", "-1", "1e999", "nan", "99", "\0", "é", "<SP/>",
    "<TextLine/>", "<Page/>", "points", "index", "pc:", "..", "\n", "<!DOCTYPE a>", "\ud83d",
    "mm10", "b.png", "ID", "<Unicode/>",
]  # fmt: skip


@pytest.mark.timeout(0)
@pytest.mark.parametrize("kind", ["page", "alto"])
def test_any_xml_is_read_or_named(folder, kind):
    path = folder / "a.xml"
    good = {
        "page": page(region("r", line("1", "2,3 18,9", ("0", "Anno"), ("1", "x")), line("2"))),
        "alto": alto(alto_line("1"), alto_line("2", '<String CONTENT="a"/><SP/><HYP/>')),
    }[kind]
    reader = {"page": read_page_lines, "alto": read_alto_lines}[kind]

    def run(content, variant):
        path.write_bytes(content)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                pool = reader(folder, bad_boxes=["error", "clip", "skip"][variant % 3])
            except AltasksError as error:
                message = str(error)
                assert str(folder) in message
                return True
        for name in pool.ids:
            width, height = pool[name].size
            assert 0 < width <= SIZE[0]
            assert 0 < height <= SIZE[1]
        return False

    assert not all(run(good.encode(), variant) for variant in range(3))
    fuzz(run, edited(good, PIECES) | st.binary(max_size=40), st.integers(0, 5), examples=50)
