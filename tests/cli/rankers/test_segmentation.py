"""`altasks rank --task segmentation`: a folder of images in, masks and doubt out."""

import json

import numpy as np
import pytest

import altasks as al
from altasks.cli import app
from altasks.cli.rank import run_rank
from altasks.cli.rankers import RankRequest
from altasks.errors import InvalidInputError
from altasks.testing.rankers import RankerSuite

for _needed in ("transformers", "segmentation_models_pytorch"):
    pytest.importorskip(_needed, reason="needs the extra segmentation")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A small U-Net, saved, and four pictures of two sizes."""
    from PIL import Image

    root = tmp_path_factory.mktemp("segmentation")
    net = {"arch": "Unet", "encoder_name": "resnet18", "encoder_depth": 3}
    task = al.Segmentation(
        {**net, "decoder_channels": (16, 8, 8)}, labels=["ground", "thing"], tile=64, overlap=16
    )
    task.save(root / "model")
    (root / "pool").mkdir()
    rng = np.random.default_rng(0)
    for i in range(4):
        pixels = rng.integers(0, 256, (40, 50 + 20 * (i % 2), 3), np.uint8)
        Image.fromarray(pixels).save(root / "pool" / f"{i}.png")
    (root / "pool" / "notes.txt").write_text("not an image")
    return root


SHARED = ("acquisition", "batch_size", "force", "number", "seed", "skip_unreadable", "strategy")


def rank(folder, tmp_path, **options):
    request = RankRequest(
        task="segmentation",
        model=str(folder / "model"),
        pool=folder / "pool",
        out=tmp_path / "queue.jsonl",
        **{name: options.pop(name) for name in SHARED if name in options},
        options=options,
    )
    run_rank(request)
    return [json.loads(line) for line in request.out.read_text().splitlines()]


def test_images_are_ranked_with_their_masks(folder, tmp_path):
    rows = rank(folder, tmp_path, number=3)
    assert [row["rank"] for row in rows] == [1, 2, 3]
    scores = [row["score"] for row in rows]
    assert scores == sorted(scores, reverse=True)
    assert set(rows[0]["prediction"]["shares"]) <= {"ground", "thing"}
    assert rows[0]["prediction"]["members"] == 3
    assert rows[0]["path"].endswith(".png")


@pytest.mark.parametrize("regions", [None, "grid:32"])
def test_the_sheet_shows_masks_and_doubt(folder, tmp_path, regions):
    from PIL import Image

    sheet = tmp_path / "sheet.png"
    rows = rank(folder, tmp_path, number=4, regions=regions, sheet=sheet)
    assert len(rows) == 4
    with Image.open(sheet) as page:
        pixels = np.asarray(page.convert("RGB")).reshape(-1, 3).astype(int)
    # The images are noise in all colours, the page is grey: a heat map has its own.
    assert (np.ptp(pixels, axis=1) > 60).any()
    (tmp_path / "queue.jsonl").unlink()
    with pytest.raises(InvalidInputError, match="--sheet"):
        rank(folder, tmp_path, number=4, sheet=sheet)


def test_regions_are_ranked_across_images(folder, tmp_path):
    rows = rank(folder, tmp_path, number=5, regions="grid:32", acquisition="vote_entropy")
    assert len({row["id"] for row in rows}) == 5
    assert all("#" in row["id"] and len(row["box"]) == 4 for row in rows)


def test_what_does_not_fit_is_refused(folder, tmp_path, checkpoint, pool_csv):
    with pytest.raises(InvalidInputError, match="grid:SIDE"):
        rank(folder, tmp_path, regions="squares")
    with pytest.raises(InvalidInputError, match="truncate"):
        rank(folder, tmp_path, truncate=True)
    from typer.testing import CliRunner

    words = ["rank", "--task", "text-classification", "--model", str(checkpoint)]
    words += ["--pool", str(pool_csv), "--out", str(tmp_path / "q.jsonl"), "--regions", "grid:8"]
    result = CliRunner().invoke(app, words)
    assert result.exit_code == 2
    assert "--regions" in result.output


@pytest.fixture
def masks(tmp_path):
    from PIL import Image

    (tmp_path / "masks" / "more").mkdir(parents=True)
    mask = np.zeros((10, 10), np.uint8)
    mask[0, :3], mask[1] = 1, 255
    Image.fromarray(mask).save(tmp_path / "masks" / "a.png")
    Image.fromarray(np.zeros((2, 2), np.uint8)).save(tmp_path / "masks" / "more" / "b.png")
    return tmp_path / "masks"


@pytest.mark.parametrize(
    ("regions", "name"), [(None, None), ("grid:32", None), (None, "dice_disagreement")]
)
def test_rare_classes_weigh_more(folder, tmp_path, masks, capsys, regions, name):
    given = {"regions": regions, "acquisition": name, "force": True}
    plain = rank(folder, tmp_path, **given)
    weighted = rank(folder, tmp_path, class_weights=masks, **given)
    weights = [(94 + 2) / (91 + 1), (94 + 2) / (3 + 1)]  # 91 pixels of ground, 3 of thing
    told = capsys.readouterr().out
    assert f"thing {weights[1]:.3g}, ground {weights[0]:.3g}" in " ".join(told.split())
    task = al.Segmentation(folder / "model")
    pool = al.data.as_pool(folder / "pool", suffixes={".png"})
    pool = pool if regions is None else al.data.region_pool(pool, regions)
    scores = al.score(
        task, pool, name, acquisition_options={"class_weights": weights}, progress=False
    )
    expected = dict(zip(scores.ids, scores.values, strict=True))
    assert {row["id"]: row["score"] for row in weighted} == pytest.approx(expected)
    assert [row["score"] for row in weighted] != [row["score"] for row in plain]


def test_class_weights_that_do_not_fit_are_refused(folder, tmp_path, masks):
    from PIL import Image

    with pytest.raises(InvalidInputError, match=r"--class-weights: .*near_boundary"):
        rank(folder, tmp_path, class_weights=masks, acquisition="near_boundary")
    with pytest.raises(InvalidInputError, match="a folder with masks"):
        rank(folder, tmp_path, class_weights=tmp_path / "none")
    Image.fromarray(np.full((2, 2), 7, np.uint8)).save(masks / "c.png")
    with pytest.raises(InvalidInputError, match=r"classes 0 to 1.*c\.png"):
        rank(folder, tmp_path, class_weights=masks)


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, folder):
        model, pool = folder / "model", folder / "pool"
        task = ["--task", "segmentation", "--regions", "grid:32"]
        return [*task, "--model", str(model), "--pool", str(pool)]

    @pytest.fixture
    def labelled(self, folder, tmp_path):
        from PIL import Image

        masks = tmp_path / "masks"
        masks.mkdir()
        for path in (folder / "pool").glob("*.png"):
            with Image.open(path) as image:
                mask = np.zeros(image.size[::-1], np.uint8)
            mask[:10, :10] = 1
            Image.fromarray(mask).save(masks / path.name)
        task = ["--task", "segmentation", "--model", str(folder / "model")]
        options = [f"masks={masks}", 'classes=["ground", "thing"]']
        given = [word for option in options for word in ("--reader-option", option)]
        return [*task, "--data", str(folder / "pool"), *given, "--training-arg", "max_steps=1"]
