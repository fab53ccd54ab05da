"""What a comparison says: against NumPy, and the sentence for every outcome."""

import numpy as np
import pytest

from altasks.comparison import ComparisonResult
from altasks.errors import InvalidInputError
from altasks.report import bootstrap_mean, paired_t_test


def result_of(curves, counts=(10, 20, 30), metric="accuracy", **settings):
    """A result with the given curves: arm -> [S, B]."""
    points = {
        name: [
            [
                {"labels": count, "spent": None, "metrics": {metric: value}, "seconds_asking": 0.5}
                for count, value in zip(counts, curve, strict=True)
            ]
            for curve in rows
        ]
        for name, rows in curves.items()
    }
    return ComparisonResult(points, metric=metric, **settings)


def noisy(level, seeds, seed=0, spread=0.01):
    rng = np.random.default_rng(seed)
    return np.array(level) + rng.normal(size=(seeds, len(level))) * spread


def test_numbers_are_those_of_the_curves():
    base, arm = noisy([0.5, 0.6, 0.7], 4), noisy([0.5, 0.7, 0.75], 4, seed=1)
    result = result_of({"random": base, "margin": arm}, full=[{"accuracy": 0.8}] * 4, total=100)
    first, second = result.arms
    area = (arm[:, 0] / 2 + arm[:, 1] + arm[:, 2] / 2) / 2
    base_area = (base[:, 0] / 2 + base[:, 1] + base[:, 2] / 2) / 2
    assert second.average.mean == pytest.approx(area.mean())
    assert str(second.ahead) == str(bootstrap_mean(area - base_area))
    assert second.p == second.p_holm == pytest.approx(paired_t_test(area - base_area))
    assert first.p is None
    assert second.to_reach[0.9] == pytest.approx(
        20 + 10 * (0.72 - arm[:, 1].mean()) / (arm[:, 2].mean() - arm[:, 1].mean())
    )
    assert second.to_reach[0.99] is None
    assert second.asking == 0.5
    at = np.interp(base[:, 2].mean(), arm.mean(0), [10, 20, 30])
    assert second.share == pytest.approx(at / 30)
    row = result.rows()[1]
    assert row["saved"] == pytest.approx(1 - at / 30)
    assert row["labels_to_90"] == second.to_reach[0.9]


def test_an_error_is_the_same_upside_down():
    """Negated scores give the same ranks, tests and savings; the score keeps its sign."""
    base, arm = noisy([2.0, 1.5, 1.2], 3), noisy([2.0, 1.3, 1.1], 3, seed=1)
    error = result_of({"random": base, "margin": arm}, metric="rmse", full=[{"rmse": 1.0}] * 3)
    score = result_of({"random": -base, "margin": -arm}, full=[{"accuracy": -1.0}] * 3)
    mine, other = error.arms[1], score.arms[1]
    assert mine.ahead == other.ahead
    assert mine.p == other.p
    assert mine.share == other.share
    assert mine.to_reach == other.to_reach
    assert mine.average.mean == pytest.approx(-other.average.mean)
    assert mine.average.low == pytest.approx(-other.average.high)
    assert mine.ahead.mean > 0
    assert "less is better" in error.table()


def test_many_arms_are_allowed_for():
    base = noisy([0.5, 0.6, 0.7], 3, spread=0.05)
    arms = {f"arm {i}": base + noisy([0, 0.01, 0.01], 3, seed=i, spread=0.005) for i in range(5)}
    result = result_of({"random": base, **arms})
    smallest = min(result.arms[1:], key=lambda arm: arm.p)
    assert smallest.p_holm == pytest.approx(min(1, 5 * smallest.p))


SURE = {"seeds": 5, "spread": 0.002}


@pytest.mark.parametrize(
    ("arms", "words"),
    [
        ({"margin": noisy([0.5, 0.7, 0.8], 5, 1, 0.002)}, "It pays on this data, with margin"),
        ({"margin": noisy([0.5, 0.5, 0.6], 5, 1, 0.002)}, "It does not pay on this data: margin"),
        ({"margin": noisy([0.5, 0.6, 0.7], 5, 1, 0.05)}, "can't be told from chance"),
        (
            {"bald": noisy([0.5, 0.5, 0.6], 5, 1, 0.002), "badge": noisy([0.5, 0.7, 0.8], 5, 2)},
            "with badge: ",
        ),
        (
            {"bald": noisy([0.5, 0.5, 0.6], 5, 1, 0.002), "badge": noisy([0.5, 0.6, 0.7], 5, 2)},
            "Worse than random: bald.",
        ),
    ],
)
def test_the_verdict_claims_no_more_than_the_numbers(arms, words):
    result = result_of({"random": noisy([0.5, 0.6, 0.7], 5, 0, 0.002), **arms})
    assert words in result.verdict
    assert "\n" not in result.verdict
    assert words in repr(result)
    # "5 seeds may tell" is no advice to who has five.
    assert "may tell" not in result.verdict


def test_few_seeds_are_said_to_be_few():
    one = result_of({"random": [[0.5, 0.6, 0.7]], "margin": [[0.5, 0.9, 0.9]]})
    assert "One seed can't tell" in one.verdict
    assert "Run 5." in one.verdict
    assert one.arms[1].p is None
    assert not one.arms[1].better
    assert "[" not in one.table()
    three = result_of({"random": noisy([0.5] * 3, 3), "margin": noisy([0.5] * 3, 3, 9)})
    assert "5 seeds may tell" in three.verdict


def test_a_model_that_learns_nothing_tells_nothing():
    flat = result_of({"random": [[0.0] * 3] * 3, "margin": [[0.0] * 3] * 3}, metric="map50")
    assert "Nothing can be told on this data: map50 is 0.000 for every arm" in flat.verdict
    assert flat.arms[1].share == 1


def test_what_random_reached_early_is_not_saved():
    result = result_of({"random": [[0.5, 0.7, 0.7]] * 2, "margin": [[0.5, 0.7, 0.9]] * 2})
    assert result.arms[1].share == 1
    assert result.rows()[1]["saved"] == 0


def test_runs_by_cost_are_read_at_common_costs():
    def run(spent, scores):
        return [
            {"labels": i, "spent": s, "metrics": {"f1": v}, "seconds_asking": None}
            for i, (s, v) in enumerate(zip(spent, scores, strict=True), 1)
        ]

    points = {
        "random": [run([9.0, 21.0, 30.0], [0.0, 0.4, 0.7]), run([10.0, 20.0, 29.0], [0, 0.4, 0.6])],
        "mnlp": [run([10.0, 20.0, 31.0], [0.1, 0.5, 0.9]), run([10.0, 30.0], [0.2, 0.8])],
    }
    result = ComparisonResult(points, metric="f1", by_cost=True)
    assert result.counts == [10.0, 19.5, 29.0]
    assert result.curves["mnlp"][1].tolist() == pytest.approx([0.2, 0.2 + 0.6 * 9.5 / 20, 0.77])
    assert "cost" in result.table()
    assert "cost" in result.point_rows()[0]
    with pytest.raises(InvalidInputError, match="batch"):
        _ = ComparisonResult(
            {"random": [run([1, 2], [0, 0])], "mnlp": [run([3, 4], [0, 0])]},
            metric="f1",
            by_cost=True,
        ).counts


def test_an_unknown_metric_lists_those_there_are():
    with pytest.raises(InvalidInputError, match="one of f1"):
        result_of({"random": [[0, 1, 2]]}, metric="f1").__class__(
            result_of({"random": [[0, 1, 2]]}, metric="f1").points, metric="acuracy"
        )


def test_it_is_saved_for_people_and_programs(tmp_path):
    pytest.importorskip("matplotlib")
    pandas = pytest.importorskip("pandas")
    result = result_of({"random": noisy([0.5] * 3, 2), "margin": noisy([0.6] * 3, 2)})
    written = result.save(tmp_path / "new", title="mine")
    assert [path.name for path in written] == [
        "table.txt", "table.csv", "points.csv", "curves.png",
    ]  # fmt: skip
    assert result.verdict in written[0].read_text(encoding="utf-8")
    assert written[3].read_bytes().startswith(b"\x89PNG")
    points = pandas.read_csv(written[2])
    assert len(points) == len(result.to_frame()) == 2 * 2 * 3
    assert points["accuracy"].tolist() == result.to_frame()["accuracy"].tolist()
    assert pandas.read_csv(written[1])["arm"].tolist() == ["random", "margin"]
