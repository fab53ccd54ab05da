from __future__ import annotations

import gc
import random
import shutil
import weakref

import numpy as np
import pytest
import torch
import transformers

import altasks as al
from altasks.committees import Ensemble, MCDropout
from altasks.errors import CommitteeError, InvalidInputError
from altasks.tasks import Task, TextClassification
from altasks.testing.tasks import TaskSuite, same_prediction

FAST = {"max_steps": 4}


@pytest.fixture
def make_member(tiny_bert):
    def make(seed: int) -> TextClassification:
        config = transformers.AutoConfig.from_pretrained(tiny_bert)
        model = transformers.AutoModelForSequenceClassification.from_config(config)
        return TextClassification(model, tokenizer=str(tiny_bert), training_args=FAST)

    return make


@pytest.fixture
def checkpoints(make_member, tiny_bert, tmp_path):
    """Three trained checkpoints, as a user would bring them."""
    folders = []
    for seed in range(3):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            make_member(seed).save(tmp_path / f"run-{seed}")
        folders.append(tmp_path / f"run-{seed}")
    return folders


# What it takes.


def test_too_few_or_equal_members_are_refused(tiny_bert):
    with pytest.raises(InvalidInputError, match="at least two members, found 1"):
        Ensemble([tiny_bert])
    with pytest.raises(InvalidInputError, match="whole number of at least 2, found 1"):
        Ensemble(1)
    with pytest.raises(InvalidInputError, match="members 0 and 2"):
        Ensemble([tiny_bert, "other", str(tiny_bert)])
    with pytest.raises(InvalidInputError, match="a list of members"):
        Ensemble(str(tiny_bert))
    with pytest.raises(InvalidInputError, match="distinct seeds"):
        Ensemble.from_factory(lambda seed: None, [1, 1])


def test_models_in_memory_are_not_kept_one_at_a_time(make_member):
    with pytest.raises(InvalidInputError, match="in memory already"):
        Ensemble([make_member(0), make_member(1)], one_at_a_time=True)


def test_models_alone_need_a_task(checkpoints, topic_texts):
    with pytest.raises(InvalidInputError, match=r"TextClassification\(committee="):
        Ensemble(checkpoints).predict(topic_texts)


def test_a_model_is_needed_from_somewhere():
    with pytest.raises(InvalidInputError, match=r"^model: expected"):
        TextClassification(committee=Ensemble(3))


# What it says.


def test_tasks_side_by_side(make_member, topic_texts):
    tasks = [make_member(0), make_member(1)]
    ensemble = Ensemble(tasks)
    assert isinstance(ensemble, Task)
    prediction = ensemble.predict(topic_texts)
    for k, task in enumerate(tasks):
        assert torch.equal(prediction.probs[:, k], task.predict(topic_texts).probs[:, 0])
    assert ensemble.joint_draws
    assert len(al.score(ensemble, topic_texts, "bald", progress=False)) == len(topic_texts)


class Trained:
    """A task that was trained elsewhere: it predicts, and that is all."""

    def __init__(self, seed: int) -> None:
        self.seed = seed

    def predict(self, samples):
        rows = [[x, 1 - x] if self.seed else [0.5, 0.5] for x in samples]
        return al.Categorical(rows)


@pytest.mark.parametrize("made", [True, False])
def test_tasks_that_only_predict_are_scored_and_looped_like_one(made):
    members = [Trained(0), Trained(1)]
    ensemble = Ensemble.from_factory(Trained, 2) if made else Ensemble(members)
    pool = {"torn": 0.5, "leaning": 0.7, "sure": 0.95, "sure enough": 0.9}
    assert al.score(ensemble, pool, "bald", progress=False).top(2) == ["sure", "sure enough"]
    # There is no fit to wait for, so what is asked first is what the scores say.
    loop = al.ActiveLoop(ensemble, pool, acquisition="bald", strategy="top_k")
    assert loop.ask(2).ids == ["sure", "sure enough"]
    assert loop.tell({"sure": 1}) == 1
    assert loop.spent == 2
    with pytest.raises(InvalidInputError, match=r"expected one with fit\(\)"):
        loop.fit()


def test_members_that_draw_make_draws_that_are_not_joint(tiny_bert, make_member, topic_texts):
    drawing = TextClassification(tiny_bert, committee=MCDropout(3))
    ensemble = Ensemble([drawing, make_member(0)])
    assert ensemble.predict(topic_texts).members == 4
    assert not ensemble.joint_draws
    first = ensemble.predict(topic_texts)
    ensemble.start_round(1)
    assert not same_prediction(first, ensemble.predict(topic_texts))
    # What a factory makes is looked at before it is relied on.
    made = Ensemble.from_factory(lambda seed: TextClassification(tiny_bert, committee=MCDropout(3)))
    with pytest.raises(InvalidInputError, match="not joint"):
        al.score(made, topic_texts, "bald", keep={"draws"}, progress=False)


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_checkpoints_as_a_committee(checkpoints, topic_texts, one_at_a_time):
    task = TextClassification(committee=Ensemble(checkpoints, one_at_a_time=one_at_a_time))
    for _ in range(2):
        prediction = task.predict(topic_texts)
        for k, folder in enumerate(checkpoints):
            expected = TextClassification(folder).predict(topic_texts).probs[:, 0]
            assert torch.allclose(prediction.probs[:, k], expected, atol=1e-6)
    assert task.joint_draws
    assert task.default_acquisition == "bald"
    assert task.labels == ["food", "weather", "sport"]


def test_models_as_a_committee(checkpoints, topic_texts):
    load = transformers.AutoModelForSequenceClassification.from_pretrained
    models = [load(folder) for folder in checkpoints]
    task = TextClassification(committee=Ensemble(models), tokenizer=checkpoints[0])
    for k, model in enumerate(models):
        alone = TextClassification(model, tokenizer=checkpoints[0])
        expected = alone.predict(topic_texts).probs[:, 0]
        assert torch.equal(task.predict(topic_texts).probs[:, k], expected)


def test_copies_that_were_never_trained_cannot_disagree(tiny_bert, topic_texts):
    task = TextClassification(tiny_bert, committee=Ensemble(3))
    with pytest.raises(CommitteeError, match="copies of one model until fit"):
        task.predict(topic_texts)


# How it trains.


@pytest.mark.parametrize("kind", ["number", "checkpoints", "factory of models", "factory of tasks"])
def test_one_at_a_time_says_the_same(
    kind, tiny_bert, checkpoints, make_member, topic_texts, topic_labels, tmp_path
):
    def build(one_at_a_time: bool):
        how = {"one_at_a_time": one_at_a_time}
        if kind == "number":
            committee, model = Ensemble(2, **how), tiny_bert
        elif kind == "checkpoints":
            committee, model = Ensemble(checkpoints[:2], **how), None
        elif kind == "factory of models":
            committee = Ensemble.from_factory(lambda seed: make_member(seed).model, 2, **how)
            model = None
        else:
            return Ensemble.from_factory(make_member, [3, 5], **how)
        return TextClassification(
            model, committee=committee, tokenizer=tiny_bert, training_args=FAST
        )

    together, apart = build(False), build(True)
    if kind != "number":
        assert same_prediction(together.predict(topic_texts), apart.predict(topic_texts), 1e-6)
    for task in (together, apart):
        task.fit(topic_texts, topic_labels, seed=2)
    trained = together.predict(topic_texts)
    assert not torch.allclose(trained.probs[:, 0], trained.probs[:, 1], atol=1e-4)
    assert same_prediction(trained, apart.predict(topic_texts), 1e-6)
    assert same_prediction(trained, apart.predict(topic_texts), 1e-6)
    assert together.evaluate(topic_texts, topic_labels) == apart.evaluate(topic_texts, topic_labels)

    apart.save(tmp_path / "saved")
    together.fit(topic_texts, topic_labels, seed=9)
    assert not same_prediction(trained, together.predict(topic_texts), 1e-6)
    for task in (together, apart):
        task.load(tmp_path / "saved")
    shutil.rmtree(tmp_path / "saved")
    for task in (together, apart):
        assert same_prediction(trained, task.predict(topic_texts), 1e-6)
        assert torch.equal(task.embed(topic_texts[:2]), together.embed(topic_texts[:2]))


def test_what_was_loaded_takes_the_place_of_the_one_in_memory(
    make_member, topic_texts, topic_labels, tmp_path
):
    ensemble = Ensemble.from_factory(make_member, 2, one_at_a_time=True, directory=tmp_path)
    ensemble.fit(topic_texts, topic_labels, seed=0)
    trained, embedded = ensemble.predict(topic_texts), ensemble.embed(topic_texts)
    ensemble.save(tmp_path / "saved")
    ensemble.fit(topic_texts, topic_labels, seed=9)
    assert not torch.equal(embedded, ensemble.embed(topic_texts))  # member 0 stays in memory
    ensemble.load(tmp_path / "saved")
    assert torch.equal(embedded, ensemble.embed(topic_texts))
    assert same_prediction(trained, ensemble.predict(topic_texts))
    # Saved where the trained members are kept anyway.
    ensemble.save(tmp_path)
    ensemble.load(tmp_path)
    assert same_prediction(trained, ensemble.predict(topic_texts))


def test_one_at_a_time_holds_one(make_member, topic_texts):
    alive = []

    def make(seed):
        gc.collect()
        alive.append(sum(reference() is not None for reference in made))
        task = make_member(seed)
        made.append(weakref.ref(task.model))
        return task

    made = []
    ensemble = Ensemble.from_factory(make, 4, one_at_a_time=True)
    for _ in range(2):
        ensemble.predict(topic_texts[:2])
    # Each was gone before the next was made, and the last one served the second call as well.
    assert alive == [0] * 7


def test_trained_members_leave_with_the_ensemble(make_member, topic_texts, topic_labels):
    ensemble = Ensemble.from_factory(make_member, 2, one_at_a_time=True)
    ensemble.fit(topic_texts, topic_labels, seed=0)
    folder = ensemble._members._folder(0).parent
    assert sorted(path.name for path in folder.iterdir()) == ["member-0", "member-1"]
    del ensemble
    gc.collect()
    assert not folder.exists()


def test_a_factory_runs_seeded_and_leaves_the_generators(make_member, topic_texts):
    def state():
        return random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state().tolist()  # noqa: NPY002

    before = state()
    first = Ensemble.from_factory(make_member, 2).predict(topic_texts[:3])
    assert state() == before
    again = Ensemble.from_factory(make_member, [0, 1]).predict(topic_texts[:3])
    assert same_prediction(first, again)
    assert not torch.equal(first.probs[:, 0], first.probs[:, 1])


def test_another_architecture_one_at_a_time_is_refused(tiny_models, topic_texts):
    committee = Ensemble([tiny_models["bert"], tiny_models["distilbert"]], one_at_a_time=True)
    task = TextClassification(committee=committee)
    with pytest.raises(CommitteeError, match="Member 1 is built differently"):
        task.predict(topic_texts)


def test_another_size_is_not_loaded(make_member, tmp_path):
    Ensemble.from_factory(make_member, 2).save(tmp_path)
    with pytest.raises(InvalidInputError, match="3 members, found 2"):
        Ensemble.from_factory(make_member, 3).load(tmp_path)


def test_members_are_loaded_from_the_folder_they_are_kept_in(tmp_path):
    class Number:
        value = -1

        def predict(self, samples):
            return al.Categorical([[1.0, 0.0]] * len(samples))

        def fit(self, samples, labels, *, seed, **others):
            self.value = seed

        def save(self, folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / "value").write_text(str(self.value))

        def load(self, folder):
            self.value = int((folder / "value").read_text())

    def make():
        return Ensemble.from_factory(
            lambda seed: Number(), 2, one_at_a_time=True, directory=tmp_path
        )

    first, again = make(), make()
    first.fit(["a"], ["b"], seed=0)
    first.save(tmp_path)
    again.load(tmp_path)
    values = [
        [one.on_member(k, lambda task: task.value) for k in range(2)] for one in (first, again)
    ]
    assert values[0] == values[1]
    assert -1 not in values[1]


def test_copies_that_forgot_their_training_cannot_disagree(tmp_path):
    class Copy:
        def __init__(self) -> None:
            self.share = 0.5

        def predict(self, samples):
            return al.Categorical([[self.share, 1 - self.share] for _ in samples])

        def fit(self, samples, labels, *, seed, **_):
            self.share = (seed % 97) / 97

        def save(self, directory):
            directory.mkdir(parents=True, exist_ok=True)
            (directory / "share").write_text(str(self.share))

        def load(self, directory):
            self.share = float((directory / "share").read_text())

    copies = Ensemble(2, one_at_a_time=True, directory=tmp_path).bind(lambda k: Copy(), swap=False)
    with pytest.raises(CommitteeError, match="can't disagree yet"):
        copies.predict(["a"])
    copies.fit(["a"], ["b"], seed=0)
    assert copies.predict(["a"]).members == 2
    copies.start_over()
    with pytest.raises(CommitteeError, match="can't disagree yet"):
        copies.predict(["a"])


class TestEnsembleOfTasks(TaskSuite):
    @pytest.fixture
    def make_task(self, make_member):
        return lambda: Ensemble.from_factory(make_member, 2)

    @pytest.fixture
    def samples(self, topic_texts):
        return topic_texts[:9]

    @pytest.fixture
    def labels(self, topic_labels):
        return topic_labels[:9]

    @pytest.fixture
    def bad_labels(self):
        return ["Sports", 3, None]


def test_members_of_another_class_order_are_refused(tiny_bert, checkpoints):
    one, other = (TextClassification(folder) for folder in checkpoints[:2])
    other._classes.names.reverse()
    with pytest.raises(InvalidInputError, match=r"same order.*\(member 1\)"):
        Ensemble([one, other])
    with pytest.raises(InvalidInputError, match="order"):
        Ensemble.from_factory([one, other].__getitem__, 2).predict(["rain and wind"])


def test_a_model_object_of_another_class_order_is_refused(tiny_bert):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
    names = list(model.config.id2label.values())
    assert TextClassification(model, labels=names).labels == names
    with pytest.raises(InvalidInputError, match="order of the checkpoint's outputs"):
        TextClassification(model, labels=names[::-1])


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_warm_members_go_on_and_start_over(tiny_bert, topic_texts, topic_labels, one_at_a_time):
    def fitted(*seeds, warm_start=True, one_at_a_time=one_at_a_time, forget=False):
        task = TextClassification(
            tiny_bert,
            committee=Ensemble(2, one_at_a_time=one_at_a_time),
            warm_start=warm_start,
            training_args={"max_steps": 6},
        )
        for seed in seeds:
            if forget:
                task.start_over()
            task.fit(topic_texts, topic_labels, seed=seed)
        return task.predict(topic_texts)

    warm = fitted(1, 2)
    assert same_prediction(warm, fitted(1, 2, one_at_a_time=False))
    assert not same_prediction(warm, fitted(2))
    assert same_prediction(fitted(1, 2, forget=True), fitted(2, warm_start=False))


def test_samples_are_batched_as_the_members_would():
    class Parts:
        """A pass over a whole, of which samples are parts."""

        uniform_size = True

        def __init__(self, seed):
            pass

        def predict(self, samples):
            seen.append(list(samples))
            return al.Categorical([[0.6, 0.4]] * len(samples))

        def size(self, sample):
            raise AssertionError("all are of one size")

        def group_key(self, sample):
            return sample[0]

    seen = []
    task = Ensemble.from_factory(Parts, 2)
    al.score(task, ["a1", "a2", "a3", "b1"], "entropy", batch_size=2, progress=False)
    assert seen == [["a1", "a2", "a3"]] * 2 + [["b1"]] * 2


# What members may be.


@pytest.mark.parametrize(
    ("members", "fault"),
    [
        ([Trained(0), "checkpoint"], r"the task Trained and 'checkpoint' \(members 0 and 1\)"),
        (["checkpoint", Trained(0)], r"the task Trained and 'checkpoint' \(members 1 and 0\)"),
        ([Trained(0), torch.nn.Linear(2, 2)], r"Trained and Linear \(members 0 and 1\)"),
        ([torch.nn.Linear(2, 2), torch.nn.Linear(2, 2), Trained(0)], r"members 2 and 0"),
        (["checkpoint", None], r"found None \(member 1\)"),
        ([1, 2], r"found 1 \(member 0\)"),
        (True, "whole number of at least 2"),
        (np.int64(1), "whole number of at least 2"),
        (2.0, "a list of members, or how many"),
        ({"a": 1, "b": 2}, "a list of members, or how many"),
        (torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2)), "a list of members"),
    ],
)
def test_members_that_do_not_go_together_are_refused_when_it_is_made(members, fault):
    with pytest.raises(InvalidInputError, match=fault):
        Ensemble(members)


@pytest.mark.parametrize("kind", [np.int32, np.int64, np.uint8])
def test_numbers_may_be_numpys(kind):
    assert Ensemble(kind(5)).members == 5
    assert Ensemble.from_factory(Trained, kind(3)).members == 3
    assert Ensemble.from_factory(Trained, np.array([4, 9], dtype=kind)).members == 2
    assert MCDropout(kind(20)).members == 20
    assert al.BayesByBackprop(kind(7)).members == 7


@pytest.mark.parametrize("seeds", [1.5, [1.5, 2], "ab", [True, 2], [3, 3], True])
def test_seeds_are_distinct_whole_numbers(seeds):
    with pytest.raises(InvalidInputError, match="seeds: expected"):
        Ensemble.from_factory(Trained, seeds)


# Members that stream.


class Streamed:
    """Units are numbers; pieces of a length of its own, of several samples taking turns."""

    default_acquisition = "bald"

    def __init__(self, bend, piece, order=None, field=None):
        self.bend, self.piece, self.field = bend, piece, field
        if order is not None:
            self.unit_order = order
        self.most = 0

    def probs(self, values):
        share = torch.tensor(values, dtype=torch.float64) ** self.bend
        return torch.stack([share, 1 - share], 1)

    def predict(self, samples):
        values = [value for sample in samples for value in sample]
        fields = {"high": self.probs(values)[:, 0] > 0.5} if self.field else None
        units = al.Categorical(self.probs(values).reshape(-1, 2))
        return al.Ragged(units, [len(sample) for sample in samples], fields)

    def iter_predict(self, samples):
        longest = max(map(len, samples))
        for start in range(0, longest, self.piece):
            for index, sample in enumerate(samples):
                part = sample[start : start + self.piece]
                if part:
                    self.most = max(self.most, start + len(part))
                    units = al.Categorical(self.probs(part))
                    if self.field:
                        high = {"high": units.probs[:, 0, 0] > 0.5}
                        yield index, al.Ragged(units, [len(part)], high)
                    else:
                        yield index, units

    def describe(self, sample, prediction):
        return {"units": len(sample), "members": prediction.members}

    def picture(self, sample, description):
        return f"picture of {sample}"


def lists(seed=0):
    generator = np.random.default_rng(seed)
    return [generator.uniform(0.05, 0.95, size).tolist() for size in (7, 0, 31, 1, 12)]


@pytest.mark.parametrize("pieces", [(4, 4, 4), (3, 8, 5), (1, 100, 2)])
@pytest.mark.parametrize("field", [None, "high"])
def test_streams_of_members_are_joined_unit_by_unit(pieces, field):
    bends = (1, 2, 3)
    members = [Streamed(b, p, "rows", field) for b, p in zip(bends, pieces, strict=True)]
    ensemble = Ensemble(members)
    whole = ensemble.predict(lists())
    streamed = al.score(ensemble, lists(), "bald", batch_size=3, progress=False)
    np.testing.assert_allclose(streamed.values, al.bald(whole).numpy(), atol=1e-9)
    assert whole.members == 3
    found = {}
    for index, part in ensemble.iter_predict(lists()):
        assert isinstance(part, al.Ragged) == (field is not None)
        units = part.units if field else part
        found.setdefault(index, []).append((units.probs, part.fields["high"] if field else None))
    for index, parts in found.items():
        expected = whole[index]
        assert torch.equal(torch.cat([probs for probs, _ in parts]), expected.units.probs)
        if field:
            high = torch.cat([part for _, part in parts])
            assert torch.equal(high, expected.fields["high"])
            assert torch.equal(high, (expected.units.probs[:, :, 0] > 0.5).any(1))


def test_members_in_lockstep_are_never_far_apart():
    first, second = Streamed(1, 2, "rows"), Streamed(2, 5, "rows")
    for _ in Ensemble([first, second]).iter_predict([[0.5] * 1000]):
        assert abs(first.most - second.most) <= 5


def test_members_whose_units_come_in_another_order_are_predicted_whole():
    class Backwards(Streamed):
        def iter_predict(self, samples):
            raise AssertionError("not piece by piece")

    ensemble = Ensemble([Backwards(1, 2, "rows"), Backwards(2, 2, "columns")])
    scores = al.score(ensemble, lists(), "bald", progress=False)
    np.testing.assert_allclose(scores.values, al.bald(ensemble.predict(lists())).numpy())


def test_pieces_that_do_not_fit_are_refused_unless_the_order_is_known():
    assert len(al.score(Ensemble([Streamed(1, 4), Streamed(2, 4)]), lists(), progress=False)) == 5
    with pytest.raises(CommitteeError, match="cut sample 0 of the batch into different pieces"):
        al.score(Ensemble([Streamed(1, 4), Streamed(2, 3)]), lists(), progress=False)

    class Shorter(Streamed):
        def iter_predict(self, samples):
            return super().iter_predict([sample[:-1] for sample in samples])

    with pytest.raises(CommitteeError, match="Member 0 sees more units"):
        list(Ensemble([Streamed(1, 2, 0), Shorter(2, 2, 0)]).iter_predict([[0.1, 0.2, 0.3]]))


def test_what_streaming_members_describe_and_draw_the_ensemble_does_too():
    ensemble = Ensemble([Streamed(1, 4, 0), Streamed(2, 4, 0)])
    described = ensemble.describe_many(lists())
    assert [one["units"] for one in described] == [7, 0, 31, 1, 12]
    assert described[0]["members"] == 2
    assert ensemble.picture([1], {}) == "picture of [1]"
    for absent in ("iter_predict", "describe_many", "picture"):
        assert not hasattr(Ensemble([Trained(0), Trained(1)]), absent)
    factory = Ensemble.from_factory(lambda seed: Streamed(seed + 1, 4, 0), 2, one_at_a_time=True)
    assert not hasattr(factory, "iter_predict")
    np.testing.assert_allclose(
        al.score(factory, lists(), "bald", progress=False).values,
        al.score(ensemble, lists(), "bald", progress=False).values,
    )
