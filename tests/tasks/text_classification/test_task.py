from __future__ import annotations

import copy
import gc
import json
import os
import warnings
from pathlib import Path

import committee_cases
import numpy as np
import pytest
import torch
import transformers
from torch import nn

import altasks as al
from altasks.committees import MCDropout
from altasks.data.samples.chatterbot import load_chatterbot
from altasks.errors import InvalidInputError
from altasks.predictions import Bernoulli, Categorical
from altasks.tasks import TextClassification
from altasks.testing.tasks import TaskSuite, generator_states, same_prediction

FAST = {"max_steps": 6}


@pytest.fixture
def make(tiny_bert):
    def make_task(model=tiny_bert, **options):
        return TextClassification(model, **{"training_args": FAST, **options})

    return make_task


class _Suite(TaskSuite):
    @pytest.fixture
    def samples(self, topic_texts):
        return topic_texts[:12]

    @pytest.fixture
    def labels(self, topic_labels):
        return topic_labels[:12]

    @pytest.fixture
    def bad_labels(self):
        return ["Sports", "", 0, None, ["food"]]


class TestPlain(committee_cases.Plain, _Suite):
    pass


class TestHeadDropout(committee_cases.HeadDropout, _Suite):
    pass


class TestFullDropout(committee_cases.FullDropout, _Suite):
    pass


class TestMultiLabel(_Suite):
    @pytest.fixture
    def make_task(self, make):
        return lambda: make(multi_label=True)

    @pytest.fixture
    def labels(self):
        return [["food"], [], ["sport", "weather"]] * 4

    @pytest.fixture
    def bad_labels(self):
        return ["food", ["foods"], None, 1]


# Models and labels.


def test_a_base_encoder_gets_a_head_of_the_right_size(tiny_encoder, topic_texts):
    task = TextClassification(tiny_encoder, labels=["a", "b", "c", "d"])
    assert task._new_parameters == {"classifier.weight", "classifier.bias"}
    with pytest.warns(UserWarning, match="until fit"):
        prediction = task.predict(topic_texts)
    assert prediction.probs.shape == (24, 1, 4)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.predict(topic_texts)  # said once


def test_a_base_encoder_needs_labels(tiny_encoder):
    with pytest.raises(InvalidInputError, match="labels: expected the class names"):
        TextClassification(tiny_encoder)


def test_a_checkpoint_brings_its_labels(tiny_bert, topic_texts):
    task = TextClassification(tiny_bert)
    assert task.labels == ["food", "weather", "sport"]
    assert not task._new_parameters
    task.predict(topic_texts)


def test_labels_of_a_trained_head_are_not_reordered(tiny_bert, topic_texts):
    with pytest.raises(InvalidInputError, match="the order of the checkpoint's outputs"):
        TextClassification(tiny_bert, labels=["food", "sport", "weather"])
    renamed = TextClassification(tiny_bert, labels=["Food", "Weather", "Sport"])
    plain = TextClassification(tiny_bert)
    assert renamed.labels == ["Food", "Weather", "Sport"]
    assert same_prediction(renamed.predict(topic_texts), plain.predict(topic_texts))


def test_a_head_for_other_classes_is_replaced(tiny_bert):
    for labels in (["spam", "ham", "eggs"], ["spam", "ham"]):
        task = TextClassification(tiny_bert, labels=labels)
        assert task._new_parameters == {"classifier.weight", "classifier.bias"}
        assert task.model.config.id2label == dict(enumerate(labels))


def test_a_model_object_with_its_tokenizer(tiny_bert, topic_texts):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
    tokenizer = transformers.AutoTokenizer.from_pretrained(tiny_bert)
    expected = TextClassification(tiny_bert).predict(topic_texts)
    for given in (tokenizer, str(tiny_bert), None):
        task = TextClassification(model, tokenizer=given)
        assert task.model is model
        assert same_prediction(task.predict(topic_texts), expected)
    nameless = transformers.AutoModelForSequenceClassification.from_config(model.config)
    nameless.config._name_or_path = ""
    nameless.name_or_path = ""
    with pytest.raises(InvalidInputError, match="tokenizer: expected the tokenizer of the model"):
        TextClassification(nameless)


def test_what_is_no_classifier_is_refused():
    with pytest.raises(
        InvalidInputError, match=r"Hugging Face model as Auto.* makes them, found L"
    ):
        TextClassification(nn.Linear(2, 2))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"labels": ["a", "b"]}, "labels: expected 3 names"),
        ({"too_long": "cut"}, "too_long: expected"),
        ({"autocast": "int8"}, "autocast: expected"),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"max_length": 65}, "max_length: expected 4 to 64"),
        ({"max_length": 2}, "max_length: expected 4 to 64"),
        ({"max_length": "60"}, "max_length: expected 4 to 64.*'60'"),
        ({"head": "bert"}, "head: expected the dotted name"),
        (
            {"committee": "mc"},
            r"committee: expected None, MCDropout\(...\), BayesByBackprop\(...\), Ensemble",
        ),
        ({"training_args": 4}, "training_args: expected a TrainingArguments"),
        ({"training_args": {"learning_rte": 1}}, "'learning_rte'.*Did you mean 'learning_rate'"),
    ],
)
def test_bad_settings_are_named(tiny_bert, options, message):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
    with pytest.raises(InvalidInputError, match=message):
        TextClassification(model, **options)


@pytest.mark.parametrize("labels", [None, ["a", "b"]])
def test_a_checkpoint_that_is_not_there_is_named(tmp_path, labels):
    with pytest.raises(InvalidInputError, match=r"model: .*can't be read.*config\.json"):
        TextClassification(tmp_path, labels=labels)
    with pytest.raises(InvalidInputError, match=r"model: .*nowhere.*can't be read"):
        TextClassification(tmp_path / "nowhere", labels=labels)


@pytest.mark.parametrize("name", ["bert", "roberta", "distilbert", "electra", "modernbert", "gpt2"])
def test_predictions_are_the_models_own(tiny_models, topic_texts, name):
    """Each text alone through the library's own forward gives the same probabilities."""
    task = TextClassification(tiny_models[name])
    ours = task.predict(topic_texts).probs[:, 0]
    for row, text in enumerate(topic_texts):
        with torch.no_grad():
            logits = task.model(**task.tokenizer(text, return_tensors="pt")).logits
        assert torch.allclose(ours[row], logits.softmax(-1)[0], atol=2e-5)


def test_pairs_of_texts(make, topic_texts):
    pairs = list(zip(topic_texts[::2], topic_texts[1::2], strict=True))
    task = make()
    prediction = task.predict(pairs)
    as_mappings = [{"text": a, "text_pair": b} for a, b in pairs]
    assert same_prediction(prediction, task.predict(as_mappings))
    assert not same_prediction(prediction, task.predict([(b, a) for a, b in pairs]))
    assert task.describe(pairs[0], prediction[0])["text"] == list(pairs[0])
    task.fit(pairs, ["food"] * 12, seed=0)


def test_no_samples_are_an_empty_prediction(make):
    task = make(committee=MCDropout(4, layers="head"))
    assert task.predict([]).probs.shape == (0, 4, 3)
    assert task.embed([]).shape == (0, 32)


def test_a_bad_text_in_a_pool_is_found_before_any_pass(make, topic_texts):
    task = make()
    task.model.register_forward_hook(lambda *_: pytest.fail("the model ran"))
    for bad, message in (("", "the empty text"), ("rain " * 10_000, "at most 64 tokens")):
        pool = {**{f"s{i}": text for i, text in enumerate(topic_texts)}, "bad": bad}
        with pytest.raises(InvalidInputError, match=message) as caught:
            al.score(task, pool, "entropy", progress=False, batch_size=4)
        assert "bad" in str(caught.value) + str(getattr(caught.value, "__notes__", ""))


def test_long_texts_are_read_to_their_limit_on_request(make):
    task = make(too_long="truncate")
    long = "rain " * 10_000
    expected = task.predict([" ".join(["rain"] * 62)])
    assert same_prediction(task.predict([long]), expected, 1e-6)


def test_bfloat16_is_close_and_float32_comes_out(make, topic_texts):
    for committee in (None, MCDropout(4, layers="head"), MCDropout(3)):
        full = make(committee=committee).predict(topic_texts)
        half = make(committee=committee, autocast="bfloat16").predict(topic_texts)
        assert half.probs.dtype == torch.float32
        assert not torch.equal(full.probs, half.probs)
        if committee is None or committee.layers == "head":
            assert torch.allclose(full.probs, half.probs, atol=0.05)


def test_the_device_of_the_model_is_kept(tiny_bert):
    model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
    assert TextClassification(model).device == torch.device("cpu")
    assert TextClassification(tiny_bert, device="cpu").device == torch.device("cpu")


# Training.


def test_it_learns(make, topic_texts, topic_labels):
    task = make(training_args={"num_train_epochs": 30, "learning_rate": 2e-3})
    task.fit(topic_texts, topic_labels, seed=0)
    assert task.evaluate(topic_texts, topic_labels)["accuracy"] > 0.9


def test_it_learns_several_labels(make, topic_texts, topic_labels):
    task = make(multi_label=True, training_args={"num_train_epochs": 40, "learning_rate": 2e-3})
    labels = [[name] if name != "sport" else ["sport", "food"] for name in topic_labels]
    task.fit(topic_texts, labels, seed=0)
    metrics = task.evaluate(topic_texts, labels)
    assert set(metrics) == {"micro_f1", "macro_f1", "subset_accuracy"}
    assert metrics["micro_f1"] > 0.9
    shown = task.describe(topic_texts[0], task.predict(topic_texts[:1]))
    assert isinstance(shown["predicted"], list)
    assert isinstance(task.predict(topic_texts[:1]), Bernoulli)


def test_metrics_are_those_of_the_prediction(make, topic_texts, topic_labels):
    task = make(committee=MCDropout(5))
    metrics = task.evaluate(topic_texts, topic_labels)
    task.committee = None
    prediction = task.predict(topic_texts)
    assert isinstance(prediction, Categorical)
    guesses = [task.labels[i] for i in prediction.mean_probs.argmax(-1).tolist()]
    right = np.mean([a == b for a, b in zip(guesses, topic_labels, strict=True)])
    assert metrics["accuracy"] == pytest.approx(right)


def test_the_head_starts_from_the_seed_and_the_trunk_from_its_weights(
    tiny_encoder, topic_texts, topic_labels
):
    def start(seed: int, before: int | None):
        task = TextClassification(
            tiny_encoder,
            labels=["food", "weather", "sport"],
            training_args={"max_steps": 1, "learning_rate": 0.0},
        )
        if before is not None:
            task.training_args = FAST
            task.fit(topic_texts, topic_labels, seed=before)
            task.training_args = {"max_steps": 1, "learning_rate": 0.0}
        task.fit(topic_texts, topic_labels, seed=seed)
        return task.model.state_dict()

    one, again, other = start(3, None), start(3, before=8), start(4, None)
    for name, value in one.items():
        assert torch.equal(value, again[name])
        assert torch.equal(value, other[name]) == (name != "classifier.weight")


def test_a_trained_head_is_kept_to_start_from(tiny_bert, topic_texts, topic_labels):
    task = TextClassification(tiny_bert, training_args={"max_steps": 1, "learning_rate": 0.0})
    before = copy.deepcopy(task.model.state_dict())
    task.fit(topic_texts, topic_labels, seed=0)
    assert all(torch.equal(value, before[name]) for name, value in task.model.state_dict().items())


def test_warm_start_goes_on(make, topic_texts, topic_labels):
    cold, warm = make(), make(warm_start=True)
    for task in (cold, warm):
        task.fit(topic_texts, topic_labels, seed=0)
    assert same_prediction(cold.predict(topic_texts), warm.predict(topic_texts))
    for task in (cold, warm):
        task.fit(topic_texts, topic_labels, seed=0)
    assert not same_prediction(cold.predict(topic_texts), warm.predict(topic_texts))


def test_the_next_fit_after_a_load_starts_from_the_beginning(
    make, topic_texts, topic_labels, tmp_path
):
    task, other = make(), make()
    task.fit(topic_texts, topic_labels, seed=1)
    task.save(tmp_path)
    task.fit(topic_texts, topic_labels, seed=2)
    other.load(tmp_path)
    other.fit(topic_texts, topic_labels, seed=2)
    assert same_prediction(task.predict(topic_texts), other.predict(topic_texts))


def test_saved_is_a_checkpoint_anyone_can_load(make, topic_texts, topic_labels, tmp_path):
    task = make()
    task.fit(topic_texts, topic_labels, seed=1)
    task.save(tmp_path)
    assert same_prediction(
        TextClassification(tmp_path).predict(topic_texts), task.predict(topic_texts)
    )
    plain = transformers.AutoModelForSequenceClassification.from_pretrained(tmp_path)
    assert plain.config.id2label == {0: "food", 1: "weather", 2: "sport"}


def test_weights_of_other_classes_are_not_loaded(make, tiny_bert, tmp_path):
    make(labels=["a", "b", "c"]).save(tmp_path)
    with pytest.raises(InvalidInputError, match=r"weights for \['a', 'b', 'c'\]"):
        make().load(tmp_path)


def test_weights_count(make, topic_texts, topic_labels):
    """A sample of weight 0 teaches nothing; equal weights teach what no weights do."""
    task = make()

    def fitted(labels, weights=None):
        task.fit(topic_texts, labels, seed=0, weights=weights)
        return task.predict(topic_texts)

    plain = fitted(topic_labels)
    assert same_prediction(plain, fitted(topic_labels, [3.0] * 24), 1e-4)
    wrong = ["food" if i % 2 else name for i, name in enumerate(topic_labels)]
    halves = [float(i % 2 == 0) for i in range(24)]
    right_half = fitted(topic_labels, halves)
    assert same_prediction(right_half, fitted(wrong, halves), 1e-6)
    assert not same_prediction(right_half, plain, 1e-3)


def test_weights_count_for_several_labels(make, topic_texts):
    task = make(multi_label=True)
    labels = [["food"], ["sport", "weather"]] * 12
    task.fit(topic_texts, labels, seed=0)
    plain = task.predict(topic_texts)
    task.fit(topic_texts, labels, seed=0, weights=[2.0] * 24)
    assert same_prediction(plain, task.predict(topic_texts), 1e-4)


def test_weights_are_not_diluted_by_gradient_accumulation(make, topic_texts, topic_labels):
    """Two half batches are one batch, whatever weights fall into which half."""
    weights = [float(1 + i % 5) for i in range(24)]
    predictions = []
    for batch, accumulate in ((12, 1), (6, 2)):
        settings = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulate}
        task = make(training_args={**settings, **FAST})
        for module in task.model.modules():
            if isinstance(module, nn.Dropout):
                module.p = 0.0
        task.fit(topic_texts, topic_labels, seed=0, weights=weights)
        predictions.append(task.predict(topic_texts))
    assert same_prediction(*predictions, 1e-4)


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0] * 23, "24 weights, one for each sample, found 23"),
        ([1.0] * 23 + [-1.0], r"-1.0 \(row 23\)"),
        ([float("nan")] + [1.0] * 23, r"nan \(row 0\)"),
        ([0.0] * 24, "only zeros"),
    ],
)
def test_bad_weights_are_refused(make, topic_texts, topic_labels, weights, message):
    with pytest.raises(InvalidInputError, match=message):
        make().fit(topic_texts, topic_labels, seed=0, weights=weights)


def test_an_unknown_label_is_refused_by_row(make, topic_texts, topic_labels):
    with pytest.raises(InvalidInputError, match="row 5") as caught:
        make().fit(topic_texts, [*topic_labels[:5], "sports", *topic_labels[6:]], seed=0)
    assert "Did you mean 'sport'?" in str(caught.value)


class Watch(transformers.TrainerCallback):
    def __init__(self) -> None:
        self.steps = 0
        self.metrics: list[dict] = []
        self.arguments: list = []

    def on_train_begin(self, args, state, control, **kwargs):
        self.arguments.append(args)

    def on_step_end(self, args, state, control, **kwargs):
        self.steps += 1

    def on_evaluate(self, args, state, control, metrics, **kwargs):
        self.metrics.append(metrics)


def test_the_users_settings_callbacks_and_collator_are_used(
    make, topic_texts, topic_labels, tmp_path
):
    given = transformers.TrainingArguments(
        output_dir=str(tmp_path / "mine"),
        max_steps=4,
        eval_strategy="steps",
        eval_steps=2,
        save_strategy="steps",
        save_steps=2,
        load_best_model_at_end=True,
        metric_for_best_model="macro_f1",
        logging_strategy="no",
        disable_tqdm=True,
        use_cpu=True,
        dataloader_pin_memory=False,
        seed=77,
    )
    before = given.to_dict()
    watch, seen = Watch(), []
    inner = transformers.DataCollatorWithPadding(make().tokenizer)

    def collator(rows):
        seen.append(len(rows))
        return inner(rows)

    for weights in (None, [1.0] * 24):
        task = make(training_args=given, callbacks=[watch], data_collator=collator)
        held_out = (topic_texts[:6], topic_labels[:6])
        task.fit(topic_texts, topic_labels, seed=0, valid=held_out, weights=weights)
    assert watch.steps == 8
    assert {"eval_accuracy", "eval_macro_f1"} <= set(watch.metrics[0])
    assert seen
    assert given.to_dict() == before
    assert {path.name for path in (tmp_path / "mine").iterdir()} == {"checkpoint-2", "checkpoint-4"}
    assert all(args.max_steps == 4 and args.seed != 77 for args in watch.arguments)


def test_settings_over_the_defaults(make, topic_texts, topic_labels):
    watch = Watch()
    make(training_args={"max_steps": 3}, callbacks=[watch]).fit(topic_texts, topic_labels, seed=0)
    assert watch.steps == 3
    assert watch.arguments[0].report_to == []


def test_a_fit_says_nothing_and_calls_nobody(
    make, topic_texts, topic_labels, capfd, tmp_path, monkeypatch
):
    task = make(training_args=None)
    monkeypatch.chdir(tmp_path)
    environment = dict(os.environ)
    task.fit(topic_texts, topic_labels, seed=0)
    task.save(tmp_path / "saved")
    out = capfd.readouterr()
    assert (out.out, out.err) == ("", "")
    assert [path.name for path in tmp_path.iterdir()] == ["saved"]
    assert dict(os.environ) == environment


def test_few_labels_get_enough_steps(make, topic_texts, topic_labels):
    watch = Watch()
    make(training_args=None, callbacks=[watch]).fit(topic_texts, topic_labels, seed=0)
    assert watch.steps >= 60


def test_flags_come_back_after_a_failed_fit(make, topic_texts, topic_labels):
    class Stop(transformers.TrainerCallback):
        def on_step_end(self, args, state, control, **kwargs):
            raise RuntimeError("power cut")

    task = make(callbacks=[Stop()])
    task.model.bert.encoder.layer[0].training = True
    modes = [module.training for module in task.model.modules()]
    before = generator_states()
    with pytest.raises(RuntimeError, match="power cut"):
        task.fit(topic_texts, topic_labels, seed=0)
    assert [module.training for module in task.model.modules()] == modes
    assert generator_states() == before
    assert (torch.tensor(1e-40) * 1.0).item() > 0
    assert all(parameter.grad is None for parameter in task.model.parameters())


def test_mixed_precision_fits_do_not_pile_up(make, topic_texts, topic_labels):
    task = make(training_args={"max_steps": 2, "bf16": True})
    for seed in range(2):
        task.fit(topic_texts, topic_labels, seed=seed)
    assert "forward" not in task.model.__dict__
    assert "_original_forward" not in task.model.__dict__
    assert task.predict(topic_texts).probs.dtype == torch.float32


def test_describe_lists_the_likeliest_first(make, topic_texts):
    task = make(committee=MCDropout(3, layers="head"))
    prediction = task.predict(topic_texts)
    shown = task.describe(topic_texts[1], prediction[1])
    probabilities = [entry["probability"] for entry in shown["classes"]]
    assert probabilities == sorted(probabilities, reverse=True)
    assert shown["predicted"] == shown["classes"][0]["label"]
    assert shown["members"] == 3
    assert json.loads(json.dumps(shown)) == shown


def test_memory_does_not_grow_over_rounds(make, topic_texts, topic_labels):
    """The model is 0.1 MB, its optimiser state twice that; leaked, 20 rounds would show.

    `tests/soak/fit_memory.py` does the same with a real model and draws the curve.
    """

    def live() -> tuple[int, int]:
        gc.collect()
        things = gc.get_objects()
        tensors = [thing for thing in things if issubclass(type(thing), torch.Tensor)]
        trainers = [thing for thing in things if issubclass(type(thing), transformers.Trainer)]
        return sum(tensor.numel() for tensor in tensors), len(trainers)

    task = make(training_args={"max_steps": 2}, callbacks=[Watch()])
    counts = []
    for seed in range(20):
        task.fit(topic_texts, topic_labels, seed=seed)
        if seed in (2, 19):
            counts.append(live())
    assert counts[0] == counts[1]
    assert counts[0][1] == 0


# The real thing.


@pytest.mark.slow
def test_minilm_learns_twelve_topics(minilm: Path):
    pytest.importorskip("chatterbot_corpus")
    corpus = load_chatterbot()
    texts, topics, names = corpus.texts, corpus.labels, corpus.topics
    order = np.random.default_rng(0).permutation(len(texts))
    train, test = order[:150], order[150:350]
    task = TextClassification(
        minilm,
        labels=names,
        committee=MCDropout(5, layers="head"),
        frozen_layers=4,
        max_length=24,
        too_long="truncate",
        training_args={"num_train_epochs": 8, "learning_rate": 1e-3},
    )
    task.fit([texts[i] for i in train], [topics[i] for i in train], seed=0)
    metrics = task.evaluate([texts[i] for i in test], [topics[i] for i in test])
    assert metrics["accuracy"] > 0.55
    scores = al.score(task, [texts[i] for i in test], "bald", progress=False)
    assert scores.values.max() > 0


@pytest.mark.parametrize("store", ["memory", "file"])
@pytest.mark.parametrize("interrupted", [0, 1])
def test_a_warm_fit_that_was_interrupted_leaves_no_trace(
    make, topic_texts, topic_labels, tmp_path, store, interrupted
):
    class CtrlC(transformers.TrainerCallback):
        due = False

        def on_step_end(self, args, state, control, **kwargs):
            if self.due and state.global_step == 4:
                raise KeyboardInterrupt

    def run(when):
        ctrl_c = CtrlC()
        url = None if store == "memory" else tmp_path / f"{when}.db"
        task = make(warm_start=True, callbacks=[ctrl_c])
        loop = al.ActiveLoop(task, topic_texts, store=url, progress=False)
        for number in range(2):
            loop.tell({name: topic_labels[int(name)] for name in loop.ask(8).ids})
            if number == when:
                ctrl_c.due = True
                with pytest.raises(KeyboardInterrupt):
                    loop.fit()
                ctrl_c.due = False
            loop.fit()
        return task.predict(topic_texts)

    assert same_prediction(run(None), run(interrupted))


def test_damaged_weights_are_named(make, tmp_path):
    task = make()
    task.save(tmp_path)
    os.truncate(tmp_path / "model.safetensors", 500)
    with pytest.raises(InvalidInputError, match=r"damaged.*model.safetensors"):
        task.load(tmp_path)
    with pytest.raises(InvalidInputError, match=r"model: .*can't be read.*SafetensorError"):
        make(tmp_path)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"task": "tex', b"\xff\xfe"])
def test_damaged_settings_are_named(make, tmp_path, content):
    task = make()
    task.save(tmp_path)
    (tmp_path / "altasks.json").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"directory: .*altasks\.json whole.*altasks\.json"):
        task.load(tmp_path)


def test_a_checkpoints_own_code_never_runs(tiny_bert, tmp_path):
    config = json.loads((tiny_bert / "config.json").read_text())
    config["model_type"] = "own"
    config["auto_map"] = {
        "AutoConfig": "own.Own",
        "AutoModelForSequenceClassification": "own.Model",
    }
    (tmp_path / "config.json").write_text(json.dumps(config))
    (tmp_path / "own.py").write_text(f"open({str(tmp_path / 'ran')!r}, 'w')\n")
    with pytest.raises(ValueError, match="trust_remote_code"):
        TextClassification(tmp_path, labels=["a", "b"], tokenizer=str(tiny_bert))
    assert not (tmp_path / "ran").exists()


def test_labels_may_come_one_by_one_and_a_task_shows_itself_in_a_line(tiny_encoder):
    task = TextClassification(tiny_encoder, labels=(name for name in ("x", "y", "z", "w")))
    assert task.labels == ["x", "y", "z", "w"]
    model = type(task.model).__name__
    assert repr(task) == f"TextClassification({model}, 4 labels: 'x', 'y', 'z', ...)"


@pytest.mark.parametrize("samples", [{"a": "one text"}, {"one text"}, frozenset(["one text"])])
def test_keys_and_sets_do_not_pass_for_a_list_of_texts(tiny_bert, samples):
    task = TextClassification(tiny_bert)
    for use in (task.predict, task.embed, lambda rows: task.evaluate(rows, [task.labels[0]])):
        with pytest.raises(InvalidInputError, match="samples: expected a list, found a"):
            use(samples)
