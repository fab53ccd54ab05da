"""`al.compare`: the same data for all arms, resumed where it was cut off, errors that help."""

import json

import numpy as np
import pytest
from centroids import CLASSES, Centroids, build, build_seeded, numbers

import altasks as al
from altasks.errors import InvalidInputError, UnknownNameError


@pytest.fixture(autouse=True)
def fresh():
    Centroids.fits, Centroids.stop_after = 0, None
    yield
    Centroids.stop_after = None


def compared(samples=None, labels=None, arms=("margin",), build_task=build, **settings):
    if samples is None:
        samples, labels = numbers()
    settings = {"seeds": 2, "budget": 12, "batch": 4, "progress": False, **settings}
    return al.compare(build_task, samples, labels, arms, **settings)


def test_curves_are_those_of_loops_run_by_hand():
    samples, labels = numbers()
    held = numbers(30, seed=9)
    result = compared(samples, labels, build_task=build_seeded, test=held)
    for seed in range(2):
        loop = al.ActiveLoop(
            build_seeded(seed), samples, acquisition="margin", strategy="top_k", seed=seed,
            progress=False,
        )  # fmt: skip
        rounds = list(loop.run(al.Simulated(labels), 12, 4, test=held))
        expected = [done.metrics["accuracy"] for done in rounds]
        assert result.curves["margin"][seed].tolist() == expected
    assert result.counts == [4, 8, 12]
    whole = build_seeded(0)
    whole.noise = 0
    whole.fit(samples, labels, seed=0)
    assert result.full[0]["accuracy"] == pytest.approx(whole.evaluate(*held)["accuracy"], abs=0.15)
    assert result.total == 60


def test_arms_share_the_split_and_seeds_differ():
    result = compared(arms=["margin", "random + cold_start(k_center)"], initial=6)
    assert list(result.curves) == ["random", "margin", "random + cold_start(k_center)"]
    assert result.curves["random"][:, 0].tolist() == result.curves["margin"][:, 0].tolist()
    assert result.counts == [6, 10, 12]
    # A quarter of each class is held out.
    assert result.total == 60 - sum(round(numbers()[1].count(name) / 4) for name in CLASSES)


def test_labels_may_be_a_dict_and_some_missing():
    samples, labels = numbers()
    pool = {f"n{row}": sample for row, sample in enumerate(samples)}
    known = {f"n{row}": label for row, label in enumerate(labels) if row % 5}
    result = compared(pool, known, test=numbers(20, seed=3))
    assert result.total == 48
    labelled = al.Pool(list(pool), samples.__getitem__, labels=known)
    again = compared(labelled, None, test=numbers(20, seed=3))
    assert again.curves["margin"].tolist() == result.curves["margin"].tolist()


def test_budgets_may_be_costs():
    result = compared(cost_budget=30, cost_batch=10, budget=None, batch=None)
    assert result.by_cost
    assert result.counts[-1] <= 30
    assert all(row["cost"] <= 30 for row in result.point_rows())


def test_defaults_fit_the_data():
    result = compared(budget=None, batch=None, seeds=[3], all_labels=False)
    assert result.counts[-1] == 22  # half of what isn't held out
    assert result.counts[0] == 3
    assert result.full_score is None
    assert result.seeds == [3]
    assert "90%" not in result.table().splitlines()[0]


def test_the_metric_can_be_chosen():
    assert compared().metric == "accuracy"
    error = compared(metric="error")
    assert error.less_is_better
    assert error.arms[1].ahead.mean == pytest.approx(compared().arms[1].ahead.mean)


def test_what_is_there_is_not_run_again(tmp_path):
    small = {"out": tmp_path, "seeds": 1, "budget": 8, "all_labels": False}
    compared(**small)
    first = Centroids.fits
    assert first == 2 * 2
    compared(**small)
    assert Centroids.fits == first
    compared(**small, arms=["margin", "entropy"])
    assert Centroids.fits == first + 2
    compared(**small | {"all_labels": True})
    assert Centroids.fits == first + 2 + 1
    for change in ({"batch": 3}, {"key": "other model"}, {"seeds": 2}):
        before = Centroids.fits
        compared(**small | change)
        assert Centroids.fits > before
    lines = (tmp_path / "results.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [json.loads(line) for line in lines]
    assert all({"config", "code", "points", "main_metric"} <= set(row) for row in rows)


def test_a_run_that_is_cut_off_goes_on_where_it_was(tmp_path):
    """Cut off at every fit in turn: nothing fitted and recorded is fitted again."""
    small = {"seeds": 1, "budget": 8}
    whole = compared(**small)
    needed = Centroids.fits
    for stop_after in range(needed):
        out = tmp_path / str(stop_after)
        Centroids.fits, Centroids.stop_after = 0, stop_after
        with pytest.raises(KeyboardInterrupt) as found:
            compared(out=out, **small)
        assert "goes on from there" in "".join(found.value.__notes__)
        Centroids.stop_after = None
        again = compared(out=out, **small)
        # The fit that was cut off, and at most the last one before it, to have its model again.
        assert needed < Centroids.fits <= needed + 2
        for name, curve in whole.curves.items():
            assert again.curves[name].tolist() == curve.tolist()
        assert not (out / "unfinished").exists()


@pytest.mark.slow
def test_processes_give_the_same(tmp_path):
    here = compared(build_task=build_seeded)
    there = compared(build_task=build_seeded, jobs=2, out=tmp_path)
    for name, curve in here.curves.items():
        assert there.curves[name].tolist() == curve.tolist()


def test_what_cannot_be_sent_is_named():
    for given, words in (
        ({"build_task": lambda: Centroids()}, "build_task"),
        ({"arms": [al.Arm(lambda prediction: prediction)]}, "arms"),
    ):
        with pytest.raises(InvalidInputError, match=words) as found:
            compared(jobs=2, **given)
        assert "jobs=1" in str(found.value)


class Untrained:
    def predict(self, samples):
        return al.Categorical([[0.5, 0.5]] * len(samples))


@pytest.mark.parametrize(
    ("settings", "error", "words"),
    [
        ({"build_task": Centroids()}, InvalidInputError, "build_task"),
        ({"build_task": Untrained}, InvalidInputError, r"a task with fit\(\)"),
        ({"arms": ["margn"]}, UnknownNameError, "margin"),
        ({"arms": ["bald + mc_dropout(passes=2)"]}, InvalidInputError, "committee="),
        ({"test_share": 1.5}, InvalidInputError, "test_share"),
        ({"test": [1, 2, 3]}, InvalidInputError, "test"),
        ({"seeds": 0}, InvalidInputError, "seeds"),
        ({"seeds": [1, 1]}, InvalidInputError, "seeds"),
        ({"budget": 4}, InvalidInputError, "budget"),
        ({"budget": 50}, InvalidInputError, "at most 45"),
        ({"cost_budget": 9.0}, InvalidInputError, "both"),
        ({"per_cost": True}, InvalidInputError, "per_cost"),
        ({"cost_batch": 9.0, "budget": None, "batch": None}, InvalidInputError, "cost_budget"),
        ({"metric": "acuracy"}, InvalidInputError, "one of coverage, accuracy"),
        ({"jobs": 0}, InvalidInputError, "jobs"),
        ({"labels": ["low"], "samples": [1.0, 2.0]}, InvalidInputError, "labels"),
        ({"labels": {"x": "low"}, "samples": [1.0, 2.0]}, InvalidInputError, "'x'"),
        ({"labels": None, "samples": [1.0, 2.0]}, InvalidInputError, "at least 4"),
    ],
)
def test_bad_arguments_are_named(settings, error, words):
    with pytest.raises(error, match=words):
        compared(**settings)


def test_progress_is_shown_to_whoever_wants_it(capsys):
    seen = []
    compared(seeds=1, progress=lambda job, point: seen.append((job.name, point["labels"])))
    assert seen[:3] == [("random, seed 0", count) for count in (4, 8, 12)]
    assert seen[-1] == ("all labels, seed 0", 45)
    compared(seeds=1, progress=True)
    assert "margin, seed 0: 12 labels" in capsys.readouterr().err


def test_an_error_says_in_which_run():
    def build_task(seed):
        task = Centroids()
        if seed == 1:
            task.evaluate = lambda samples, labels: {"accuracy": np.nan}
        return task

    with pytest.raises(InvalidInputError) as found:
        compared(build_task=build_task)
    assert "random, seed 1" in "".join(found.value.__notes__)


def test_an_unknown_metric_is_refused_at_the_first_round(tmp_path):
    with pytest.raises(InvalidInputError, match="metric"):
        compared(metric="acuracy", out=tmp_path)
    assert Centroids.fits == 1
    compared(out=tmp_path)
    done = Centroids.fits
    with pytest.raises(InvalidInputError, match="metric"):
        compared(metric="acuracy", out=tmp_path)
    assert Centroids.fits == done


def test_runs_share_what_frozen_layers_make(tmp_path):
    places = []

    class Keeps(Centroids):
        def keep_features_in(self, folder):
            places.append(folder)
            folder.mkdir(parents=True, exist_ok=True)

    compared(build_task=Keeps, out=tmp_path, seeds=1, budget=8)
    shared = tmp_path / "unfinished" / "frozen"
    assert places.count(shared) == 3  # two arms, and all labels
    assert not shared.parent.exists()


def test_what_a_killed_process_left_of_a_finished_run_goes(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("shutil.rmtree", lambda *args, **kwargs: None)
        compared(out=tmp_path, seeds=1, budget=8)
    assert (tmp_path / "unfinished").exists()
    done = Centroids.fits
    compared(out=tmp_path, seeds=1, budget=8)
    assert Centroids.fits == done
    assert not (tmp_path / "unfinished").exists()
