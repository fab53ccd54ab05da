from __future__ import annotations

import json

import committee_cases
import numpy as np
import pytest
import torch
import transformers

import altasks as al
from altasks.committees import Ensemble, MCDropout
from altasks.data.samples.sentences import made_up_frames
from altasks.data.tagging.tags import spans_of
from altasks.errors import InvalidInputError
from altasks.predictions import Ragged
from altasks.tasks import SRL
from altasks.testing.tasks import TaskSuite, same_prediction

PEOPLE = ["ann", "bob", "eve", "tom"]
THINGS = ["cup", "car", "hat", "pen"]
VERBS = ["sold", "washed", "found"]
ROLES = ["ARG0", "ARG1"]
FAST = {"max_steps": 6}


def one(person, verb, thing):
    return [person, verb, "the", thing]


def pair_of(left, right):
    """Two clauses: a word's role depends on which of the two verbs is meant."""
    tokens = [*left, "and", *right]
    none = ["O"] * 9
    frames = [
        {
            "verb": at,
            "tags": [*none[: at - 1], "B-ARG0", "B-V", "B-ARG1", "I-ARG1", *none[at + 3 :]],
        }
        for at in (1, 6)
    ]
    return {"tokens": tokens, "verbs": [1, 6]}, frames


@pytest.fixture(scope="session")
def clauses():
    """48 made-up samples and their labels; the verb is often the same in both clauses."""
    rng = np.random.default_rng(0)
    made = [
        pair_of(*(one(rng.choice(PEOPLE), rng.choice(VERBS), rng.choice(THINGS)) for _ in "ab"))
        for _ in range(48)
    ]
    return (
        [{**sample, "tokens": [str(word) for word in sample["tokens"]]} for sample, _ in made],
        [label for _, label in made],
    )


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Folders of untrained two-layer taggers, with a WordPiece tokenizer of these words."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    transformers.utils.logging.disable_progress_bar()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    base = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    base.normalizer = normalizers.BertNormalizer()
    base.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    trainer = trainers.WordPieceTrainer(vocab_size=90, special_tokens=special, show_progress=False)
    base.train_from_iterator([*PEOPLE, *THINGS, *VERBS, "the and ."] * 9, trainer)
    base.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, base.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    shared = {
        "vocab_size": 90,
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 2,
        "intermediate_size": 64,
        "max_position_embeddings": 48,
        "pad_token_id": 0,
    }
    configs = {
        "bert": transformers.BertConfig(**shared),
        "another bert": transformers.BertConfig(**shared),
        "roberta": transformers.RobertaConfig(
            **{**shared, "max_position_embeddings": 49}, type_vocab_size=1
        ),
        # Its tokenizer tells two types apart, the model doesn't, as with DeBERTa v3.
        "typeless": transformers.BertConfig(**shared, type_vocab_size=1),
    }
    root = tmp_path_factory.mktemp("srl")
    for seed, (name, config) in enumerate(configs.items()):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = transformers.AutoModel.from_config(config)
            # Far from the tiny start of a new model, so that predictions differ visibly; where a
            # word stands and its type say as much as in a trained one, so that a few steps teach
            # what a mark means.
            with torch.no_grad():
                for parameter in model.encoder.parameters():
                    if parameter.ndim > 1:
                        parameter.mul_(3)
                model.embeddings.token_type_embeddings.weight.mul_(20)
                model.embeddings.position_embeddings.weight.mul_(20)
        model.save_pretrained(root / name)
        inputs = ["input_ids", "attention_mask"]
        transformers.PreTrainedTokenizerFast(
            tokenizer_object=base,
            pad_token="[PAD]",
            unk_token="[UNK]",
            cls_token="[CLS]",
            sep_token="[SEP]",
            mask_token="[MASK]",
            model_max_length=48,
            model_input_names=inputs if name == "roberta" else [*inputs, "token_type_ids"],
        ).save_pretrained(root / name)
    return {name: root / name for name in configs}


@pytest.fixture
def make(folders):
    def make_task(model="bert", *, labels=ROLES, quiet=True, **options):
        task = SRL(folders.get(model, model), labels=labels, **{"training_args": FAST, **options})
        task._warned = quiet  # that the head is new is tested once, below
        for member in task._ensemble._members.tasks if task._ensemble else []:
            if member is not None:
                member._warned = quiet
        return task

    return make_task


class _Suite(TaskSuite):
    @pytest.fixture
    def samples(self, clauses):
        long = {"tokens": [*PEOPLE, "sold"] * 20, "verbs": [4, 99]}
        return [*clauses[0][:4], {"tokens": ["the", "cup"], "verbs": []}, long]

    @pytest.fixture
    def labels(self, clauses):
        none = ["O"] * 99
        long = [
            {"verb": 4, "tags": [*none[:4], "B-V", "B-ARG1", *none[5:]]},
            {"verb": 99, "tags": ["B-ARG0", *none[1:], "B-V"], "roleset": "sell.01"},
        ]
        return [*clauses[1][:4], [], long]

    @pytest.fixture
    def bad_labels(self):
        tags = ["B-ARG0", "B-V"]
        return [
            None,
            "ARG0",
            {"verb": 1, "tags": tags},
            [tags],
            [{"tags": tags}],
            [{"verb": 2, "tags": tags}],
            [{"verb": True, "tags": tags}],
            [{"verb": 1}],
            [{"verb": 1, "tags": tags, "spans": []}],
            [{"verb": 1, "tags": tags, "sense": 1}],
            [{"verb": 1, "tags": tags, "roleset": 1}],
            [{"verb": 1, "tags": "OO"}],
            [{"verb": 1, "tags": [0, 1]}],
            [{"verb": 1, "tags": ["I-ARG0", "B-V"]}],
            [{"verb": 1, "tags": ["B-ARG9", "B-V"]}],
            [{"verb": 0, "tags": tags}],
            [{"verb": 1, "tags": tags}, {"verb": 1, "tags": [*tags, "O"]}],
            [{"verb": 1, "spans": []}],  # the number of words isn't known
        ]


class TestPlain(committee_cases.Plain, _Suite):
    pass


class TestHeadDropout(committee_cases.HeadDropout, _Suite):
    pass


class TestFullDropout(committee_cases.FullDropout, _Suite):
    pass


class TestNoTokenTypes(_Suite):
    @pytest.fixture
    def make_task(self, make):
        return lambda: make("roberta")


@pytest.mark.filterwarnings("ignore:The head of this")
class TestEnsemble(_Suite):
    @pytest.fixture
    def make_task(self, make, folders):
        members = [folders["bert"], folders["another bert"]]
        return lambda: make(None, committee=Ensemble(members))


# What comes out.


def test_a_new_head_is_said_once(make, clauses):
    task = make(quiet=False)
    with pytest.warns(UserWarning, match="until fit"):
        task.predict(clauses[0])


def test_units_are_the_words_of_every_frame(make, clauses):
    empty = {"tokens": ["the", "cup"], "verbs": []}
    short = {"tokens": ["ann", "sold", "hats"], "frames": [{"verb": 1, "tags": "not read"}]}
    prediction = make().predict([clauses[0][0], empty, short])
    assert isinstance(prediction, Ragged)
    assert prediction.lengths.tolist() == [18, 0, 3]
    assert prediction.units.probs.shape == (21, 1, 5)
    assert prediction.fields["frame"].tolist() == [0] * 9 + [1] * 9 + [0] * 3
    assert prediction.fields["word"].tolist() == [*range(9), *range(9), *range(3)]
    assert prediction.fields["span"].shape == (21,)
    nothing = make(committee=MCDropout(4, layers="head")).predict([empty])
    assert nothing.units.probs.shape == (0, 4, 5)
    assert {name: len(rows) for name, rows in nothing.fields.items()} == {
        "span": 0, "frame": 0, "word": 0
    }  # fmt: skip
    assert make().predict([]).lengths.tolist() == []


@pytest.mark.parametrize("model", ["bert", "roberta", "typeless"])
def test_the_mark_tells_two_equal_words_apart(make, model):
    """The same verb twice: which one is meant changes what is said of every word."""
    tokens = [*one("ann", "sold", "cup"), "and", *one("bob", "sold", "hat")]
    both = make(model).predict([{"tokens": tokens, "verbs": [1, 6]}]).units.probs[:, 0]
    assert (both[:9] - both[9:]).abs().amax(-1)[[1, 6]].min() > 1e-3


def test_the_input_is_the_sentence_and_the_predicate_again(make):
    sample = {"tokens": ["ann", "sold", "the", "cup"], "verbs": [1]}
    task = make()
    ids = task.tokenizer("ann [SEP] sold [SEP] the cup", "sold", return_tensors="pt")
    ids["token_type_ids"][0, 2:5] = 1
    with torch.no_grad():
        expected = task.model(**ids).logits.softmax(-1)[0, [1, 3, 5, 6]]
    assert torch.allclose(task.predict([sample]).units.probs[:, 0], expected, atol=1e-5)
    task = make("roberta")
    separators = task.tokenizer("ann [SEP] sold [SEP] the cup", "sold", return_tensors="pt")
    with torch.no_grad():
        expected = task.model(**separators).logits.softmax(-1)[0, [1, 3, 5, 6]]
    assert torch.allclose(task.predict([sample]).units.probs[:, 0], expected, atol=1e-5)


def test_the_order_of_frames_and_the_batch_size_change_nothing(make, clauses):
    samples = clauses[0][:7]
    whole = make().predict(samples)
    for size in (1, 3):
        assert same_prediction(whole, make(batch_size=size).predict(samples), 1e-5)
    turned = make().predict([{**sample, "verbs": sample["verbs"][::-1]} for sample in samples])
    probs, other = (part.units.probs.reshape(7, 2, 9, 5) for part in (whole, turned))
    assert torch.allclose(probs, other.flip(1), atol=1e-5)


def test_long_sentences_have_each_word_once_and_the_predicate_in_every_window(make):
    tokens = [*PEOPLE, "sold"] * 30
    far, near = (
        make().predict([{"tokens": tokens, "verbs": [verb]}]).units.probs for verb in (149, 4)
    )
    assert far.shape == near.shape == (150, 1, 5)
    # The first window has word 4 in it, marked, and not word 149.
    assert (far[:10] - near[:10]).abs().amax() > 1e-4


def test_readings_do_not_cross_frames(make, clauses):
    task = make()
    prediction = task.predict(clauses[0][:1])
    probs = torch.full((18, 1, 5), 0.05)
    tags = ["O"] * 8 + ["B-ARG1"] + ["I-ARG1"] + ["O"] * 8
    for row, tag in enumerate(tags):
        probs[row, 0, task.tags.index(tag)] = 0.8
    made = Ragged(al.Categorical(probs), [18], prediction.fields)
    (spans,) = task.readings(made).texts[0]
    assert [tuple(span) for span in spans] == [(8, 9, "ARG1"), (9, 10, "ARG1")]
    assert task.readings(made, of="tags").texts[0][0] == tuple(tags)


# The predicate's own tag.


@pytest.mark.parametrize("scheme", ["IOB2", "BIOES"])
def test_the_predicate_is_no_argument_whether_the_model_has_its_tag_or_not(make, clauses, scheme):
    samples, labels = clauses
    settings = {"training_args": {"max_steps": 100, "learning_rate": 5e-3}, "scheme": scheme}
    task = make(labels=[*ROLES, "V"], **settings)
    task.fit(samples, labels, seed=0)
    best = task.predict(samples[:1]).units.probs[:, 0].argmax(-1).tolist()
    assert [i for i, number in enumerate(best) if task.tags[number][2:] == "V"] == [1, 15]
    assert task.evaluate(samples, labels)["f1"] > 0.9
    shown = task.describe(samples[0], task.predict(samples[:1]))
    found = {span["label"] for frame in shown["frames"] for span in frame["spans"]}
    assert found == {"ARG0", "ARG1"}
    fields = task.predict(samples[:1]).fields
    assert fields["span"][[1, 15]].tolist() == [-1, -1]


def test_v_may_be_left_out_and_is_kept_as_told(make):
    sample = {"tokens": ["ann", "gave", "it", "up"], "verbs": [1]}
    task = make()
    bare = ["B-ARG0", "O", "B-ARG1", "O"]
    told = ["B-ARG0", "B-V", "B-ARG1", "B-C-V"]

    def check(tags):
        return task.check_label([{"verb": 1, "tags": tags}], sample)[0]["tags"]

    assert check(bare) == ["B-ARG0", "B-V", "B-ARG1", "O"]
    assert check(told) == told
    # Where the word is an argument, nothing is written over it.
    assert check(["B-ARG0", "I-ARG0", "O", "O"]) == ["B-ARG0", "I-ARG0", "O", "O"]
    with pytest.raises(
        InvalidInputError, match=r"one span V, at the verb \(word 1\), found V at word 2"
    ):
        check(["O", "O", "B-V", "O"])
    task.fit([sample], [[{"verb": 1, "tags": told}]], seed=0)


# Labels.


def test_labels_are_frames_in_the_order_of_the_sample(make, clauses):
    (sample, *_), (label, *_) = clauses
    task = make()
    assert task.check_label(label[::-1], sample) == label
    assert task.check_label(tuple(label), sample) == label
    spans = [
        {
            "verb": frame["verb"],
            "spans": [span._asdict() for span in spans_of(frame["tags"]) if span.label != "V"],
        }
        for frame in label
    ]
    assert task.check_label(spans, sample) == label
    kept = task.check_label([{**label[0], "roleset": "sell.01"}, label[1]], sample)
    assert kept == [{**label[0], "roleset": "sell.01"}, label[1]]
    assert json.loads(json.dumps(kept)) == kept
    shown = task.describe(sample, task.predict([sample]))
    assert [frame["verb"] for frame in task.check_label(shown["frames"], sample)] == [1, 6]
    repaired = make(repair=True).check_label(
        [{"verb": 0, "tags": ["O", "I-ARG1"]}], {"tokens": ["sold", "hats"], "verbs": [0]}
    )
    assert repaired == [{"verb": 0, "tags": ["B-V", "B-ARG1"]}]


def test_two_frames_of_one_verb(make):
    """PropBank has a few."""
    sample = {"tokens": ["ann", "sold", "hats"], "verbs": [1, 1]}
    label = [{"verb": 1, "tags": ["B-ARG0", "B-V", "O"]}, {"verb": 1, "tags": ["O", "B-V", "O"]}]
    task = make()
    assert task.check_label(label, sample) == label
    assert task.predict([sample]).lengths.tolist() == [6]
    with pytest.raises(InvalidInputError, match="one frame for each predicate"):
        task.check_label(label[:1], sample)


FIRST = {"verb": 1, "tags": ["B-ARG0", "B-V", "O", "O"]}
SECOND = {"verb": 3, "tags": ["O"] * 4}
ARG1 = ["B-ARG1", "I-ARG1"]
CROSSING = [{"start": 0, "end": 2, "label": "ARG0"}, {"start": 1, "end": 2, "label": "ARG1"}]


@pytest.mark.parametrize(
    ("label", "message"),
    [
        ([FIRST], r"word 1 'sold', word 3 'found'\), found none for word 3 'found'"),
        ([FIRST, SECOND, {"verb": 2, "tags": ["O"] * 4}], "found 1 for word 2 'and'"),
        ([FIRST, {"verb": 1, "tags": ["O"] * 3}], r"4 tags, one for each word, found 3 .*frame 1"),
        ([FIRST, {"verb": 3, "tags": ["B-ARG2", *"OOO"]}], r"'B-ARG2' \(.*frame 1, word 0\)"),
        ([FIRST, {"verb": 3, "tags": ["O", "I-ARG1", *"OO"]}], "frame 1: .*'I-ARG1' after 'O'"),
        ([FIRST, {"verb": 3, "spans": [[0, 1, "ARG0"]]}], "frame 1: labels: expected spans with"),
        ([FIRST, {"verb": 3, "spans": CROSSING}], "frame 1: spans: .* that don't overlap"),
    ],
)
def test_what_is_wrong_with_a_label_is_named(make, label, message):
    sample = {"tokens": ["ann", "sold", "and", "found"], "verbs": [1, 3]}
    task = make()
    task.check_label([FIRST, SECOND], sample)
    with pytest.raises(InvalidInputError, match=message):
        task.check_label(label, sample)
    for ask, options in ((task.fit, {"seed": 0}), (task.evaluate, {})):
        with pytest.raises(InvalidInputError, match=message) as caught:
            ask([sample, sample], [[FIRST, SECOND], label], **options)
        assert "row 1" in str(caught.value)


def test_a_label_that_could_not_be_trained_on_is_refused_when_told(make):
    task = make(labels=["O", "B-ARG0", "I-ARG0", "B-ARG1", "B-V"])
    sample = {"tokens": ["ann", "sold", "out", "hats"], "verbs": [1]}
    for tags, named in ((["O", "B-V", "I-V", "O"], "I-V"), (["O", "O", *ARG1], "I-ARG1")):
        label = [{"verb": 1, "tags": tags}]
        with pytest.raises(InvalidInputError, match=rf"an output for: .*'{named}' \(frame 0, word"):
            task.check_label(label, sample)
        with pytest.raises(InvalidInputError, match="an output for"):
            task.fit([sample], [label], seed=0)
    assert make().check_label([{"verb": 1, "tags": ["O", "B-V", "I-V", "O"]}], sample)


def test_a_prediction_of_another_sample_is_not_described(make):
    task = make()
    words = ["ann", "sold", "hats"]
    one, two = {"tokens": words, "verbs": [1]}, {"tokens": words, "verbs": [0, 1]}
    both = task.predict([one, two])
    assert len(task.describe(two, both[1])["frames"]) == 2
    for sample, prediction in ((two, both[0]), (one, both[1]), (one, both)):
        with pytest.raises(
            InvalidInputError, match="prediction: expected that of one sample, of 3"
        ):
            task.describe(sample, prediction)


# Samples.


@pytest.mark.parametrize(
    ("sample", "message"),
    [
        (["ann", "sold"], r"a mapping with 'tokens' and 'verbs' \(or 'frames'\)"),
        ({"tokens": ["ann"]}, "The predicates are given, not found"),
        ({"tokens": [], "verbs": []}, "an empty sentence"),
        ({"tokens": ["ann", 3], "verbs": []}, "row 1, word 1"),
        ({"tokens": ["ann"], "verbs": [1]}, r"index of one of 1 words, found 1 \(row 1, verbs 0\)"),
        ({"tokens": ["ann"], "verbs": 0}, "a list of verbs"),
        ({"tokens": ["ann"], "frames": [{}]}, "row 1, frames 0"),
        ({"tokens": ["ann", "sold"], "verbs": [1], "frames": []}, "the same predicates"),
    ],
)
def test_what_is_wrong_with_a_sample_is_named(make, clauses, sample, message):
    task = make()
    task.model.register_forward_hook(lambda *_: pytest.fail("the model ran"))
    with pytest.raises(InvalidInputError, match=message):
        task.predict([clauses[0][0], sample])
    with pytest.raises(InvalidInputError, match=message):
        task.check_samples([clauses[0][0], sample])


def test_cost_and_size(make):
    task = make()
    words = {"tokens": ["ann", "sold", "and", "found"]}
    assert [task.cost({**words, "verbs": verbs}) for verbs in ([], [1], [1, 3])] == [4, 4, 8]
    assert task.size({**words, "verbs": []}) == task.size({**words, "verbs": [1, 3]}) == 19


def test_a_tokenizer_that_can_mark_nothing_is_refused(folders):
    from tokenizers import Tokenizer, models

    base = Tokenizer(models.BPE({"a": 0, "b": 1}, []))
    with pytest.raises(InvalidInputError, match="to mark the predicate with"):
        SRL(
            folders["roberta"],
            labels=ROLES,
            tokenizer=transformers.PreTrainedTokenizerFast(tokenizer_object=base),
        )


# Training.


def test_it_learns_whose_roles_are_asked_for(make, clauses):
    samples, labels = clauses
    task = make(training_args={"max_steps": 100, "learning_rate": 5e-3})
    task.fit(samples[:36], labels[:36], seed=0)
    metrics = task.evaluate(samples[36:], labels[36:])
    assert set(metrics) == {"precision", "recall", "f1", "f1_ARG0", "f1_ARG1"}
    assert metrics["f1"] > 0.9


def test_metrics_are_those_of_the_prediction(make, clauses):
    samples, labels = clauses
    for committee in (None, Ensemble(2)):
        task = make(committee=committee)
        task.fit(samples[:8], labels[:8], seed=0)
        best = task.predict(samples).units.mean_probs.argmax(-1).reshape(-1, 9)
        right = wanted = found = 0
        for tags, row in zip([f["tags"] for frames in labels for f in frames], best, strict=True):
            true = {span for span in spans_of(tags) if span.label != "V"}
            guess = set(spans_of([task.tags[number] for number in row.tolist()], repair=True))
            right, wanted, found = right + len(true & guess), wanted + len(true), found + len(guess)
        metrics = task.evaluate(samples, labels)
        assert metrics["recall"] == pytest.approx(right / wanted)
        assert metrics["precision"] == pytest.approx(right / max(1, found))


def test_weights_are_of_samples(make, clauses):
    samples, labels = clauses[0][:8], clauses[1][:8]
    task = make()

    def fitted(labels, weights=None):
        task.fit(samples, labels, seed=0, weights=weights)
        return task.predict(samples)

    plain = fitted(labels)
    assert same_prediction(plain, fitted(labels, [3.0] * 8), 1e-4)
    wrong = [
        [{**frame, "tags": ["O"] * 9} for frame in label] if i % 2 else label
        for i, label in enumerate(labels)
    ]
    halves = [float(i % 2 == 0) for i in range(8)]
    right_half = fitted(labels, halves)
    assert same_prediction(right_half, fitted(wrong, halves), 1e-6)
    assert not same_prediction(right_half, plain, 1e-3)


def test_sentences_without_predicates_teach_nothing(make, clauses):
    none = {"tokens": ["the", "cup"], "verbs": []}
    task = make()
    with pytest.raises(InvalidInputError, match="at least one sentence with a predicate"):
        task.fit([none], [[]], seed=0)
    task.fit([none, clauses[0][0]], [[], clauses[1][0]], seed=0)
    assert task.evaluate([none], [[]]) == {"precision": 0.0, "recall": 0.0, "f1": 0.0}
    assert al.score(task, [none, clauses[0][0]], "mnlp", progress=False).values[0] == 0.0


def test_saved_roles_must_agree(make, tmp_path):
    make().save(tmp_path)
    with pytest.raises(InvalidInputError, match="weights for tags"):
        make(labels=["ARG0", "ARG2"]).load(tmp_path)
    assert SRL(tmp_path).labels == ROLES


def test_a_loop_end_to_end_with_a_budget_in_words(make):
    made = made_up_frames(30, seed=0)
    roles = sorted(
        {s.label for m in made for f in m["frames"] for s in spans_of(f["tags"])} - {"V"}
    )
    pool = {
        m["id"]: {"tokens": m["tokens"], "verbs": [f["verb"] for f in m["frames"]]} for m in made
    }
    truth = {m["id"]: m["frames"] for m in made}
    oracle = al.Simulated(truth)
    test = list(pool.values())[:4], [m["frames"] for m in made[:4]]
    task = make(labels=roles, committee=MCDropout(3, layers="head"))
    loop = al.ActiveLoop(task, pool, seed=0)
    rounds = list(loop.run(oracle, cost_budget=300, cost_batch=150, test=test))
    assert len(rounds) == 2
    assert 150 < loop.spent <= 300
    assert loop.spent == sum(task.cost(pool[name]) for name in loop.labels)
    assert set(rounds[0].metrics) >= {"f1", "precision", "recall"}
    query = loop.ask(cost=100)
    assert sum(task.cost(sample) for sample in query.samples) <= 100
    assert loop.tell({name: truth[name] for name in query.ids}) == len(query.ids)


def test_registered_by_name(make):
    assert al.get_task("srl") is SRL is al.SRL
    assert make().default_acquisition == "mnlp"
    assert make(committee=MCDropout(3)).default_acquisition == "bald"
    assert make().labels == ROLES


def test_words_verbs_and_tags_may_be_arrays(tiny_encoder):
    """As parquet files have them."""
    task = al.SRL(tiny_encoder, labels=["ARG0"])
    tags = ["B-ARG0", "B-V"]
    sample = {"tokens": np.array(["Ada", "wrote"]), "verbs": np.array([1])}
    frame = {"verb": np.int64(1), "tags": np.array(tags, dtype=object)}
    for label in ([frame], np.array([frame], dtype=object)):
        kept = task.check_label(label, sample=sample)
        assert kept == [{"verb": 1, "tags": tags}]
        assert type(kept[0]["verb"]) is int
    with pytest.warns(UserWarning, match="head"):
        assert task.predict([sample]).lengths.tolist() == [2]


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_predicts_and_is_trained_in_float32(tiny_encoder, dtype):
    def make(of):
        model = transformers.AutoModelForTokenClassification.from_pretrained(
            tiny_encoder, num_labels=3
        )
        with torch.no_grad():
            model.classifier.weight.copy_(torch.linspace(-1, 1, 96).reshape(3, 32))
        model = model.to(dtype).to(of)
        return al.SRL(model, tokenizer=str(tiny_encoder), labels=["ARG0"], training_args=FAST)

    samples = [{"tokens": ["Ada", "wrote"], "verbs": [1]}, {"tokens": ["It", "rains"], "verbs": []}]
    labels = [[{"verb": 1, "tags": ["B-ARG0", "B-V"]}], []]
    half, whole = make(dtype), make(torch.float32)
    found, expected = half.predict(samples), whole.predict(samples)
    assert found.units.probs.dtype == torch.float32
    torch.testing.assert_close(found.units.probs, expected.units.probs, rtol=0, atol=0.05)
    with pytest.warns(UserWarning, match="brought to float32"):
        half.fit(samples, labels, seed=0)
    whole.fit(samples, labels, seed=0)
    assert same_prediction(half.predict(samples), whole.predict(samples), 1e-6)
