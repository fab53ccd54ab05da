"""Segmentation: stages, tiles, regions, and what must never count."""

import json
import math

import numpy as np
import pytest
import torch
from torch import nn

import altasks as al
from altasks._internal.random import isolated
from altasks.data import encode_mask, region_labels, region_pool
from altasks.errors import (
    CommitteeError,
    DataWarning,
    InvalidInputError,
    UnreadableSampleError,
    UnsupportedPredictionError,
)
from altasks.tasks.segmentation.weak_labels import weak_labels, with_weak_labels
from altasks.testing.tasks import TaskSuite

for _needed in ("transformers", "safetensors", "PIL"):
    pytest.importorskip(_needed, reason="needs the extra segmentation")

NAMES = ["ground", "disc", "cross"]
#: How far the small net looks: three 3x3 convolutions, one of them dilated.
RADIUS = 4


def small_net(channels=3, classes=3, dropout=0.0):
    with isolated(5):
        return nn.Sequential(
            nn.Conv2d(channels, 6, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=2, dilation=2),
            nn.ReLU(),
            nn.Dropout(dropout),
            nn.Conv2d(6, classes, 3, padding=1),
        )


def strided_net():
    """Two stages at lower resolutions than the output."""
    with isolated(6):
        return nn.Sequential(
            nn.Conv2d(3, 6, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Conv2d(6, 6, 3, padding=1, stride=2),
            nn.ReLU(),
            nn.Upsample(scale_factor=4, mode="bilinear"),
            nn.Conv2d(6, 3, 1),
        )


def images(count=4, height=20, width=24, channels=3, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 256, (height, width, channels), np.uint8) for _ in range(count)]


def masks_of(pictures):
    found = [(one[:, :, 0] // 86).astype(np.uint8) for one in pictures]
    for one in found:
        one[:2] = 255
    return found


FIT = {"max_steps": 2, "per_device_train_batch_size": 2, "learning_rate": 0.02}


def make(net=None, *, trained=True, **options):
    given = {"labels": NAMES, "stages": ["0", "2"], "stride": 4, "training_args": FIT, **options}
    task = al.Segmentation(small_net() if net is None else net, **given)
    if trained:  # new heads would be warned of; these are drawn far apart on purpose
        with isolated(7), torch.no_grad():
            for parameter in task.model.heads.parameters():
                parameter.copy_(2 * torch.randn_like(parameter))
        task._head_is_new = False
    return task


class TestSuite(TaskSuite):
    @pytest.fixture
    def make_task(self):
        return make

    @pytest.fixture
    def samples(self):
        return images()

    @pytest.fixture
    def labels(self, samples):
        return masks_of(samples)

    @pytest.fixture
    def bad_labels(self):
        return [
            np.full((4, 4), 7),
            np.full((4, 4), 255),
            np.zeros((4, 4)),
            np.zeros(4, int),
            "no_such_mask.png",
            {"size": [2, 2], "classes": [0], "counts": [3]},
            {"size": [2, 2], "classes": [0]},
            None,
        ]


def upsampled_stages(task, image):
    """The committee's distributions over one image that needs no padding, the long way."""
    window = task.normalise(image)[None]
    with torch.no_grad():
        maps = task.model(window)["logits"]
    size = image.shape[:2]
    full = [
        torch.nn.functional.interpolate(one, size=size, mode="bilinear", align_corners=False)[0]
        for one in maps
    ]
    return torch.stack([one.double().softmax(0) for one in full]).numpy()  # K x C x H x W


def entropy(values):
    return -sum(p * math.log(p) for p in values if p > 0)


def test_stage_disagreement_is_the_mean_jensen_shannon_divergence():
    task = make(strided_net(), stages=["0", "2"])
    (image,) = images(1, 8, 12)
    probs = upsampled_stages(task, image)
    divergences = []
    for row in range(8):
        for column in range(12):
            stages = probs[:, :, row, column]
            mean = entropy(stages.mean(0))
            divergences.append(mean - np.mean([entropy(one) for one in stages]))
    score = al.score(task, [image], "bald", progress=False).values[0]
    assert score == pytest.approx(np.mean(divergences), rel=1e-4)
    assert score > 0.01
    prediction = task.predict([image])
    assert prediction.units.members == 3
    got = prediction.units.probs.permute(1, 2, 0).reshape(probs.shape).numpy()
    np.testing.assert_allclose(got, probs, atol=1e-5)


def test_tiles_change_nothing_where_the_overlap_covers_what_the_model_sees():
    (image,) = images(1, 45, 70)
    whole = make(tile=128, overlap=0).predict([image])
    for tile, overlap in ((16, RADIUS), (24, RADIUS + 2), (32, RADIUS)):
        cut = make(tile=tile, overlap=overlap).predict([image])
        assert torch.allclose(cut.units.probs, whole.units.probs, atol=1e-5)
    rim = make(tile=16, overlap=0).predict([image])
    changed = (rim.units.probs - whole.units.probs).abs().amax((1, 2)).reshape(45, 70) > 1e-5
    assert changed.any()
    # Only pixels nearer to a cut than the model looks: cuts are at multiples of 16, and where the
    # last window, which is moved inwards, meets the one before it.
    columns = np.flatnonzero(changed.any(0).numpy())
    cuts = [16, 32, 48, 60]
    near = [min(abs(c + 0.5 - one) for one in cuts) <= RADIUS for c in columns]
    rows_too = changed[:, [c for c, yes in zip(columns, near, strict=True) if not yes]]
    rows = np.flatnonzero(rows_too.any(1).numpy())
    assert all(min(abs(r + 0.5 - one) for one in (16, 32, 40)) <= RADIUS for r in rows)


@pytest.mark.parametrize("reduce", ["mean", "sum", "max", "top_k"])
def test_scores_do_not_depend_on_batches_neighbours_or_streaming(reduce):
    pool = [*images(3), *images(2, 9, 31, seed=1)]
    task = make()
    options = {"reduce": reduce}
    expected = al.bald(task.predict(pool), **options).numpy()
    for batch_size, windows in ((1, 1), (2, 2), (5, 3)):
        other = make(batch_size=windows)
        scores = al.score(
            other, pool, "bald", batch_size=batch_size, acquisition_options=options, progress=False
        )
        np.testing.assert_allclose(scores.values, expected, rtol=1e-4)
    backwards = al.score(task, pool[::-1], "bald", acquisition_options=options, progress=False)
    np.testing.assert_allclose(backwards.values[::-1], expected, rtol=1e-4)


def test_a_stream_gives_every_pixel_once_as_a_view():
    task = make(tile=16, overlap=4)
    pool = images(2, 30, 41)
    counts = np.zeros(2, int)
    for place, units in task.iter_predict(pool):
        counts[place] += len(units)
        pixels, members, classes = units.probs.stride()
        assert pixels == 1
        assert members > classes > 1
    assert counts.tolist() == [30 * 41] * 2


def test_void_pixels_never_count():
    task, pictures = make(), images(2)
    truth = masks_of(pictures)
    clean = task.evaluate(pictures, truth)
    changed = [np.where(one == 255, 255, one) for one in truth]
    changed[0][3:6] = 255
    assert task.evaluate(pictures, changed) != clean
    # The same predictions with another truth under the void.
    assert task.evaluate([pictures[0][2:]], [truth[0][2:]]) != {}
    first, second = make(), make()
    other = [one.copy() for one in pictures]
    first.fit(pictures, truth, seed=1, weights=[1.0, 0.0])
    other[1] = other[1][::-1].copy()  # its weight is 0
    second.fit(other, truth, seed=1, weights=[1.0, 0.0])
    same = [
        torch.allclose(a, b, atol=1e-6)
        for a, b in zip(first.model.parameters(), second.model.parameters(), strict=True)
    ]
    assert all(same)


def test_any_size_is_padded_and_cropped():
    smp = pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    net = smp.Unet("resnet18", encoder_weights=None, classes=3, decoder_channels=(32, 16, 16, 8, 8))
    task = make(net, stages=None, stride=None)
    assert task.stride == 32
    assert task.stages == [f"decoder.blocks.{i}" for i in range(4)]
    (image,) = images(1, 37, 53)
    prediction = task.predict([image])
    assert len(prediction.units) == 37 * 53
    assert prediction.members == 5
    assert task.embed([image, image]).shape == (2, 512)
    assert al.Segmentation(net, labels=NAMES, stages=2).stages == [
        "decoder.blocks.2",
        "decoder.blocks.3",
    ]
    assert al.Segmentation(net, labels=NAMES, stages=[0, -1]).stages == [
        "decoder.blocks.0",
        "decoder.blocks.3",
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arch", "first", "count"),
    [
        ("UnetPlusPlus", "decoder.blocks.x_0_0", 4),
        ("MAnet", "decoder.blocks.0", 4),
        ("Linknet", "decoder.blocks.0", 4),
        ("FPN", "decoder.seg_blocks.0", 4),
        ("PAN", "decoder.fpa", 3),
        ("PSPNet", "decoder.psp", 1),
        ("UPerNet", "decoder.fpn_conv_blocks.0", 3),
        ("Segformer", "decoder.mlp_stage.0", 5),
        ("DeepLabV3", "decoder.aspp", 1),
        ("DeepLabV3Plus", "decoder.aspp", 1),
    ],
)
def test_the_stages_of_known_decoders_are_found_and_trained(arch, first, count, tmp_path):
    pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    spec = {"arch": arch, "encoder_name": "resnet18"}
    fit = {**FIT, "max_steps": 1}
    task = al.Segmentation(spec, labels=NAMES, training_args=fit)
    assert task.stages[0] == first
    assert len(task.stages) == count
    pictures = images(1, 128, 130)  # one image: a global average would have one value to norm
    task.fit(pictures, masks_of(pictures), seed=0)
    task.save(tmp_path / arch)
    again = al.Segmentation(tmp_path / arch)
    assert again.stages == task.stages
    assert torch.equal(again.predict(pictures).units.probs, task.predict(pictures).units.probs)


def test_a_saved_folder_may_be_asked_by_another_committee(tmp_path):
    pytest.importorskip("segmentation_models_pytorch", reason="needs the extra segmentation")
    spec = {"arch": "Unet", "encoder_name": "resnet18", "encoder_depth": 3}
    spec["decoder_channels"] = [16, 8, 4]
    pictures = images(2)
    folders = [tmp_path / name for name in "ab"]
    for seed, folder in enumerate(folders):
        task = al.Segmentation(spec, labels=NAMES, std=[0.5] * 3, training_args=FIT)
        task.fit(pictures, masks_of(pictures), seed=seed)
        task.save(folder)
    probs = task.predict(pictures).units.probs  # of the two stages and the output
    one = al.Segmentation(folders[1], stages=1).predict(pictures)
    assert torch.equal(one.units.probs, probs[:, 1:])
    assert al.Segmentation(folders[1]).class_weights == task.class_weights != [3, 3, 3]
    both = al.Segmentation(committee=al.Ensemble(folders))
    assert both.labels == NAMES
    assert torch.equal(both.predict(pictures).units.probs[:, 1], probs[:, 2])
    with pytest.warns(UserWarning, match="new"):
        al.Segmentation(folders[1], stages=["encoder.layer1", 1]).predict(pictures)
    for labels in (NAMES[::-1], NAMES[:2]):
        with pytest.raises(InvalidInputError, match="in its order"):
            al.Segmentation(folders[1], labels=labels)
    (folders[1] / "model.safetensors").write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match=r"damaged file.*model\.safetensors"):
        al.Segmentation(folders[1])


@pytest.mark.parametrize("channels", [1, 12])
def test_images_of_other_channels(channels):
    task = make(small_net(channels))
    pictures = images(2, 9, 11, channels)
    if channels == 12:
        pictures[1] = pictures[1].astype(np.float32) / 100
    task.fit(pictures, [one[:, :, 0].astype(int) // 128 for one in images(2, 9, 11)], seed=0)
    prediction = task.predict(pictures)
    assert prediction.lengths.tolist() == [99, 99]
    told = task.describe_many(pictures)[0]
    assert task.picture(pictures[0], told).size == (2 * 11 + 4, 9)
    wrong = images(1, 9, 11, 4)
    if channels == 12:
        with pytest.raises(UnreadableSampleError, match=r"\[H, W, 12\]") as caught:
            task.predict([pictures[0], wrong[0]])
        assert list(caught.value.rows) == [1]
    parts = region_pool(pictures, "grid:6")
    scores = al.score(task, parts, "bald", progress=False)
    assert len(scores) == 8
    whole = al.score(
        task, pictures[1:], "bald", acquisition_options={"reduce": "sum"}, progress=False
    )
    sums = scores.values[4:] * [parts[name].pixels for name in parts.ids[4:]]
    assert sums.sum() == pytest.approx(whole.values[0], rel=1e-4)


def test_a_mask_that_is_not_its_images_is_named(tmp_path):
    task = make()
    pictures = images(2)
    good = masks_of(pictures)
    with pytest.raises(
        InvalidInputError, match=r"20 x 24 \(height x width\), found 19 x 24 \(row 1"
    ):
        task.fit(pictures, [good[0], good[1][1:]], seed=0)
    bad = good[1].copy()
    bad[5, 7] = 3
    with pytest.raises(
        InvalidInputError, match=r"0 to 2, or 255 for void, found 3 .*row 5, col.* 7"
    ):
        task.fit(pictures, [good[0], bad], seed=0)
    with pytest.raises(InvalidInputError, match="only void"):
        task.evaluate(pictures, [good[0], np.full_like(bad, 255)])
    with pytest.raises(InvalidInputError, match="found 3 x 3"):
        task.check_label(np.zeros((3, 3), int), sample=pictures[0])
    file = tmp_path / "mask.png"
    file.write_bytes(b"not an image")
    with pytest.raises(InvalidInputError, match=r"mask\.png"):
        task.check_label(str(file))


def test_masks_may_be_files(tmp_path):
    from PIL import Image

    task, (picture,) = make(), images(1)
    (mask,) = masks_of([picture])
    path = tmp_path / "mask.png"
    Image.fromarray(mask).save(path)
    assert task.check_label(path, sample=picture) == str(path)
    assert task.evaluate([picture], [path]) == task.evaluate([picture], [mask])


def test_only_the_heads_learn_if_asked():
    net = nn.Sequential(small_net()[:3], nn.BatchNorm2d(6), nn.Conv2d(6, 3, 1))
    task = make(net, stages=["0"], heads_only=True, stage_weights=[1, 1])
    before = {name: value.clone() for name, value in task.model.state_dict().items()}
    pictures = images(2)
    task.fit(pictures, masks_of(pictures), seed=0)
    changed = {
        name.partition(".")[0]
        for name, value in task.model.state_dict().items()
        if not torch.equal(value, before[name])
    }
    assert changed == {"heads"}
    assert all(one.requires_grad for one in net.parameters())
    with pytest.raises(InvalidInputError, match="heads_only"):
        make(stages=0, heads_only=True).fit(pictures, masks_of(pictures), seed=0)


@pytest.mark.parametrize("regions", [None, "grid:8"])
def test_a_strategy_that_spreads_its_picks_works_on_masks(regions):
    pictures = images(6)
    pool = al.as_pool(pictures) if regions is None else region_pool(pictures, regions)
    spread = al.Hybrid("k_center", 3)
    loop = al.ActiveLoop(make(), pool, strategy=spread, seed=0, progress=False)
    truth = masks_of(pictures)
    known = dict(zip(pool.ids, truth, strict=True)) if regions is None else {}
    known = known or region_labels(pool, {name: truth[int(name)] for name in "012345"})
    loop.tell({name: known[name] for name in pool.ids[:2]})
    loop.fit()
    picked = loop.ask(3).ids
    assert len(set(picked)) == 3
    assert not set(picked) & set(pool.ids[:2])


def test_a_window_always_sees_what_is_labelled():
    from altasks.data.masks.masks import IGNORED, MaskReader
    from altasks.tasks.segmentation.rasters import Normaliser
    from altasks.tasks.segmentation.training_rows import MaskCollator

    settings = {"channels": 1, "stride": 1, "augment": None, "pairs": False, "seed": 0}
    collator = MaskCollator(MaskReader(3, 255), Normaliser(1, None, None), crop=8, **settings)
    image, mask = np.arange(600).reshape(20, 30, 1), np.full((20, 30), IGNORED)
    mask[5, 17] = mask[19, 29] = 1
    starts = set()
    for _ in range(300):
        part, seen = collator._cropped(image, mask)
        assert part.shape == (8, 8, 1)
        assert (seen == 1).sum() == 1  # they are too far apart for one window
        starts.add(int(part[0, 0, 0]))
    assert len(starts) > 40  # anywhere around the first, in the corner for the second
    assert 12 * 30 + 22 in starts
    whole = np.zeros((20, 30), np.int64)
    starts = {int(collator._cropped(image, whole)[0][0, 0, 0]) for _ in range(3000)}
    assert starts == {row * 30 + column for row in range(13) for column in range(23)}
    nothing = np.full((20, 30), IGNORED)
    assert collator._cropped(image, nothing)[1].shape == (8, 8)


def test_augmentation_and_crops_reach_the_fit():
    seen = []

    def mirror(image, mask):
        seen.append((image.shape, mask.shape, mask.dtype))
        return {"image": image[:, ::-1], "mask": mask[:, ::-1]}

    pictures = images(2)
    make(augment=mirror, crop=12).fit(pictures, masks_of(pictures), seed=0)
    assert set(seen) == {((20, 24, 3), (20, 24), np.dtype(np.uint8))}
    with pytest.raises(InvalidInputError, match="augment"):
        make(augment=lambda image, mask: (image[1:], mask)).fit(
            pictures, masks_of(pictures), seed=0
        )


def test_an_augmentation_may_not_change_what_numbers_mean():
    pictures = images(1)

    def pixels(change):
        task = make(augment=lambda image, mask: (change(image), mask))
        rows = task._rows(pictures, masks_of(pictures), None)
        return task._collator()(rows)["pixel_values"]

    plain = pixels(lambda image: image)
    torch.testing.assert_close(pixels(lambda image: image / 255), plain)
    for change in (lambda image: image.astype(int), lambda image: 0.9 * image):
        with pytest.raises(InvalidInputError, match="augment: expected an image of uint8"):
            pixels(change)


def test_a_loss_of_ones_own():
    calls = []

    def loss(logits, target):
        calls.append((logits.shape[1], int(target.min())))
        return nn.functional.cross_entropy(logits, target, ignore_index=-100)

    pictures = images(2)
    make(loss=loss).fit(pictures, masks_of(pictures), seed=0)
    assert set(calls) == {(3, -100)}
    with pytest.raises(InvalidInputError, match="weights"):
        make(loss=loss).fit(pictures, masks_of(pictures), seed=0, weights=[1, 2])


def test_dropout_is_a_committee_that_batches_leave_alone():
    task = make(small_net(dropout=0.5), stages=None, committee=al.MCDropout(4), batch_size=3)
    pool = images(3)
    whole = task.predict(pool)
    assert whole.members == 4
    assert not task.joint_draws
    alone = [task.predict([one]).units.probs for one in pool]
    assert torch.equal(whole.units.probs, torch.cat(alone))
    task.start_round(1)
    assert not torch.equal(task.predict(pool).units.probs, whole.units.probs)
    with pytest.raises(CommitteeError, match="drops anything"):
        make(stages=None, committee=al.MCDropout(3)).predict(pool)


def test_an_ensemble_is_a_committee(tmp_path):
    pictures = images(3)
    task = make(stages=None, committee=al.Ensemble(2), trained=False)
    with isolated(0):
        task.fit(pictures, masks_of(pictures), seed=0)
    other = make(
        None, stages=None, committee=al.Ensemble([small_net(), strided_net()]), trained=False
    )
    assert other.predict(pictures).members == 2
    assert np.isfinite(al.score(other, pictures, "bald", progress=False).values).all()
    assert set(other.evaluate(pictures, masks_of(pictures))) >= {"mean_iou", "mean_dice"}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"committee": al.MCDropout(3, layers="head"), "stages": None}, "layers='all'"),
        ({"committee": al.MCDropout(3)}, "stages: expected None beside a committee"),
        ({"committee": al.BayesByBackprop(3), "stages": None}, "MCDropout"),
        ({"stages": ["9"]}, "dotted name of a layer"),
        ({"stages": 2}, "Stages are found by themselves in Unet"),
        ({"stages": ["0", "0"]}, "different stages"),
        ({"stage_weights": [1.0]}, "3 weights"),
        ({"labels": ["a", "b"]}, "3 classes, as the model has"),
        ({"labels": None}, "names of the classes"),
        ({"void": 1}, "beyond the classes"),
        ({"tile": 16, "overlap": 8}, "overlap"),
        ({"crop": 0}, "crop"),
        ({"mean": [0.5]}, "3 finite numbers"),
        ({"std": [0.0, 1, 1]}, "above 0"),
        ({"boundary": -1}, "boundary"),
    ],
)
def test_what_can_not_be_is_refused_at_the_door(options, message):
    with pytest.raises(InvalidInputError, match=message):
        make(trained=False, **options)


def test_new_heads_are_warned_of_until_they_are_trained(tmp_path):
    task = make(trained=False)
    with pytest.warns(UserWarning, match="new"):
        task.predict(images(1))
    pictures = images(2)
    task.fit(pictures, masks_of(pictures), seed=0)
    task.predict(pictures)
    task.save(tmp_path / "w")
    with pytest.raises(InvalidInputError, match="with the module"):
        al.Segmentation(tmp_path / "w")


def test_a_description_is_small_and_the_same_however_it_is_made():
    task = make()
    pool = images(2, 70, 90)
    told = task.describe_many(pool)
    prediction = task.predict(pool)
    assert told == [task.describe(pool[i], prediction[i]) for i in range(2)]
    assert len(json.dumps(told[0])) < 120_000
    assert sum(told[0]["shares"].values()) == pytest.approx(1, abs=1e-3)
    score = al.bald(prediction)[0]
    assert told[0]["disagreement"]["mean"] == pytest.approx(float(score), abs=1e-5)
    assert task.picture(pool[0], told[0]).size == (2 * 90 + 4, 70)
    alone = make(stages=0)
    assert "entropy" in alone.describe_many(pool[:1])[0]
    assert alone.default_acquisition == "margin"


@pytest.mark.parametrize("how", ["grid:8", "slic:6"])
def test_regions_are_scored_in_one_pass_over_their_image(how):
    if how.startswith("slic"):
        pytest.importorskip("skimage", reason="needs the extra segmentation")
    task = make()
    pictures = dict(zip("ab", images(2, 20, 30), strict=True))
    pool = region_pool(pictures, how)
    passes = []
    handle = task.model.register_forward_hook(lambda *_: passes.append(1))
    scores = al.score(task, pool, "bald", batch_size=2, progress=False)
    handle.remove()
    assert len(passes) == 2
    for name, picture in pictures.items():
        units = al.bald(task.predict([picture]), reduce="none").reshape(20, 30).numpy()
        numbers = pool[pool.ids[0]].division.numbers(name, picture)
        for one, value in zip(scores.ids, scores.values, strict=True):
            if one.startswith(f"{name}#"):
                inside = units[numbers == int(one[2:])]
                assert value == pytest.approx(inside.mean(), rel=1e-4)
                assert task.cost(pool[one]) == len(inside)
    some = [pool[name] for name in pool.ids[:3]]
    prediction = task.predict(some)
    assert prediction.lengths.tolist() == [one.pixels for one in some]
    np.testing.assert_allclose(al.bald(prediction).numpy(), scores.values[:3], rtol=1e-4)
    told = task.describe_many(some)
    assert told == [task.describe(some[i], prediction[i]) for i in range(len(some))]
    box = told[1]["box"]
    assert task.picture(some[1], told[1]).size == (2 * (box[3] - box[1]) + 4, box[2] - box[0])


def test_known_regions_of_an_image_are_one_training_image():
    pictures = dict(zip("ab", images(2, 16, 16), strict=True))
    truth = dict(zip("ab", masks_of(pictures.values()), strict=True))
    pool = region_pool(pictures, "grid:8")
    labels = region_labels(pool, truth)
    task = make()
    rows = task._rows([pool[n] for n in labels], list(labels.values()), None)
    assert len(rows) == 2
    batch = task._collator()(rows)
    whole = task._collator()(task._rows(list(pictures.values()), list(truth.values()), None))
    assert torch.equal(batch["labels"], whole["labels"])
    few = {"a#3": labels["a#3"], "b#0": labels["b#0"]}
    part = task._collator()(task._rows([pool[n] for n in few], list(few.values()), None))
    assert (part["labels"][0, :8] == -100).all()
    assert torch.equal(part["labels"][0, 8:, 8:], whole["labels"][0, 8:, 8:])


def test_an_epoch_of_windows_sees_each_known_pixel_about_once():
    pictures = dict(zip("abc", images(3, 16, 16), strict=True))
    truth = {name: np.zeros((16, 16), int) for name in pictures}
    pool = region_pool(pictures, "grid:8")
    labels = region_labels(pool, truth)
    known = [name for name in labels if name[0] == "a" or name in ("b#0", "b#1", "c#2")]
    samples, masks = [pool[name] for name in known], [labels[name] for name in known]

    def windows(crop):
        rows = make(crop=crop)._rows(samples, masks, None)
        return [next(n for n in "abc" if row.sample is pictures[n]) for row in rows]

    assert windows(None) == ["a", "b", "c"]
    assert windows(8) == ["a"] * 4 + ["b"] * 2 + ["c"]  # 256, 128 and 64 pixels, 64 a window
    assert windows(12) == ["a"] * 2 + ["b", "c"]
    whole = make(crop=8)._rows(list(pictures.values()), list(truth.values()), None)
    assert len(whole) == 3  # of whole images a window each, as everywhere
    assert make(crop=8).evaluate(samples, masks) == make().evaluate(samples, masks)


def test_a_loop_asks_for_regions_and_resumes(tmp_path):
    pictures = dict(zip("abc", images(3, 16, 16), strict=True))
    pool = region_pool(pictures, "grid:8")
    labels = region_labels(pool, dict(zip("abc", masks_of(pictures.values()), strict=True)))
    store = f"sqlite:///{tmp_path}/run.db"
    loop = al.ActiveLoop(make(), pool, store=store, seed=0, progress=False)
    first = loop.ask(2)
    loop.tell({name: labels[name] for name in first.ids})
    loop.fit()
    query = loop.ask(cost=128)
    assert query.cost == 128
    assert set(query.descriptions) == set(query.ids)
    again = al.ActiveLoop(make(), pool, store=store, seed=0, progress=False)
    assert set(again.labels) == set(first.ids)
    assert set(again.pending) == set(query.ids)


def test_weak_labels_stand_in_until_a_person_answers():
    pool = dict(zip("abcd", images(4), strict=True))
    task = make()
    scores = al.score(task, pool, progress=False)
    order = sorted(zip(scores.values, scores.ids, strict=True))
    below = (order[1][0] + order[2][0]) / 2
    weak = weak_labels(task, pool, scores, below=below, known=[order[0][1]])
    assert list(weak.labels) == [order[1][1]]
    name = order[1][1]
    assert task.check_label(weak.labels[name], sample=pool[name]) == weak.labels[name]
    people = {order[0][1]: encode_mask(masks_of(pool.values())[0])}
    samples, labels, weights = with_weak_labels(pool, people, weak, weight=0.25)
    assert weights == [1.0, 0.25]
    task.fit(samples, labels, seed=0, weights=weights)
    answered = {**people, name: people[order[0][1]]}
    assert with_weak_labels(pool, answered, weak)[2] == [1.0, 1.0]
    assert not weak_labels(task, pool, scores, below=9.0, sure=1.1).labels


@pytest.mark.parametrize("committee", ["stages", "dropout"])
def test_boundaries_weigh_more_and_are_the_same_in_a_stream(committee):
    pool = images(2, 33, 40)
    task = make(boundary=1, tile=24, overlap=8)
    if committee == "dropout":  # together they answer, not the last of them
        net = small_net(dropout=0.5)  # in one window: each draws masks of its own
        task = al.Segmentation(net, labels=NAMES, stride=4, committee=al.MCDropout(3), boundary=1)
    prediction = task.predict(pool)
    near = prediction.fields["boundary"][: 33 * 40].reshape(33, 40).numpy()
    probs = prediction.units.probs[: 33 * 40]
    answer = probs[:, -1] if committee == "stages" else probs.mean(1)
    best = answer.argmax(1).reshape(33, 40).numpy()
    for row in range(33):
        for column in range(40):
            around = best[max(0, row - 1) : row + 2, max(0, column - 1) : column + 2]
            assert near[row, column] == (around != best[row, column]).any() or (
                len(np.unique(around)) > 1
            )
    scores = al.score(task, pool, "near_boundary", progress=False)
    np.testing.assert_allclose(scores.values, al.near_boundary(prediction).numpy(), rtol=1e-4)
    only = al.near_boundary(prediction, weight=1, elsewhere=0)
    rest = al.near_boundary(prediction, weight=0, elsewhere=1)
    torch.testing.assert_close(only + rest, al.bald(prediction))
    with pytest.raises(UnsupportedPredictionError, match="boundary=2"):
        al.near_boundary(make().predict(pool))


@pytest.mark.parametrize("committee", [None, "ensemble"])
def test_rare_classes_weigh_more_by_the_labels_of_the_last_fit(committee, tmp_path):
    pictures = images(3)
    masks = masks_of(pictures)
    masks[2][:] = 0
    known = np.concatenate([one[one != 255] for one in masks])
    expected = [(len(known) + 3) / ((known == c).sum() + 1) for c in range(3)]

    def task():
        if committee is None:
            return make(stages=["0"])
        nets = [small_net(), small_net()]
        with torch.no_grad():
            nets[1][-1].weight.mul_(-3)
        return make(committee=al.Ensemble(nets), stages=None, trained=False)

    first = task()
    assert first.class_weights == pytest.approx([3, 3, 3])
    first.fit(pictures, [masks[0], encode_mask(masks[1]), masks[2]], seed=0)
    assert first.class_weights == pytest.approx(expected)
    first.save(tmp_path)
    second = task()
    second.load(tmp_path)
    assert second.class_weights == pytest.approx(expected)

    probs = second.predict(pictures[:1]).units.probs.double().numpy()  # M x K x C
    mean = probs.mean(1)
    spread = [np.mean([entropy(member) for member in pixel]) for pixel in probs]
    pixels = np.array([entropy(one) for one in mean]) - spread
    by_hand = (pixels * np.array(expected)[mean.argmax(-1)]).mean()
    streamed = al.score(second, pictures[:1], second.weighted_bald, progress=False)
    assert streamed.values[0] == pytest.approx(by_hand, rel=1e-5)
    assert second.weighted_bald(second.predict(pictures[:1])).item() == pytest.approx(by_hand)


def test_a_loop_asks_by_the_weights_of_each_fit():
    pool = dict(zip("abcdef", images(6), strict=True))
    masks = dict(zip(pool, masks_of(list(pool.values())), strict=True))
    task = make(stages=["0"])
    loop = al.ActiveLoop(task, pool, acquisition=task.weighted_bald, progress=False)
    loop.tell({name: encode_mask(masks[name]) for name in "ab"})
    loop.fit()
    before = task.class_weights
    query = loop.ask(1)
    loop.tell({name: encode_mask(masks[name]) for name in query.ids})
    loop.fit()
    assert task.class_weights != before


def test_dice_disagreement_streams():
    pool = images(3)
    task = make(tile=16, overlap=4)
    scores = al.score(task, pool, "dice_disagreement", progress=False)
    whole = al.dice_disagreement(task.predict(pool))
    np.testing.assert_allclose(scores.values, whole.numpy(), atol=1e-6)
    assert scores.values.min() > 0


def test_an_image_damaged_behind_its_head_is_named_by_its_row_in_the_training_set(tmp_path):
    pil = pytest.importorskip("PIL.Image", reason="needs the extra segmentation")
    pictures = images(3)
    paths = [tmp_path / f"{place}.png" for place in range(3)]
    for picture, path in zip(pictures, paths, strict=True):
        pil.fromarray(picture).save(path)
    paths[2].write_bytes(paths[2].read_bytes()[:200])
    with pytest.raises(UnreadableSampleError) as caught:
        make(training_args={**FIT, "max_steps": 6}).fit(paths, masks_of(pictures), seed=0)
    assert list(caught.value.rows) == [2]


def test_an_unreadable_image_is_named(tmp_path):
    bad = tmp_path / "bad.png"
    bad.write_bytes(b"no")
    task = make()
    assert task.size(bad) == 0
    with pytest.raises(UnreadableSampleError, match=r"bad\.png") as caught:
        list(task.iter_predict([images(1)[0], bad]))
    assert list(caught.value.rows) == [1]
    for name, one in zip("ab", images(2), strict=True):
        al.data.images.open_image(one).save(tmp_path / f"{name}.png")
    parts = region_pool({name: tmp_path / f"{name}.png" for name in "ab"}, "grid:16")
    samples = [parts[name] for name in parts.ids]
    (tmp_path / "b.png").write_bytes(b"no")
    for ask in (task.predict, task.embed):
        with pytest.raises(UnreadableSampleError) as caught:
            ask(samples)
        assert [samples[row].of for row in caught.value.rows] == ["b"] * 4


@pytest.mark.parametrize("form", [np.asarray, encode_mask, "image", "file"])
def test_white_beside_ground_alone_is_said(form, tmp_path):
    """255 is void to the task, and in a set of 0 and 255 it is mostly meant as a class."""
    from PIL import Image

    def shaped(mask, name="mask"):
        if callable(form):
            return form(mask)
        image = Image.fromarray(mask)
        if form == "file":
            image.save(tmp_path / f"{name}.png")
        return image if form == "image" else tmp_path / f"{name}.png"

    pictures = images(2)
    white = np.where(pictures[0][:, :, 0] > 120, 255, 0).astype(np.uint8)
    task = make()
    with pytest.warns(DataWarning, match=r"no mask has a class above 0.*void \(255\)"):
        task.check_label(shaped(white), sample=pictures[0])
    for call in (lambda labels: task.fit(pictures, labels, seed=0),
                 lambda labels: task.evaluate(pictures, labels)):  # fmt: skip
        with pytest.warns(DataWarning, match="number it"):
            call([shaped(white), shaped(white, "other")])
        # Beside a class anywhere in the set, it is void.
        call([shaped(white), shaped((white > 0).astype(np.uint8), "known")])
    assert task.check_label(shaped((white > 0).astype(np.uint8)), sample=pictures[0])


def test_a_label_is_one_mask(tmp_path):
    from PIL import Image

    mask = np.zeros((20, 24), np.uint8)
    pages = tmp_path / "pages.tif"
    Image.fromarray(mask).save(pages, save_all=True, append_images=[Image.fromarray(mask + 1)])
    with Image.open(pages) as opened:
        several = [[mask, mask + 1], np.stack([mask, mask]), [str(pages)] * 2, pages, opened]
        for label in several:
            with pytest.raises(InvalidInputError, match="label: expected"):
                make().check_label(label)
    hidden = np.ma.masked_array(mask, mask == 0)
    with pytest.raises(InvalidInputError, match=r"masked values.*filled\(255\)"):
        make().check_label(hidden)
