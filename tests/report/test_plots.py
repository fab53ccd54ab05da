import sys

import numpy as np
import pytest

from altasks.errors import InvalidInputError, MissingExtraError
from altasks.report import plot_learning_curves


def read_png(path):
    image = pytest.importorskip("matplotlib.image")
    return image.imread(path)


def test_every_arm_is_drawn_in_its_colour(tmp_path):
    rng = np.random.default_rng(0)
    path = plot_learning_curves(
        tmp_path / "new" / "curve.png",
        [10, 20, 30],
        {"random": rng.uniform(0.2, 0.4, (3, 3)), "bald": rng.uniform(0.6, 0.9, (3, 3))},
        metric="accuracy",
        title="two arms",
        note="a note",
    )
    pixels = read_png(path)[..., :3]
    assert pixels.shape[0] > 400
    for colour in ("0072B2", "D55E00"):
        rgb = np.array([int(colour[i : i + 2], 16) for i in (0, 2, 4)]) / 255
        assert (np.abs(pixels - rgb).max(axis=-1) < 0.02).sum() > 300


def test_one_seed_has_no_band_and_several_have(tmp_path):
    curves = np.array([[0.2, 0.5], [0.6, 0.9]])
    one = read_png(plot_learning_curves(tmp_path / "1.png", [1, 2], {"a": curves[:1]}))
    two = read_png(plot_learning_curves(tmp_path / "2.png", [1, 2], {"a": curves}))
    band = np.array([0.85, 0.918, 0.955])  # the arm's blue at 15% over white

    def banded(pixels):
        return int((np.abs(pixels[..., :3] - band).max(axis=-1) < 0.02).sum())

    assert banded(one) < 2_000
    assert banded(two) > 20_000


def test_drawing_leaves_pyplot_alone(tmp_path):
    plot_learning_curves(tmp_path / "a.png", [1, 2], {"a": [[0.1, 0.2]]})
    pyplot = sys.modules.get("matplotlib.pyplot")
    assert pyplot is None or not pyplot.get_fignums()


def test_bad_input_is_named(tmp_path):
    with pytest.raises(InvalidInputError, match="arms: expected at least one"):
        plot_learning_curves(tmp_path / "a.png", [1, 2], {})
    with pytest.raises(InvalidInputError, match=r"arms\['bald'\]: expected shape \[S, 2\]"):
        plot_learning_curves(tmp_path / "a.png", [1, 2], {"bald": [[0.1, 0.2, 0.3]]})
    assert not list(tmp_path.iterdir())


def test_without_matplotlib_it_says_what_to_install(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[plots\]'"):
        plot_learning_curves(tmp_path / "a.png", [1, 2], {"a": [[0.1, 0.2]]})


def test_names_are_shown_as_they_are(tmp_path, monkeypatch):
    pytest.importorskip("matplotlib")
    from matplotlib.axes import Axes

    seen = []
    legend = Axes.legend

    def noted(axes, *args, **kwargs):
        made = legend(axes, *args, **kwargs)
        seen.extend(text.get_text() for text in made.get_texts())
        return made

    monkeypatch.setattr(Axes, "legend", noted)
    curves = {"_mine": np.zeros((2, 2)), "$5 a label$": np.ones((2, 2))}
    plot_learning_curves(tmp_path / "c.png", [1, 2], curves, title="$\\bad", metric="a")
    assert seen == [" _mine", r"\$5 a label\$"]
