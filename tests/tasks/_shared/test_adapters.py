from __future__ import annotations

import json
import warnings

import pytest
import torch
import transformers

import altasks as al
from altasks.committees import MCDropout
from altasks.committees.head import weight_and_bias
from altasks.errors import InvalidInputError
from altasks.tasks import Regression, TextClassification
from altasks.tasks._shared.checkpoints import head_parameters

peft = pytest.importorskip("peft", reason="needs peft")
TEXTS = ["rain today", "a warm wind", "the cup final", "a new coach"]
LABELS = ["weather", "weather", "sport", "sport"]
FAST = {"max_steps": 2, "learning_rate": 0.05}


@pytest.fixture(autouse=True)
def _quiet_libraries():
    with warnings.catch_warnings():
        # PEFT reads a name that this version of transformers is about to drop.
        warnings.filterwarnings("ignore", category=FutureWarning, module="transformers")
        yield


@pytest.fixture
def make(tiny_bert):
    """Return a function that makes a task around a BERT with adapters."""

    def make_task(*, seed=0, config=None, **options):
        model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
        if config is None:
            config = lora()
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            model = peft.get_peft_model(model, config)
        return TextClassification(
            model, tokenizer=str(tiny_bert), **{"training_args": FAST, **options}
        )

    return make_task


def lora(**options):
    settings = {"task_type": "SEQ_CLS", "r": 2, "target_modules": ["query", "value"]}
    return peft.LoraConfig(**{**settings, **options})


def changed(before, model):
    now = dict(model.named_parameters())
    return {name for name, value in before.items() if not torch.equal(value, now[name])}


def weights(model):
    return {name: one.detach().clone() for name, one in model.named_parameters()}


def test_a_fit_changes_adapters_and_the_head_alone(make):
    task = make()
    before = weights(task.model)
    task.fit(TEXTS, LABELS, seed=0)
    moved = changed(before, task.model)
    assert moved
    assert moved == {name for name, one in task.model.named_parameters() if one.requires_grad}
    assert all("lora_" in name or "modules_to_save" in name for name in moved)


def test_only_the_trained_copy_of_the_head_is_drawn_anew(make):
    names = head_parameters(make().model)
    assert {name.rpartition(".")[2] for name in names} == {"weight", "bias"}
    assert all("classifier.modules_to_save" in name for name in names)


def test_equal_seeds_give_equal_fits_and_a_second_fit_starts_again(make):
    one, two = make(), make()
    one.fit(TEXTS, LABELS, seed=3)
    two.fit(TEXTS, LABELS[::-1], seed=1)
    two.fit(TEXTS, LABELS, seed=3)
    assert not changed(weights(one.model), two.model)


def test_what_was_saved_is_read_back_and_warm_starts_go_on(make, tmp_path):
    task = make(warm_start=True)
    task.fit(TEXTS, LABELS, seed=0)
    task.save(tmp_path / "saved")
    again = make(warm_start=True)
    again.load(tmp_path / "saved")
    assert torch.equal(task.predict(TEXTS).probs, again.predict(TEXTS).probs)
    for one in (task, again):
        one.fit(TEXTS, LABELS, seed=1)
    assert not changed(weights(task.model), again.model)
    whole = sum(one.numel() for one in task.model.parameters()) * 4
    assert (tmp_path / "saved" / "trained.safetensors").stat().st_size < whole / 4


def test_weights_beside_another_base_or_adapter_are_refused(make, tmp_path):
    make().save(tmp_path / "saved")
    other = make()
    with torch.no_grad():
        encoder = other.model.get_base_model().bert.encoder
        encoder.layer[0].output.dense.weight.add_(0.1)
    before = weights(other.model)
    with pytest.raises(InvalidInputError, match=r"another base model: its .*dense"):
        other.load(tmp_path / "saved")
    wider = make(config=lora(r=4))
    with pytest.raises(InvalidInputError, match="lora_A"):
        wider.load(tmp_path / "saved")
    assert not changed(before, other.model)


def test_a_loop_reopens_after_a_fit(make, tmp_path):
    pool = dict(zip("abcd", TEXTS, strict=True))
    store = tmp_path / "x.db"
    with al.ActiveLoop(make(), pool, store=store, seed=0, progress=False) as loop:
        loop.tell({"a": "weather", "c": "sport"})
        loop.fit()
        expected = loop.task.predict(TEXTS).probs
    with al.ActiveLoop(make(), pool, store=store, seed=0, progress=False) as loop:
        assert torch.equal(loop.task.predict(TEXTS).probs, expected)
        assert set(loop.ask(2).ids) == {"b", "d"}


def test_a_saved_folder_and_pefts_own_are_models(make, tmp_path):
    task = make()
    task.fit(TEXTS, LABELS, seed=0)
    task.save(tmp_path / "ours")
    task.model.save_pretrained(tmp_path / "theirs")
    for folder, labels in (("ours", None), ("theirs", task.labels)):
        again = TextClassification(tmp_path / folder, labels=labels, training_args=FAST)
        assert again.labels == task.labels
        assert torch.allclose(again.predict(TEXTS).probs, task.predict(TEXTS).probs, atol=1e-6)
        before = weights(again.model)
        again.fit(TEXTS, LABELS, seed=0)
        assert all("lora_" in n or "modules_to_save" in n for n in changed(before, again.model))


def test_an_adapter_folder_without_a_base_is_refused(make, tmp_path):
    make().model.save_pretrained(tmp_path)
    path = tmp_path / "adapter_config.json"
    settings = json.loads(path.read_text())
    for base, found in ((None, "no base_model_name_or_path"), ("./gone", "no such folder")):
        path.write_text(json.dumps({**settings, "base_model_name_or_path": base}))
        with pytest.raises(InvalidInputError, match=found):
            TextClassification(tmp_path)


def test_a_head_that_needs_no_gradient_is_refused_at_the_fit(make):
    task = make(config=lora(task_type=None))
    task.predict(TEXTS)
    before = weights(task.model)
    with pytest.raises(InvalidInputError, match=r"needs no gradient.*modules_to_save"):
        task.fit(TEXTS, LABELS, seed=0)
    assert not changed(before, task.model)


def test_adapters_on_the_head_are_trained_and_read(make):
    config = lora(task_type=None, target_modules=["query", "classifier"])
    task = make(config=config, committee=MCDropout(4, layers="head", p=0.2))
    task.fit(TEXTS, LABELS, seed=0)
    assert any("classifier.lora_B" in name for name in weights(task.model))
    features = task.embed(TEXTS)
    weight, bias = weight_and_bias(task._head)
    plain = make(config=config)
    plain.model.load_state_dict(task.model.state_dict())
    expected = torch.softmax(features @ weight.T + bias, -1)
    assert torch.allclose(plain.predict(TEXTS).probs[:, 0], expected, atol=1e-5)
    draws = task.predict(TEXTS).probs
    assert draws.shape == (4, 4, 3)
    assert not torch.equal(draws[:, 0], draws[:, 1])


@pytest.mark.parametrize("method", ["ia3", "injected"])
def test_other_kinds_of_adapters(tiny_bert, tmp_path, method):
    def build():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(tiny_bert)
        with torch.random.fork_rng():
            torch.manual_seed(0)
            if method == "injected":
                model = peft.inject_adapter_in_model(lora(task_type=None), model)
                model.classifier.requires_grad_(True)
            else:
                options = {"target_modules": ["query"], "feedforward_modules": []}
                model = peft.get_peft_model(model, peft.IA3Config(task_type="SEQ_CLS", **options))
        return TextClassification(model, tokenizer=str(tiny_bert), training_args=FAST)

    task = build()
    frozen = {n: one.detach().clone() for n, one in task.model.named_parameters()
              if not one.requires_grad}  # fmt: skip
    task.fit(TEXTS, LABELS, seed=0)
    assert not changed(frozen, task.model)
    task.save(tmp_path)
    again = build()
    again.load(tmp_path)
    assert torch.equal(task.predict(TEXTS).probs, again.predict(TEXTS).probs)


def test_regression_on_an_adapted_model(tiny_bert, tmp_path):
    def build():
        model = transformers.AutoModelForSequenceClassification.from_pretrained(
            tiny_bert, num_labels=2, ignore_mismatched_sizes=True
        )
        with torch.random.fork_rng():
            torch.manual_seed(0)
            return Regression(
                peft.get_peft_model(model, lora()), tokenizer=str(tiny_bert), training_args=FAST
            )

    with torch.random.fork_rng():
        torch.manual_seed(0)
        task = build()
    task.fit(TEXTS, [1.0, 2.0, 3.0, 4.0], seed=0)
    task.save(tmp_path)
    task.load(tmp_path)
