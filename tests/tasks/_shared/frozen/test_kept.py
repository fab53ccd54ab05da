"""What the frozen part of a network makes is kept, and all is as it was but the time it takes."""

from __future__ import annotations

import copy
import warnings

import numpy as np
import pytest
import torch
import transformers as tf

import altasks as al
from altasks.errors import CommitteeError, InvalidInputError
from altasks.tasks._shared.frozen.freeze import frozen_parameters
from altasks.tasks._shared.texts import TextEncoder

TEXTS = [
    "soup with salt and bread", "it will rain", "the team won the last match of the long season",
    "salt", "wind and snow today and tomorrow", "a goal", "bread and butter", "sun",
]  # fmt: skip
TOPICS = ["food", "weather", "sport", "food", "weather", "sport", "food", "weather"]
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
SHORT = {"max_steps": 3, "per_device_train_batch_size": 3, "learning_rate": 1e-2}


def _config(family, tokenizer, **more):
    pad = tokenizer.pad_token_id
    sizes = {
        "vocab_size": len(tokenizer), "hidden_size": 16, "num_hidden_layers": 3,
        "num_attention_heads": 2, "intermediate_size": 24, "max_position_embeddings": 70,
        "pad_token_id": pad,
    }  # fmt: skip
    relative = {"relative_attention": True, "pos_att_type": ["c2p", "p2c"]}
    own = {
        "bert": lambda: tf.BertConfig(**sizes, **more),
        "roberta": lambda: tf.RobertaConfig(**sizes, type_vocab_size=2, **more),
        "xlm-roberta": lambda: tf.XLMRobertaConfig(**sizes, type_vocab_size=2, **more),
        "mpnet": lambda: tf.MPNetConfig(**sizes, **more),
        "electra": lambda: tf.ElectraConfig(embedding_size=8, **sizes, **more),
        "deberta": lambda: tf.DebertaV2Config(
            **sizes, **relative, position_buckets=8, conv_kernel_size=3, **more
        ),
        "modernbert": lambda: tf.ModernBertConfig(
            **sizes, cls_token_id=0, sep_token_id=1, bos_token_id=0, eos_token_id=1,
            classifier_dropout=0.3, mlp_dropout=0.1, **more,
        ),
        "albert": lambda: tf.AlbertConfig(embedding_size=8, **sizes, classifier_dropout_prob=0.2),
        "distilbert": lambda: tf.DistilBertConfig(
            vocab_size=len(tokenizer), dim=16, n_layers=3, n_heads=2, hidden_dim=24,
            max_position_embeddings=70, pad_token_id=pad,
        ),
        "gpt2": lambda: tf.GPT2Config(
            vocab_size=len(tokenizer), n_embd=16, n_layer=3, n_head=2, n_positions=70,
            pad_token_id=pad, bos_token_id=0, eos_token_id=0,
        ),
    }  # fmt: skip
    return own[family]()


def _network(family, tokenizer, *, tags=False, seed=0, **more):
    kind = "Token" if tags else "Sequence"
    names = TAGS if tags else ("food", "sport", "weather")
    config = _config(family, tokenizer, **more)
    config.num_labels = len(names)
    config.id2label, config.label2id = dict(enumerate(names)), {n: i for i, n in enumerate(names)}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = getattr(tf, f"AutoModelFor{kind}Classification").from_config(config)
    for parameter in model.parameters():  # a new model's are so small that nothing depends on it
        if parameter.ndim > 1:
            parameter.data *= 8
    return model.double()


@pytest.fixture
def tokenizer(make_tokenizer):
    return make_tokenizer("wordpiece")


@pytest.fixture
def make(tokenizer):
    def make_task(family="bert", model=None, more=None, **options):
        tags = options.pop("tags", False)
        model = _network(family, tokenizer, tags=tags, **(more or {})) if model is None else model
        settings = {"tokenizer": tokenizer, "frozen_layers": 2, "training_args": SHORT, **options}
        return (al.NER if tags else al.TextClassification)(model, **settings)

    return make_task


def _state(task):
    return {name: one.clone() for name, one in task.model.state_dict().items()}


def _probs(task, samples):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that a head is new
        prediction = task.predict(samples)
    return getattr(prediction, "units", prediction).probs


def _same_but_for_time(one, other, samples, labels):
    """Fit and predict with both; return whether all comes out the same."""
    assert torch.allclose(_probs(one, samples), _probs(other, samples), atol=1e-12)
    for task in (one, other):
        task.fit(samples, labels, seed=3)
    mine, yours = _state(one), _state(other)
    for name in mine:
        assert torch.allclose(mine[name], yours[name], atol=1e-9), name
    assert torch.allclose(_probs(one, samples), _probs(other, samples), atol=1e-9)
    assert torch.allclose(one.embed(samples), other.embed(samples), atol=1e-6)
    assert one.evaluate(samples, labels) == pytest.approx(other.evaluate(samples, labels))
    return True


FAMILIES = ["bert", "roberta", "xlm-roberta", "mpnet", "electra", "deberta", "modernbert",
            "distilbert", "gpt2"]  # fmt: skip


@pytest.mark.parametrize("layers", [2, "all"])
@pytest.mark.parametrize("family", [*FAMILIES, "albert"])
def test_kept_and_computed_are_the_same(family, layers, make):
    if family == "albert" and layers == 2:  # its layers are one
        return
    options = {"frozen_layers": layers, "committee": al.MCDropout(3, "head", p=0.2)}
    cache = al.FeatureCache()
    kept = make(family, keep_frozen=cache, **options)  # would warn if it couldn't be
    assert _same_but_for_time(kept, make(family, keep_frozen=False, **options), TEXTS, TOPICS)
    assert cache.computed == len(cache) == len(TEXTS)
    assert cache.found >= 4 * len(TEXTS)


@pytest.mark.parametrize("layers", [1, 3, "all"])
@pytest.mark.parametrize("family", ["bert", "mpnet", "distilbert"])
def test_the_same_of_words(family, layers, make, sentences, sentence_tags):
    cache = al.FeatureCache()
    kept = make(family, tags=True, frozen_layers=layers, keep_frozen=cache)
    plain = make(family, tags=True, frozen_layers=layers, keep_frozen=False)
    assert _same_but_for_time(kept, plain, sentences, sentence_tags)
    assert cache.computed == len(cache) > 0


@pytest.mark.parametrize(
    "committee", [al.MCDropout(4), al.MCDropout(4, p=0.3), al.MCDropout(4, "head")]
)
def test_committees_draw_the_same(committee, make):
    tasks = [
        make(more={"hidden_dropout_prob": 0.3}, committee=committee, keep_frozen=keep)
        for keep in (None, False)
    ]
    assert _same_but_for_time(*tasks, TEXTS, TOPICS)
    draws = _probs(tasks[0], TEXTS)
    assert float(draws.std(1).max()) > 1e-3


def test_bayes_by_backprop_draws_the_same(make):
    tasks = []
    for keep in (None, False):
        task = make(committee=al.BayesByBackprop(3), frozen_layers="all", keep_frozen=keep)
        task.fit(TEXTS, TOPICS, seed=0)
        tasks.append(task)
    assert torch.allclose(*(_probs(task, TEXTS) for task in tasks), atol=1e-9)


@pytest.mark.parametrize("members", [2, "two networks"])
def test_members_of_an_ensemble_share_what_their_networks_share(members, tokenizer):
    made = []
    for cache in (al.FeatureCache(), False):
        networks = [_network("bert", tokenizer, seed=seed) for seed in (0, 1)]
        task = al.TextClassification(
            networks[0] if members == 2 else None,
            tokenizer=tokenizer,
            committee=al.Ensemble(2 if members == 2 else networks),
            frozen_layers=2,
            keep_frozen=cache,
            training_args=SHORT,
        )
        task.fit(TEXTS, TOPICS, seed=0)
        made.append(_probs(task, TEXTS))
        if cache:
            assert cache.computed == len(TEXTS) * (1 if members == 2 else 2)
    assert torch.allclose(*made, atol=1e-9)
    assert float(made[0].std(1).max()) > 1e-4


def test_the_frozen_part_is_at_rest_and_stays_as_it_is(make):
    calm = make(more={"hidden_dropout_prob": 0.0, "classifier_dropout": 0.0}, frozen_layers="all")
    wild = make(more={"hidden_dropout_prob": 0.5, "classifier_dropout": 0.0}, frozen_layers="all")
    before = _state(wild)
    for task in (calm, wild):
        task.fit(TEXTS, TOPICS, seed=0)
    after = _state(wild)
    assert all(torch.equal(one, after[name]) for name, one in _state(calm).items())
    moved = {name for name, one in before.items() if not torch.equal(one, after[name])}
    assert moved == {"classifier.weight", "classifier.bias"}
    assert all(one.requires_grad for one in wild.model.parameters())
    assert not any("forward" in part.__dict__ for part in wild.model.modules())
    task = make(more={"classifier_dropout": 0.0}, frozen_layers="all", committee=al.MCDropout(3))
    with pytest.raises(CommitteeError, match="inside frozen layers is at rest"):
        _probs(task, TEXTS)


def test_heads_that_come_first_are_trained(tokenizer):
    model = _network("xlm-roberta", tokenizer)
    assert next(iter(dict(model.named_parameters()))).startswith("classifier")
    frozen = {id(one) for one in frozen_parameters(model, 2)}
    trained = {name for name, one in model.named_parameters() if id(one) not in frozen}
    assert all(name.startswith(("classifier", "roberta.encoder.layer.2")) for name in trained)


def test_tables_that_frozen_layers_read_stay_too(make):
    task = make("mpnet")
    name = "mpnet.encoder.relative_attention_bias.weight"
    before = _state(task)
    task.fit(TEXTS, TOPICS, seed=0)
    after = _state(task)
    assert torch.equal(before[name], after[name])
    assert not torch.equal(before["mpnet.encoder.layer.2.output.dense.weight"],
                           after["mpnet.encoder.layer.2.output.dense.weight"])  # fmt: skip


# Nothing ever meets what was made of something else.


def test_a_changed_sample_is_computed(make):
    cache = al.FeatureCache()
    task = make(keep_frozen=cache)
    _probs(task, TEXTS)
    changed = [TEXTS[0] + " and more", *TEXTS[1:]]
    found = _probs(task, changed)
    assert cache.computed == len(TEXTS) + 1
    assert torch.allclose(found, _probs(make(keep_frozen=False), changed), atol=1e-12)
    pairs = [(text, "it will rain") for text in TEXTS]
    assert torch.allclose(_probs(task, pairs), _probs(make(keep_frozen=False), pairs), atol=1e-12)


def test_another_length_or_tokenizer_is_computed(make, make_tokenizer):
    cache = al.FeatureCache()
    options = {"max_length": 6, "too_long": "truncate"}
    _probs(make(keep_frozen=cache), TEXTS)
    found = _probs(make(keep_frozen=cache, **options), TEXTS)
    wanted = _probs(make(keep_frozen=False, **options), TEXTS)
    assert torch.allclose(found, wanted, atol=1e-12)
    other = make_tokenizer("unigram")
    found = _probs(make(keep_frozen=cache, tokenizer=other), TEXTS)
    wanted = _probs(make(keep_frozen=False, tokenizer=other), TEXTS)
    assert torch.allclose(found, wanted, atol=1e-12)


def _in_place(weight):
    with torch.no_grad():
        weight[3] *= 2
        weight[:, 3] *= 2


def _by_data(weight):
    weight.data *= 1.01


def _replaced(weight):
    weight.data = weight.data.flip(1)


@pytest.mark.parametrize("change", [_in_place, _by_data, _replaced])
@pytest.mark.parametrize("name", ["embeddings.word_embeddings", "encoder.layer.1.output.dense"])
def test_changed_weights_are_never_met_by_old_values(change, name, make, tokenizer):
    models = [_network("bert", tokenizer) for _ in range(2)]
    tasks = [
        make(model=model, keep_frozen=keep)
        for model, keep in zip(models, (None, False), strict=True)
    ]
    before = [_probs(task, TEXTS) for task in tasks]
    for model in models:
        change(model.bert.get_submodule(name).weight)
    after = [_probs(task, TEXTS) for task in tasks]
    assert torch.allclose(*before, atol=1e-12)
    assert torch.allclose(*after, atol=1e-12)
    assert not torch.allclose(before[0], after[0], atol=1e-6)


def test_networks_and_settings_of_networks_are_told_apart(make, tokenizer):
    cache = al.FeatureCache()
    for more in ({}, {"hidden_act": "relu"}, {"layer_norm_eps": 0.1}):
        for layers in (1, 2, "all"):
            for seed in (0, 1):
                models = [_network("bert", tokenizer, seed=seed, **more) for _ in range(2)]
                options = {"frozen_layers": layers}
                kept = make(model=models[0], keep_frozen=cache, **options)
                plain = make(model=models[1], keep_frozen=False, **options)
                assert torch.allclose(_probs(kept, TEXTS), _probs(plain, TEXTS), atol=1e-12)


# Where it is kept.


def test_a_restart_computes_nothing_again(make, tmp_path):
    first = al.FeatureCache(folder=tmp_path / "kept")
    before = _probs(make(keep_frozen=first), TEXTS)
    assert first.memory == 0
    second = al.FeatureCache(folder=tmp_path / "kept")
    task = make(keep_frozen=second)
    assert torch.equal(_probs(task, TEXTS), before)
    task.fit(TEXTS, TOPICS, seed=0)
    assert second.computed == 0


def test_damage_is_computed_anew(make, tmp_path):
    folder = tmp_path / "kept"
    before = _probs(make(keep_frozen=al.FeatureCache(folder=folder)), TEXTS)
    for path in folder.rglob("*.bin"):
        content = bytearray(path.read_bytes())
        content[100:108] = b"damaged!"
        path.write_bytes(content[:-40])
    cache = al.FeatureCache(folder=folder)
    assert torch.allclose(_probs(make(keep_frozen=cache), TEXTS), before, atol=1e-12)
    assert 0 < cache.computed <= len(TEXTS)


def test_a_loop_gives_it_a_place_among_its_weights(make, tmp_path):
    pool = {str(place): text for place, text in enumerate(TEXTS)}
    answers = dict(zip(pool, TOPICS, strict=True))
    cache = al.FeatureCache()
    with al.ActiveLoop(
        make(keep_frozen=cache), pool, store=tmp_path / "a.db", progress=False
    ) as loop:
        query = loop.ask(3)
        loop.tell({name: answers[name] for name in query.ids})
        loop.fit()
        first = loop.ask(2).ids
    assert cache.folder == tmp_path / "a.db.work" / "frozen"
    assert cache.computed == len(TEXTS)
    again = al.FeatureCache()
    with al.ActiveLoop(
        make(keep_frozen=again), pool, store=tmp_path / "a.db", progress=False
    ) as loop:
        loop.tell({name: answers[name] for name in first})
        loop.fit()
        loop.ask(2)
    assert again.computed == 0
    assert again.found > 0


def test_a_copy_of_a_task_finds_what_the_task_found(make, tmp_path):
    cache = al.FeatureCache(folder=tmp_path, limit=2**20)
    task = make(keep_frozen=cache)
    before = _probs(task, TEXTS)
    with torch.inference_mode():
        assert torch.equal(_probs(copy.deepcopy(task), TEXTS), before)
    assert cache.computed == len(TEXTS)
    make_again, arguments = cache.__reduce__()
    again = make_again(*arguments)
    assert (again.limit, again.folder) == (cache.limit, cache.folder)


def test_a_network_met_in_inference_mode_is_led_past(make):
    cache = al.FeatureCache()
    task = make("mpnet", keep_frozen=cache)
    with torch.inference_mode():
        before = _probs(task, TEXTS)
    assert torch.allclose(_probs(task, TEXTS), before)
    assert cache.found == cache.computed == len(TEXTS)


def test_the_limits_are_kept(make):
    cache = al.FeatureCache(limit=0, disk_limit=0)
    kept = make(keep_frozen=cache)
    assert _same_but_for_time(kept, make(keep_frozen=False), TEXTS, TOPICS)
    assert len(cache) == cache.memory == 0
    spilled = al.FeatureCache(limit=0)
    task = make(keep_frozen=spilled)
    _probs(task, TEXTS)
    _probs(task, TEXTS)
    assert (len(spilled), spilled.memory, spilled.computed) == (len(TEXTS), 0, len(TEXTS))
    spilled.clear()
    assert len(spilled) == 0
    _probs(task, TEXTS)
    assert len(spilled) == len(TEXTS)


def test_half_precision_is_half_as_large_and_nearly_the_same(make, tmp_path):
    sizes = []
    for dtype in ("float32", "float16"):
        cache = al.FeatureCache(dtype=dtype, folder=tmp_path / dtype)
        found = _probs(make(keep_frozen=cache), TEXTS)
        sizes.append(sum(path.stat().st_size for path in (tmp_path / dtype).rglob("*.bin")))
    assert sizes[0] == 2 * sizes[1]
    assert torch.allclose(found, _probs(make(keep_frozen=False), TEXTS), atol=0.02)


def test_the_precision_of_the_network_is_told_apart(make, tokenizer):
    cache = al.FeatureCache()
    for kind in (torch.float64, torch.float32, torch.bfloat16, torch.float16):
        models = [_network("bert", tokenizer).to(kind) for _ in range(2)]
        kept, plain = (make(model=models[k], keep_frozen=(cache, False)[k]) for k in (0, 1))
        assert torch.allclose(_probs(kept, TEXTS), _probs(plain, TEXTS), atol=1e-5)
    model = _network("bert", tokenizer).float()
    mixed = make(model=model, keep_frozen=cache, autocast="bfloat16")
    plain = make(model=model, keep_frozen=False, autocast="bfloat16")
    assert torch.allclose(_probs(mixed, TEXTS), _probs(plain, TEXTS), atol=1e-2)


# Networks that can't be led past.


def test_what_cannot_be_kept_is_computed_and_said_if_it_was_asked_for(tokenizer):
    sizes = {"d_model": 16, "d_kv": 8, "d_ff": 24, "num_layers": 3, "num_heads": 2}
    config = tf.T5Config(vocab_size=len(tokenizer), pad_token_id=0, **sizes)
    config.id2label = dict(enumerate(TAGS))
    model = tf.AutoModelForTokenClassification.from_config(config)
    options = {"tokenizer": tokenizer, "frozen_layers": 2, "training_args": SHORT}
    with pytest.warns(UserWarning, match=r"keep_frozen: .* can't be kept"):
        al.NER(model, keep_frozen=True, **options).predict([["rain"], ["salt", "and", "soup"]])
    task = al.NER(model, **options)
    tags = [["O"], ["O", "B-LOC", "O"]]
    before = _state(task)
    task.fit([["rain"], ["salt", "and", "soup"]], tags, seed=0)
    after = _state(task)
    blocks = "transformer.encoder.block."
    assert all(
        torch.equal(one, after[name])
        for name, one in before.items()
        if name.startswith((f"{blocks}0.", f"{blocks}1."))
    )


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"frozen_layers": "most"}, "frozen_layers: expected a whole number, or 'all'"),
        ({"frozen_layers": 4}, "frozen_layers: expected 0 to 3"),
        ({"keep_frozen": "yes"}, "keep_frozen: expected True, False, None or a FeatureCache"),
    ],
)
def test_settings_are_checked(settings, message, make):
    with pytest.raises(InvalidInputError, match=message):
        make(**settings)
    for wrong in ({"limit": -1}, {"limit": 0.5}, {"dtype": "int8"}, {"folder": 3}):
        with pytest.raises(InvalidInputError, match=next(iter(wrong))):
            al.FeatureCache(**wrong)


def test_padding_on_the_left_is_no_obstacle(make, make_tokenizer):
    tokenizer = make_tokenizer("wordpiece", "left")
    for family in ("bert", "gpt2", "mpnet"):
        tasks = [make(family, tokenizer=tokenizer, keep_frozen=keep) for keep in (None, False)]
        assert _same_but_for_time(*tasks, TEXTS, TOPICS)


def test_batches_in_any_company_and_order(make):
    cache = al.FeatureCache()
    task = make(keep_frozen=cache, batch_size=3)
    wanted = _probs(make(keep_frozen=False), TEXTS)
    rng = np.random.default_rng(0)
    for _ in range(5):
        order = rng.permutation(len(TEXTS))[: rng.integers(1, 9)]
        found = _probs(task, [TEXTS[i] for i in order])
        assert torch.allclose(found, wanted[torch.as_tensor(order)], atol=1e-12)
    assert isinstance(task._encoder, TextEncoder)
    assert cache.computed == len(cache)
