"""Checkpoints and model objects as people have them: odd configs, types, wrappers, failures."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pandas as pd
import pytest
import torch
import transformers

from altasks.committees import MCDropout
from altasks.errors import InvalidInputError, TrainingError
from altasks.predictions import Bernoulli, Categorical
from altasks.tasks import TextClassification
from altasks.tasks._shared.checkpoints import is_local
from altasks.tasks._shared.classifiers import output_names

TEXTS = ["rain today", "a warm wind", "the cup final", "a new coach"]
LABELS = ["weather", "weather", "sport", "sport"]
FAST = {"max_steps": 3}


def load(folder, **config):
    kind = transformers.AutoModelForSequenceClassification
    return kind.from_pretrained(folder, ignore_mismatched_sizes=True, **config)


@pytest.fixture
def tokenizer(tiny_bert):
    return transformers.AutoTokenizer.from_pretrained(tiny_bert)


def weights(task):
    return {name: one.detach().clone() for name, one in task.model.named_parameters()}


def equal(one, other):
    return all(torch.equal(one[name], other[name]) for name in one)


# Names of outputs.


@pytest.mark.parametrize(
    "named",
    [
        {str(place): f"c{place}" for place in range(12)},
        {str(place): f"c{place}" for place in reversed(range(12))},
        [f"c{place}" for place in range(12)],
        json.dumps([f"c{place}" for place in range(12)]),
        json.dumps({place: f"c{place}" for place in range(12)}),
    ],
)
def test_outputs_are_named_in_the_order_of_their_numbers(tiny_bert, tokenizer, named):
    model = load(tiny_bert, num_labels=12)
    model.config.id2label = named
    names = [f"c{place}" for place in range(12)]
    assert TextClassification(model, tokenizer=tokenizer).labels == names
    assert TextClassification(model, tokenizer=tokenizer, labels=names).labels == names
    with pytest.raises(InvalidInputError, match="the order of the checkpoint's outputs"):
        TextClassification(model, tokenizer=tokenizer, labels=sorted(names))


@pytest.mark.parametrize("named", [{"a": 0, "b": 1}, {0: "a", 2: "b"}, "no json", 7])
def test_names_of_no_order_are_refused(named):
    class Config:
        num_labels = 2
        id2label = named

    if named == 7:
        Config.id2label = {None: "a"}
    with pytest.raises(InvalidInputError, match="id2label maps 0, 1"):
        output_names(Config)


def test_whole_numbers_come_back_as_such(tiny_encoder, tmp_path):
    task = TextClassification(tiny_encoder, labels=[3, 5, 10], training_args=FAST)
    task.fit(TEXTS, [3, 5, 10, 3], seed=0)
    task.save(tmp_path)
    again = TextClassification(tmp_path)
    assert again.labels == [3, 5, 10]
    assert again.check_label(np.int64(5)) == 5
    assert torch.equal(again.predict(TEXTS).probs, task.predict(TEXTS).probs)


# Kinds of outputs.


@pytest.fixture
def independent(tiny_bert, tmp_path):
    task = TextClassification(tiny_bert, labels=["toxic", "insult"], multi_label=True)
    task.model.save_pretrained(tmp_path / "independent")
    task.tokenizer.save_pretrained(tmp_path / "independent")
    return tmp_path / "independent"


def test_a_multi_label_checkpoint_is_one_unasked(independent, tmp_path):
    task = TextClassification(independent)
    assert task.multi_label
    assert isinstance(task.predict(TEXTS), Bernoulli)
    task.save(tmp_path / "own")
    assert TextClassification(tmp_path / "own").multi_label
    model = load(independent)
    assert TextClassification(model, tokenizer=task.tokenizer).multi_label
    for source in (independent, tmp_path / "own", load(independent)):
        with pytest.raises(InvalidInputError, match="multi_label: expected True or None"):
            TextClassification(source, tokenizer=task.tokenizer, multi_label=False)
    # Other classes are a new head, which may be of either kind.
    other = TextClassification(independent, labels=["a", "b", "c"], multi_label=False)
    with pytest.warns(UserWarning, match="until fit"):
        assert isinstance(other.predict(TEXTS), Categorical)


def test_outputs_trained_as_numbers_are_no_classes(tiny_bert, tokenizer, tmp_path):
    model = load(tiny_bert, num_labels=2)
    model.config.problem_type = "regression"
    model.save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    for source in (model, tmp_path):
        with pytest.raises(InvalidInputError, match="expected a classifier, found one trained for"):
            TextClassification(source, tokenizer=tokenizer)


# Padding.


@pytest.fixture(scope="module")
def decoder(tmp_path_factory):
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    inner = Tokenizer(models.BPE())
    inner.pre_tokenizer = pre_tokenizers.ByteLevel()
    inner.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=300, special_tokens=["<end>"], initial_alphabet=alphabet, show_progress=False
    )
    inner.train_from_iterator(TEXTS * 3, trainer)
    tokenizer = transformers.PreTrainedTokenizerFast(
        tokenizer_object=inner, eos_token="<end>", model_max_length=64
    )
    config = transformers.GPT2Config(
        vocab_size=len(tokenizer), n_embd=16, n_layer=1, n_head=2, n_positions=64, num_labels=3,
        id2label=dict(enumerate(["food", "weather", "sport"])), eos_token_id=0, bos_token_id=0,
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("decoder")
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = transformers.GPT2ForSequenceClassification(config)
        for one in model.parameters():
            torch.nn.init.normal_(one, std=0.3)
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def test_a_decoder_without_padding_reads_each_text_as_if_alone(decoder):
    task = TextClassification(decoder, training_args=FAST)
    together = task.predict(TEXTS).probs
    alone = torch.cat([task.predict([text]).probs for text in TEXTS])
    assert torch.allclose(together, alone, atol=1e-5)
    task.fit(TEXTS, LABELS, seed=0)
    again = torch.cat([task.predict([text]).probs for text in TEXTS])
    assert torch.allclose(task.predict(TEXTS).probs, again, atol=1e-5)


def test_the_users_tokenizer_is_left_alone(decoder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(decoder)
    task = TextClassification(decoder, tokenizer=tokenizer)
    assert tokenizer.pad_token_id is None
    expected = task.predict(TEXTS).probs
    tokenizer.pad_token = "Ġ"  # another than the config's, which has to follow
    model = load(decoder)
    model.config.pad_token_id = 0
    probs = TextClassification(model, tokenizer=tokenizer).predict(TEXTS).probs
    assert torch.allclose(probs, expected, atol=1e-5)


def test_a_padding_token_that_the_model_does_not_know_is_refused(decoder):
    tokenizer = transformers.AutoTokenizer.from_pretrained(decoder)
    tokenizer.add_special_tokens({"pad_token": "[PAD]"})
    with pytest.raises(InvalidInputError, match=r"'\[PAD\]'.*resize_token_embeddings"):
        TextClassification(decoder, tokenizer=tokenizer)


# Wrappers and precision.


@pytest.mark.parametrize("called", [False, True])
def test_a_compiled_model_is_trained_as_the_plain_one(tiny_bert, tokenizer, called):
    def task(wrap):
        model = load(tiny_bert).eval()
        wrapped = wrap(model)
        if called:
            wrapped(**tokenizer(TEXTS, padding=True, return_tensors="pt"))
        return TextClassification(
            wrapped, tokenizer=tokenizer, training_args=FAST, committee=MCDropout(3, layers="head")
        )

    def in_place(model):
        model.compile(backend="eager")
        return model

    plain = task(lambda model: model)
    for wrap in (lambda model: torch.compile(model, backend="eager"), in_place):
        compiled = task(wrap)
        assert compiled._new_parameters == plain._new_parameters
        assert torch.equal(compiled.predict(TEXTS).probs, plain.predict(TEXTS).probs)
        compiled.fit(TEXTS, LABELS, seed=0)
        reference = task(lambda model: model)
        reference.fit(TEXTS, LABELS, seed=0)
        assert equal(weights(reference), weights(compiled))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_is_trained_in_float32(tiny_bert, tokenizer, dtype, tmp_path):
    def task(of):
        return TextClassification(load(tiny_bert).to(of), tokenizer=tokenizer, training_args=FAST)

    half = task(dtype)
    whole = TextClassification(
        load(tiny_bert).to(dtype).float(), tokenizer=tokenizer, training_args=FAST
    )
    with pytest.warns(UserWarning, match="brought to float32"):
        half.fit(TEXTS, LABELS, seed=0)
    whole.fit(TEXTS, LABELS, seed=0)
    assert equal(weights(half), weights(whole))
    half.save(tmp_path)
    again = task(dtype)
    again.load(tmp_path)
    assert torch.equal(again.predict(TEXTS).probs, half.predict(TEXTS).probs)


def test_a_quantised_model_answers_and_is_not_fitted(tiny_bert, tokenizer):
    if torch.backends.quantized.engine == "none":
        pytest.skip("this torch has no engine for quantised layers")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = torch.ao.quantization.quantize_dynamic(load(tiny_bert), {torch.nn.Linear})
        task = TextClassification(model, tokenizer=tokenizer)
        assert task.predict(TEXTS).probs.shape == (4, 1, 3)
        assert task.embed(TEXTS).shape == (4, 32)
        draws = TextClassification(model, tokenizer=tokenizer, committee=MCDropout(2)).predict(
            TEXTS
        )
    assert draws.members == 2
    with pytest.raises(InvalidInputError, match="can be trained, found a quantised one"):
        task.fit(TEXTS, LABELS, seed=0)


def test_a_frozen_head_is_refused_at_the_fit(tiny_bert, tokenizer):
    model = load(tiny_bert)
    model.classifier.requires_grad_(False)
    task = TextClassification(model, tokenizer=tokenizer, training_args=FAST)
    before = weights(task)
    with pytest.raises(InvalidInputError, match=r"'classifier.weight', which needs no gradient"):
        task.fit(TEXTS, LABELS, seed=0)
    assert equal(before, weights(task))
    model.classifier.bias.requires_grad_(True)
    task = TextClassification(model, tokenizer=tokenizer, training_args=FAST)
    task.fit(TEXTS, LABELS, seed=0)
    assert torch.equal(before["classifier.weight"], model.classifier.weight)


# Places.


def test_a_folder_that_is_not_there_is_never_looked_for_on_a_hub(tmp_path, monkeypatch, tiny_bert):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "runs").mkdir()
    asked = []
    monkeypatch.setattr(
        transformers.AutoConfig, "from_pretrained", lambda *_, **__: asked.append(1)
    )
    for source in ("./model", "../x", "runs/best", str(tmp_path / "y"), tmp_path / "y", "a/b/c"):
        with pytest.raises(InvalidInputError, match="there is no such folder"):
            TextClassification(source)
    assert not asked
    monkeypatch.undo()
    with pytest.raises(InvalidInputError, match=r"tokenizer: .*there is no such folder"):
        TextClassification(tiny_bert, tokenizer=str(tmp_path / "none"))
    assert not is_local("bert-base-uncased")
    assert not is_local("google/bert_uncased")


# Fits that fail.


class Stops(transformers.TrainerCallback):
    """Ends a fit with an error after its second step."""

    def on_step_end(self, args, state, control, **kwargs):
        if state.global_step == 2:
            raise RuntimeError("out of memory")


def test_a_failed_fit_leaves_no_trace(tiny_bert):
    def make(**options):
        return TextClassification(
            tiny_bert, labels=["weather", "sport"], warm_start=True, training_args=FAST, **options
        )

    task = make(callbacks=[Stops()])
    before = weights(task)
    with pytest.raises(RuntimeError, match="out of memory"):
        task.fit(TEXTS, LABELS, seed=0)
    assert equal(before, weights(task))
    with pytest.warns(UserWarning, match=r"The last fit\(\) failed"):
        task.predict(TEXTS)
    task.callbacks = None
    task.fit(TEXTS, LABELS, seed=5)
    clean = make()
    clean.fit(TEXTS, LABELS, seed=5)
    assert equal(weights(task), weights(clean))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.predict(TEXTS)


def test_a_second_fit_that_fails_goes_back_to_the_start(tiny_bert):
    task = TextClassification(tiny_bert, warm_start=True, training_args=FAST)
    before = weights(task)
    task.fit(TEXTS, LABELS, seed=0)
    task.callbacks = [Stops()]
    with pytest.raises(RuntimeError, match="out of memory"):
        task.fit(TEXTS, LABELS, seed=1)
    assert equal(before, weights(task))
    with pytest.warns(UserWarning, match="as it was before any"):
        task.predict(TEXTS)


def test_a_refused_fit_changes_nothing(tiny_bert):
    task = TextClassification(tiny_bert, warm_start=True, training_args=FAST)
    task.fit(TEXTS, LABELS, seed=0)
    before = weights(task)
    with pytest.raises(InvalidInputError, match="row 1"):
        task.fit(TEXTS, ["weather", None, "sport", "sport"], seed=1)
    assert equal(before, weights(task))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        task.predict(TEXTS)


def test_weights_that_are_no_longer_finite_are_an_error(tiny_bert):
    task = TextClassification(tiny_bert, training_args={"max_steps": 4, "learning_rate": 1e38})
    before = weights(task)
    with pytest.raises(TrainingError, match="no longer finite"):
        task.fit(TEXTS, LABELS, seed=0)
    assert equal(before, weights(task))


# Frames.


def test_frames_are_their_rows(tiny_bert):
    task = TextClassification(tiny_bert, training_args=FAST)
    frame = pd.DataFrame({"text": TEXTS}, index=list("wxyz"))
    labels = pd.Series(LABELS, index=frame.index)
    shuffled = labels.sample(frac=1, random_state=1)
    expected = task.predict(TEXTS).probs
    for samples in (frame, frame["text"]):
        assert torch.equal(task.predict(samples).probs, expected)
        assert task.embed(samples).shape == (4, 32)
        task.check_samples(samples)
        assert task.evaluate(samples, shuffled) == task.evaluate(TEXTS, LABELS)
    task.fit(TEXTS, LABELS, seed=0, weights=[1.0, 2.0, 3.0, 4.0], valid=(TEXTS, LABELS))
    before = weights(task)
    counts = pd.Series([4.0, 3.0, 2.0, 1.0], index=frame.index[::-1])
    task.fit(frame, shuffled, seed=0, weights=counts, valid=(frame, shuffled))
    assert equal(before, weights(task))
    with pytest.raises(InvalidInputError, match="labels: expected the index of the samples"):
        task.fit(frame, labels.reset_index(drop=True), seed=0)


@pytest.mark.parametrize("label", [None, float("nan"), -1, pd.NA])
def test_a_missing_label_is_named_by_its_row(tiny_bert, label):
    for several in (False, True):
        task = TextClassification(tiny_bert, multi_label=several)
        labels = [["food"], label] if several else ["food", label]
        with pytest.raises(InvalidInputError, match=r"row 1.*marks a missing label"):
            task.evaluate(TEXTS[:2], labels)
