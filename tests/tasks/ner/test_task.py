"""NER on real (tiny) models: what comes out, what is learned, what is refused."""

from __future__ import annotations

import json
import warnings

import committee_cases
import numpy as np
import pytest
import torch
import transformers
from torch import nn

import altasks as al
from altasks.committees import Ensemble, MCDropout
from altasks.data.tagging.tags import SCHEMES, convert, spans_of
from altasks.errors import InvalidInputError, UnsupportedPredictionError
from altasks.predictions import Categorical, Ragged
from altasks.tasks import NER
from altasks.testing.tasks import TaskSuite, same_prediction

FAST = {"max_steps": 6}
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
TEXT = "Ada King (1815) lived in New York, didn't she?"
WORDS = ["Ada", "King", "(", "1815", ")", "lived", "in", "New", "York", ",", "didn't", "she", "?"]


@pytest.fixture
def make(tiny_tagger):
    def make_task(model=tiny_tagger, **options):
        return NER(model, **{"training_args": FAST, **options})

    return make_task


# The suite that every task must pass.


class _Suite(TaskSuite):
    @pytest.fixture
    def samples(self, sentences):
        return sentences

    @pytest.fixture
    def labels(self, sentence_tags):
        return sentence_tags

    @pytest.fixture
    def bad_labels(self):
        return [
            "PER",
            b"O",
            None,
            3,
            {"tags": ["O"]},
            ["O", "I-PER"],
            ["B-Person"],
            ["PER"],
            ["O", 3],
            [3],
            [{"start": 0, "end": 1, "label": "PER"}],  # of which words?
        ]


class TestPlain(committee_cases.Plain, _Suite):
    pass


class TestHeadDropout(committee_cases.HeadDropout, _Suite):
    pass


class TestFullDropout(committee_cases.FullDropout, _Suite):
    pass


class TestEnsemble(_Suite):
    one_at_a_time = False

    @pytest.fixture
    def make_task(self, make, make_tagger, make_tokenizer):
        members = [make_tagger(make_tokenizer(), seed=seed) for seed in (0, 1)]
        ensemble = Ensemble(members, one_at_a_time=self.one_at_a_time)
        return lambda: make(None, committee=ensemble)


@pytest.mark.slow
class TestEnsembleOneAtATime(TestEnsemble):
    one_at_a_time = True


class TestWindowsAndIob1(_Suite):
    @pytest.fixture
    def make_task(self, make):
        return lambda: make(label_scheme="IOB1", max_length=12, overlap=4, batch_size=3)

    @pytest.fixture
    def bad_labels(self):
        return [["S-PER"], ["O", "B-PER", "I-LOC", "B-PER"], ["I-Person"]]


class TestText(_Suite):
    @pytest.fixture
    def make_task(self, make):
        return make

    @pytest.fixture
    def samples(self, sentences):
        return [" ".join(words) for words in sentences]


# What comes out.


@pytest.mark.parametrize("family", ["wordpiece", "bytes", "bytes+space", "unigram"])
def test_predictions_are_the_models_own(make, make_tokenizer, make_tagger, sentences, family):
    """Each sentence alone through the library's own forward, read at word_ids, says the same."""
    tokenizer = make_tokenizer(family)
    task = make(make_tagger(tokenizer))
    prediction = task.predict(sentences)
    assert prediction.lengths.tolist() == [len(words) for words in sentences]
    for row, words in enumerate(sentences):
        space = " " if family == "bytes" else ""
        encoded = tokenizer(
            [space + word for word in words], is_split_into_words=True, return_tensors="pt"
        )
        with torch.no_grad():
            probs = task.model(**encoded).logits[0].softmax(-1)
        ids = encoded.word_ids(0)
        firsts = [ids.index(word) for word in range(len(words))]
        assert torch.allclose(prediction[row].units.probs[:, 0], probs[firsts], atol=1e-5)


@pytest.mark.parametrize("side", ["right", "left"])
@pytest.mark.parametrize("committee", [None, MCDropout(6, layers="head", seed=4)])
def test_company_does_not_change_scores(
    make, make_tokenizer, make_tagger, sentences, side, committee
):
    """Padding, batch size and order: 1e-5, on either side of the tokenizer's padding."""
    folder = make_tagger(make_tokenizer(side=side))
    pool = {str(row): words for row, words in enumerate(sentences)}
    pool["long"] = [word for words in sentences for word in words]
    expected = None
    for task_batch, batch in ((32, 32), (1, 32), (5, 2), (2, 13)):
        task = make(folder, committee=committee, batch_size=task_batch, max_length=40)
        assert task.tokenizer.padding_side == side
        for names in (list(pool), list(pool)[::-1]):
            scores = al.score(
                task, {name: pool[name] for name in names}, batch_size=batch, progress=False
            )
            values = dict(zip(scores.ids, scores.values.tolist(), strict=True))
            expected = expected or values
            assert values == pytest.approx(expected, abs=1e-5)


def test_padding_has_no_unit_and_no_share(make, sentences):
    """The score is that of the words alone, by a formula written here."""
    task = make(committee=MCDropout(7, layers="head"))
    scores = al.score(task, sentences, "bald", progress=False).values
    for row, words in enumerate(sentences):
        probs = task.predict([words]).units.probs.double()  # n x K x C
        mean = probs.mean(1)
        total = -(mean * mean.log()).sum(-1)
        within = -(probs * probs.log()).sum(-1).mean(1)
        assert scores[row] == pytest.approx(float((total - within).mean()), abs=1e-5)


def test_raw_text_comes_back_with_offsets(make):
    task = make()
    prediction = task.predict([TEXT, ["Ada", "King"], {"text": "yes"}, {"tokens": ["no"]}])
    starts, ends = (prediction.fields[name].tolist() for name in ("start", "end"))
    words = [TEXT[start:end] for start, end in zip(starts, ends, strict=True)][:13]
    assert words == WORDS
    assert starts[13:] == [-1, -1, 0, -1]
    assert ends[13:] == [-1, -1, 3, -1]
    split = task.predict([words])
    assert torch.equal(prediction[0].units.probs, split.units.probs)


def test_describe_says_where_the_names_are(make):
    task = make()
    probs = torch.full((13, 1, 5), 0.05)
    for place, tag in {0: 1, 1: 2, 7: 3, 8: 4}.items():
        probs[place, 0, tag] = 0.8
    probs[[2, 3, 4, 5, 6, 9, 10, 11, 12], 0, 0] = 0.8
    prediction = Ragged(Categorical(probs), [13])
    shown = task.describe(TEXT, prediction)
    assert [(s["start"], s["end"], s["label"], s["text"]) for s in shown["spans"]] == [
        (0, 8, "PER", "Ada King"),
        (25, 33, "LOC", "New York"),
    ]
    assert shown["text"] == TEXT
    assert shown["spans"][0]["probability"] == pytest.approx(0.8)
    shown = task.describe(WORDS, prediction)
    assert [(s["start"], s["end"]) for s in shown["spans"]] == [(0, 2), (7, 9)]
    assert shown["tokens"] == WORDS
    assert json.loads(json.dumps(shown)) == shown
    # What is shown is a label: corrected or not, it can be told.
    assert spans_of(task.check_label(shown["spans"], sample=WORDS))[1] == (7, 9, "LOC")
    with pytest.raises(InvalidInputError, match="prediction: expected that of one sample"):
        task.describe(["Ada"], prediction)


def test_spans_are_numbered_within_each_sample(make, sentences):
    task = make(committee=MCDropout(4, layers="head"))
    prediction = task.predict(sentences)
    for row in range(len(sentences)):
        part = prediction[row]
        tags = [task.tags[c] for c in part.units.mean_probs.argmax(-1).tolist()]
        expected = [-1] * len(tags)
        for number, span in enumerate(spans_of(tags, repair=True)):
            expected[span.start : span.end] = [number] * (span.end - span.start)
        assert part.fields["span"].tolist() == expected
    assert al.by_span(prediction).shape == (12,)


def test_readings_are_what_each_member_says(make, sentences):
    task = make(committee=MCDropout(4, layers="head", p=0.5))
    prediction = task.predict(sentences)
    tags, spans = task.readings(prediction, of="tags"), task.readings(prediction)
    first = 0
    for row, words in enumerate(sentences):
        for k in range(4):
            best = prediction.units.probs[first : first + len(words), k].argmax(-1).tolist()
            assert tags.texts[row][k] == tuple(task.tags[c] for c in best)
            assert spans.texts[row][k] == tuple(spans_of(tags.texts[row][k], repair=True))
        first += len(words)
    scores = al.score(
        task, sentences, lambda p: al.edit_disagreement(task.readings(p)), progress=False
    )
    assert 0 < scores.values.max() <= 1
    with pytest.raises(InvalidInputError, match="of: expected 'tags' or 'spans'"):
        task.readings(prediction, of="words")


@pytest.mark.parametrize(
    "name", ["mnlp", "bald", "margin", "entropy", "variation_ratio", "sequence_variation_ratio"]
)
def test_functions_read_it(make, sentences, name):
    task = make(committee=MCDropout(4, layers="head", p=0.5))
    values = al.score(task, sentences, name, progress=False).values
    assert np.isfinite(values).all()
    assert len(set(values.tolist())) > 1


def test_no_samples_are_an_empty_prediction(make):
    task = make(committee=MCDropout(4, layers="head"))
    prediction = task.predict([])
    assert (len(prediction), prediction.members, len(prediction.units)) == (0, 4, 0)
    assert task.embed([]).shape == (0, 32)


def test_embeddings_are_the_mean_of_the_words(make, sentences):
    task = make()
    row = task.embed(sentences)[3]
    assert torch.allclose(row, task.predict([sentences[3]]).units.features.mean(0), atol=1e-5)


def test_cost_is_in_words(make):
    task = make()
    assert task.cost(["New York", "", "is"]) == 3
    assert task.cost(TEXT) == 13
    assert task.default_acquisition == "mnlp"
    assert make(committee=MCDropout(3)).default_acquisition == "bald"


# Schemes.


def test_the_same_model_in_any_scheme_finds_the_same_spans(make, make_tagger, make_tokenizer):
    """Checkpoints whose outputs mean the same spans: the head's rows are copies of each other."""
    words = ["Ada", "King", "met", "Grace", "Hopper", "in", "Paris", "."]
    spans = [(0, 2, "PER"), (3, 5, "PER"), (5, 6, "LOC"), (6, 7, "LOC")]
    for scheme in SCHEMES:
        letters = {"IOB1": "BI", "IOB2": "BI", "BIOES": "BIES", "BILOU": "BILU"}[scheme]
        tags = ("O", *(f"{a}-{b}" for b in ("PER", "LOC") for a in letters))
        named = {"scheme": "IOB1"} if scheme == "IOB1" else {}  # its letters say IOB2
        task = make(make_tagger(make_tokenizer(), tags), **named)
        assert task.scheme == scheme
        assert task.labels == ["PER", "LOC"]
        written = convert(["B-PER", "I-PER", "O", "B-PER", "I-PER", "B-LOC", "B-LOC", "O"],
                          "IOB2", scheme)  # fmt: skip
        probs = torch.full((8, 1, len(tags)), 0.01)
        for place, tag in enumerate(written):
            probs[place, 0, tags.index(tag)] = 1 - 0.01 * (len(tags) - 1)
        prediction = Ragged(Categorical(probs), [8])
        shown = task.describe(words, prediction)["spans"]
        assert [(s["start"], s["end"], s["label"]) for s in shown] == spans
        assert [tuple(s) for s in task.readings(prediction).texts[0][0]] == spans
        # And the other way: a label is learned as the model's own tags.
        assert [tags[c] for c in task._tagset.encode(task.check_label(convert(
            written, scheme, "IOB2"), words), "")] == written  # fmt: skip


def test_it_learns_in_any_scheme(make, make_tagger, make_tokenizer, sentences, sentence_tags):
    for scheme, letters in (("IOB1", "BI"), ("BIOES", "BIES")):
        tags = ("O", *(f"{a}-{b}" for b in ("PER", "LOC") for a in letters))
        task = make(
            make_tagger(make_tokenizer(), tags),
            scheme=scheme,
            training_args={"num_train_epochs": 80, "learning_rate": 3e-3},
        )
        task.fit(sentences, sentence_tags, seed=0)
        assert task.evaluate(sentences, sentence_tags)["f1"] > 0.9


@pytest.mark.parametrize("scheme", SCHEMES)
def test_labels_come_in_any_scheme_and_are_kept_as_iob2(make, scheme):
    words = ["Ada", "King", "Grace", "in", "Paris"]
    kept = ["B-PER", "I-PER", "B-PER", "O", "B-LOC"]
    task = make(label_scheme=scheme)
    given = convert(kept, "IOB2", scheme)
    assert task.check_label(given, sample=words) == kept
    assert task.check_label(given) == kept
    assert task.check_label(kept, sample=words) == kept
    metrics = task.evaluate([words], [given])
    assert metrics == task.evaluate([words], [kept])


def test_spans_are_labels(make):
    task = make()
    person = {"start": 0, "end": 2, "label": "PER"}
    assert task.check_label([person], sample=["Ada", "King", "!"]) == ["B-PER", "I-PER", "O"]
    assert task.check_label([], sample=["yes", "no"]) == ["O", "O"]
    over_characters = [
        {"start": 25, "end": 33, "label": "LOC", "text": "New York"},
        {"start": 0, "end": 8, "label": "PER"},
    ]
    kept = task.check_label(over_characters, sample=TEXT)
    assert spans_of(kept) == [(0, 2, "PER"), (7, 9, "LOC")]
    assert task.check_label(kept, sample=TEXT) == kept
    task.fit([TEXT, ["yes"]], [over_characters, []], seed=0)


# Windows.


class Neighbourhood(nn.Module):
    """A token classifier that sees `reach` tokens to either side, and no position."""

    def __init__(self, vocabulary: int, reach: int) -> None:
        super().__init__()
        self.config = transformers.BertConfig(
            vocab_size=vocabulary, id2label=dict(enumerate(TAGS)), max_position_embeddings=10_000
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.embedding = nn.Embedding(vocabulary, 16)
            self.mix = nn.Conv1d(16, 16, 2 * reach + 1, padding=reach)
            self.classifier = nn.Linear(16, 5)

    def forward(self, input_ids, attention_mask, token_type_ids=None):
        hidden = self.embedding(input_ids) * attention_mask[..., None]
        hidden = self.mix(hidden.transpose(1, 2)).transpose(1, 2)
        return {"logits": self.classifier(hidden.tanh()) * 10}


@pytest.fixture
def long_sentence(sentences):
    rng = np.random.default_rng(0)
    words = [word for row in rng.integers(0, 12, 60) for word in sentences[row]]
    return [*words, "Babbagette", "\u00a0", ""]


@pytest.mark.parametrize("reach", [1, 3])
@pytest.mark.parametrize("overlap", [0, 2, 4, 8, 14])
def test_only_words_near_a_seam_change(make_tokenizer, long_sentence, reach, overlap):
    """Words farther than `reach` tokens from the cuts of their window are exact.

    So all are with an overlap of 2 * reach + the tokens of the longest word.
    """
    tokenizer = make_tokenizer("wordpiece", "right", 5000)
    model = Neighbourhood(len(tokenizer), reach)
    whole = NER(model, tokenizer=tokenizer).predict([long_sentence]).units.probs
    task = NER(model, tokenizer=tokenizer, max_length=42, overlap=overlap)
    cut = task.predict([long_sentence]).units.probs
    assert cut.shape == whole.shape
    changed = ((cut - whole).abs().amax((1, 2)) > 1e-5).nonzero().flatten().tolist()

    sequences = task._sequences(long_sentence, "")
    tokens = task._encoder._tokenise(sequences)[0]
    windows = task._encoder.encode([sequences]).windows
    begins = np.cumsum([0, *map(len, tokens)])
    near = set()
    for number, window in enumerate(windows):
        first = begins[window.start] - (window.places[0] - 1)
        last = first + len(window.inputs["input_ids"]) - 2
        for word in range(window.start, window.start + len(window.places)):
            before = number > 0 and begins[word] - first < reach
            after = number < len(windows) - 1 and last - 1 - begins[word] < reach
            if before or after:
                near.add(word)
    assert set(changed) <= near
    longest = max(map(len, tokens))
    if overlap >= 2 * reach + longest:
        assert not changed
    if overlap == 0:
        assert changed  # the test can see a difference where there is one


def test_long_sentences_of_a_real_model_lose_nothing(make, long_sentence):
    task = make(committee=MCDropout(3, layers="head"), max_length=24)
    prediction = task.predict([long_sentence, ["Ada"]])
    assert prediction.lengths.tolist() == [len(long_sentence), 1]
    assert bool(torch.isfinite(prediction.units.probs).all())
    task.fit([long_sentence], [["O"] * len(long_sentence)], seed=0)


# Committees.


@pytest.mark.parametrize("one_at_a_time", [False, True])
def test_an_ensemble_of_checkpoints_is_its_members(
    make, make_tagger, make_tokenizer, sentences, one_at_a_time
):
    # Neither the order nor the scheme that would be made of the labels.
    tags = ("S-LOC", "B-LOC", "I-LOC", "E-LOC", "O", "S-PER", "B-PER", "I-PER", "E-PER")
    folders = [make_tagger(make_tokenizer(), tags, seed) for seed in (0, 1, 2)]
    ensemble = Ensemble(folders, one_at_a_time=one_at_a_time)
    task = make(None, committee=ensemble)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        prediction = task.predict([*sentences, TEXT])
    assert prediction.members == 3
    for k, folder in enumerate(folders):
        alone = make(folder).predict([*sentences, TEXT])
        assert torch.allclose(prediction.units.probs[:, k], alone.units.probs[:, 0], atol=1e-6)
        assert torch.equal(prediction.fields["start"], alone.fields["start"])
    means = prediction.units.mean_probs.argmax(-1)
    found = [spans_of([task.tags[c] for c in part.tolist()], "BIOES", repair=True)
             for part in means.split(prediction.lengths.tolist())]  # fmt: skip
    counts = [int(part.max()) + 1 for part in
              prediction.fields["span"].split(prediction.lengths.tolist())]  # fmt: skip
    assert counts == [len(spans) for spans in found]


def test_an_ensemble_of_seeds_is_trained_and_disagrees(make, sentences, sentence_tags):
    task = make(committee=Ensemble(2), labels=["PERSON", "PLACE"], training_args={"max_steps": 20})
    sentence_tags = [
        [tag.replace("LOC", "PLACE").replace("PER", "PERSON") for tag in tags]
        for tags in sentence_tags
    ]
    task.fit(sentences, sentence_tags, seed=0)
    assert al.score(task, sentences, "bald", progress=False).values.max() > 1e-4


def test_every_dropout_draws_anew(make, sentences):
    task = make(committee=MCDropout(5))
    assert not task.joint_draws
    assert al.score(task, sentences, "bald", progress=False).values.min() > 0


# Training.


def test_it_learns(make, sentences, sentence_tags):
    task = make(training_args={"num_train_epochs": 40, "learning_rate": 3e-3})
    task.fit(sentences, sentence_tags, seed=0)
    metrics = task.evaluate(sentences, sentence_tags)
    assert metrics["f1"] > 0.9
    assert {"precision", "recall", "accuracy", "f1_PER", "f1_LOC"} <= set(metrics)


def test_saved_is_a_checkpoint_anyone_can_load(make, sentences, sentence_tags, tmp_path):
    task = make()
    task.fit(sentences, sentence_tags, seed=1)
    task.save(tmp_path)
    assert same_prediction(NER(tmp_path).predict(sentences), task.predict(sentences))
    plain = transformers.AutoModelForTokenClassification.from_pretrained(tmp_path)
    assert tuple(plain.config.id2label.values()) == TAGS
    assert json.loads((tmp_path / "altasks.json").read_text())["tags"] == list(TAGS)
    other = NER(tmp_path, labels=["O", "B-PER", "I-PER", "B-ORG", "I-ORG"])
    with pytest.raises(InvalidInputError, match="weights for tags"):
        other.load(tmp_path)


def still(task):
    """Switch every dropout off: what is left is a function of the data alone."""
    for module in task.model.modules():
        if isinstance(module, nn.Dropout):
            module.p = 0.0
    return task


FULL_BATCH = {
    "max_steps": 4,
    "per_device_train_batch_size": 64,
    "optim": "sgd",
    "learning_rate": 0.1,
    "lr_scheduler_type": "constant",
    "warmup_steps": 0,
    "max_grad_norm": 0.0,
    "weight_decay": 0.0,
}


def test_weights_are_repeated_samples(make, sentences, sentence_tags):
    """Of unequal lengths, and cut into windows: a weight of 3 is the sentence three times."""
    counts = [1 + row % 3 for row in range(12)]
    repeated = [row for row, count in enumerate(counts) for _ in range(count)]
    options = {"training_args": FULL_BATCH, "max_length": 12, "overlap": 2}
    weighted, plain, without = (still(make(**options)) for _ in range(3))
    weighted.fit(sentences, sentence_tags, seed=0, weights=[2.5 * count for count in counts])
    plain.fit([sentences[i] for i in repeated], [sentence_tags[i] for i in repeated], seed=0)
    without.fit(sentences, sentence_tags, seed=0)
    assert same_prediction(weighted.predict(sentences), plain.predict(sentences), 1e-4)
    assert not same_prediction(weighted.predict(sentences), without.predict(sentences), 1e-3)


def test_a_weight_of_zero_teaches_nothing(make, sentences, sentence_tags):
    wrong = [["O"] * len(tags) if row % 2 else tags for row, tags in enumerate(sentence_tags)]
    halves = [float(row % 2 == 0) for row in range(12)]
    predictions = []
    for labels in (sentence_tags, wrong):
        task = make()
        task.fit(sentences, labels, seed=0, weights=halves)
        predictions.append(task.predict(sentences))
    assert same_prediction(*predictions, 1e-6)


def test_weights_are_not_diluted_by_gradient_accumulation(make, sentences, sentence_tags):
    weights = [float(1 + row % 5) for row in range(12)]
    predictions = []
    for batch, accumulate in ((12, 1), (4, 3)):
        settings = {"per_device_train_batch_size": batch, "gradient_accumulation_steps": accumulate}
        task = still(make(training_args={**settings, **FAST}))
        task.fit(sentences, sentence_tags, seed=0, weights=weights)
        predictions.append(task.predict(sentences))
    assert same_prediction(*predictions, 1e-4)


@pytest.mark.parametrize("weights", [None, [2.0] * 12])
def test_the_trainer_measures_entities(make, sentences, sentence_tags, weights):
    seen = []

    class Watch(transformers.TrainerCallback):
        def on_evaluate(self, args, state, control, metrics, **kwargs):
            seen.append(metrics)

    task = make(training_args={**FAST, "eval_strategy": "steps", "eval_steps": 6},
                callbacks=[Watch()])  # fmt: skip
    held_out = (sentences[:5], sentence_tags[:5])
    task.fit(sentences, sentence_tags, seed=0, valid=held_out, weights=weights)
    assert seen[-1]["eval_f1"] == pytest.approx(task.evaluate(*held_out)["f1"])


def test_batches_of_like_length_can_be_asked_for(make, sentences, sentence_tags):
    task = make(training_args={**FAST, "train_sampling_strategy": "group_by_length"})
    task.fit(sentences, sentence_tags, seed=0, weights=[1.0] * 12)


# What is refused.


@pytest.mark.parametrize(
    ("sample", "label", "message"),
    [
        (["Ada", "King"], ["B-PER"], r"2 tags, one for each word, found 1 \(row 0\)"),
        (["Ada"], ["B-PER", "O"], r"1 tags, one for each word, found 2 \(row 0\)"),
        (["Ada"], ["B-PERS"], r"'B-PERS' \(row 0, word 0\)\. Did you mean 'PER'"),
        (["in", "Ada"], ["O", "I-PER"], r"row 0: tags: .*found 'I-PER' after 'O' \(word 1\)"),
        (["Ada"], ["E-PER"], "row 0: tags: .*found 'E-PER'"),
        (["Ada"], "O", "a list of tags or of spans"),
        ([], [], r"at least one word, found an empty sentence \(row 0\)"),
        ("  \n", [], r"the empty text"),
        (["Ada"], [{"start": 0, "label": "PER"}], r"'start', 'end' and 'label'.*\(row 0, span 0\)"),
        (["Ada"], [{"start": 0, "end": 2, "label": "PER"}], "within the sentence's 1 words"),
        (["Ada"], [{"start": 0, "end": 1, "label": "PRE"}], r"'B-PRE'.*Did you mean 'PER'"),
        (["Ada"], [{"start": "0", "end": 1, "label": "PER"}], "whole numbers"),
        (
            ["Ada", "King"],
            [{"start": 0, "end": 2, "label": "PER"}, {"start": 1, "end": 2, "label": "LOC"}],
            r"row 0: spans: .*don't overlap, found \(0, 2, 'PER'\) and \(1, 2, 'LOC'\)",
        ),
        (
            "Ada King",
            [{"start": 0, "end": 8, "label": "PER"}, {"start": 4, "end": 8, "label": "LOC"}],
            "row 0: .*don't overlap",
        ),
        (
            "Ada Kingly",
            [{"start": 0, "end": 8, "label": "PER"}],
            r"end of one, found characters 0 to 8, 'Ada King' \(row 0, span 0\)",
        ),
        ("Ada", [{"start": 0, "end": 99, "label": "PER"}], "characters 0 to 99"),
        ("Ada", [{"start": 3, "end": 0, "label": "PER"}], "characters 3 to 0"),
        ("Ada", [{"start": None, "end": 3, "label": "PER"}], "characters None to 3"),
        ("Ada", [{"start": "0", "end": 3, "label": "PER"}], "characters '0' to 3"),
        ({"words": ["Ada"]}, ["O"], r"a mapping with the keys \['words'\]"),
    ],
)
def test_a_bad_label_is_refused_with_its_row(make, sample, label, message):
    task = make()
    for call in (task.fit, task.evaluate):
        options = {"seed": 0} if call == task.fit else {}
        with pytest.raises(InvalidInputError, match=message):
            call([sample], [label], **options)


def test_an_i_without_a_b_is_repaired_only_if_asked(make):
    with pytest.raises(InvalidInputError, match="repair=True"):
        make().check_label(["O", "I-PER", "I-LOC"])
    assert make(repair=True).check_label(["O", "I-PER", "I-LOC"]) == ["O", "B-PER", "B-LOC"]
    with pytest.raises(InvalidInputError, match="X-PER"):
        make(repair=True).check_label(["X-PER"])


def test_the_loop_refuses_tags_that_do_not_fit(make, sentences):
    loop = al.ActiveLoop(make(), sentences, progress=False)
    with pytest.raises(InvalidInputError, match=r"labels \(id '3'\).*4 tags.*found 1"):
        loop.tell({"3": ["O"]})
    loop.tell({"3": [{"start": 0, "end": 2, "label": "PER"}], "7": []})
    assert loop.labels == {"3": ["B-PER", "I-PER", "O", "O"], "7": ["O"]}
    loop.fit()


def test_a_label_that_could_not_be_trained_on_is_refused_when_told(make, sentences):
    loop = al.ActiveLoop(make(labels=["O", "B-PER", "I-PER", "B-LOC"]), sentences, progress=False)
    with pytest.raises(InvalidInputError, match=r"'3'.* an output for: .*'I-LOC' \(word 2\)"):
        loop.tell({"3": ["O", "B-LOC", "I-LOC", "O"]})
    with pytest.raises(InvalidInputError, match="'I-LOC'"):
        loop.tell({"3": [{"start": 0, "end": 2, "label": "LOC"}]})
    loop.tell({"3": ["B-PER", "I-PER", "O", "B-LOC"]})
    loop.fit()


def test_labels_in_another_order_than_the_checkpoints(tiny_tagger):
    with pytest.raises(InvalidInputError, match="the order of the checkpoint's outputs"):
        NER(tiny_tagger, labels=["LOC", "PER"])
    assert NER(tiny_tagger, labels=["PER", "LOC"])._new_parameters == set()
    model = transformers.AutoModelForTokenClassification.from_pretrained(tiny_tagger)
    with pytest.raises(InvalidInputError, match="5 names, one for each output"):
        NER(model, labels=["PER", "LOC", "ORG"])


def test_outputs_without_names_need_tags(make_tagger, make_tokenizer):
    folder = make_tagger(make_tokenizer(), ("LABEL_0", "LABEL_1", "LABEL_2"))
    with pytest.raises(InvalidInputError, match=r"model: .*named as tags.*'LABEL_0'.*labels="):
        NER(folder)
    assert NER(folder, labels=["O", "B-PER", "I-PER"]).tags == ["O", "B-PER", "I-PER"]


def test_a_new_head_says_so(make, make_tagger, make_tokenizer, sentences):
    task = make(make_tagger(make_tokenizer()), labels=["EVENT"])
    assert task.tags == ["O", "B-EVENT", "I-EVENT"]
    with pytest.warns(UserWarning, match="until fit"):
        task.predict(sentences)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_scheme": "BIX"}, "scheme: expected"),
        ({"scheme": "BIX"}, "scheme: expected one of"),
        ({"overlap": 40}, "overlap: expected 0 to 31"),
        ({"max_length": 65}, "max_length: expected 8 to 64"),
        ({"max_length": 4}, "max_length: expected 8 to 64"),
        ({"max_length": "32"}, "max_length: expected 8 to 64.*found '32'"),
        ({"max_length": 32.0}, "max_length: expected 8 to 64"),
        ({"batch_size": 0}, "batch_size: expected"),
        ({"labels": "PER"}, "labels: expected a list"),
        ({"labels": []}, "labels: expected"),
        ({"labels": 5}, "labels: expected a list"),
        ({"labels": ["B-PER", "I-PER"]}, "labels: expected 'O' among the tags.*'B-PER'"),
        ({"labels": ["PER", "PER"]}, "'PER' twice"),
        ({"committee": 5}, "committee: expected"),
    ],
)
def test_bad_settings_are_named(make, options, message):
    with pytest.raises(InvalidInputError, match=message):
        make(**options)


def test_readings_of_something_else(make):
    task = make()
    with pytest.raises(UnsupportedPredictionError, match=r"what NER\.predict returns"):
        task.readings(Categorical([[0.5, 0.5]]))
    with pytest.raises(InvalidInputError, match="one of 5 tags"):
        task.readings(Ragged(Categorical([[0.5, 0.5]]), lengths=[1]))


def test_a_sentence_in_place_of_a_list_of_them(make):
    with pytest.raises(InvalidInputError, match="samples: expected a list"):
        make().predict("Ada King")


def test_a_bad_sentence_in_a_pool_is_found_before_any_pass(make, sentences):
    task = make()
    task.model.register_forward_hook(lambda *_: pytest.fail("the model ran"))
    for bad in ([], ["a" * 95], ["Ada", None]):
        pool = {**{f"s{i}": words for i, words in enumerate(sentences)}, "bad": bad}
        with pytest.raises(InvalidInputError) as caught:
            al.score(task, pool, "entropy", progress=False, batch_size=4)
        assert "bad" in str(caught.value) + str(getattr(caught.value, "__notes__", ""))


def test_words_tags_and_spans_may_be_arrays(tiny_encoder):
    """As parquet files have them."""
    task = al.NER(tiny_encoder, labels=["PER"])
    words, tags = ["Ada", "wrote"], ["B-PER", "O"]
    sample = {"tokens": np.array(words, dtype=object)}
    for label in (np.array(tags), np.array(tags, dtype=object),
                  np.array([{"start": 0, "end": 1, "label": "PER"}], dtype=object)):  # fmt: skip
        assert task.check_label(label, sample=sample) == tags
        assert task.check_label(label, sample=np.array(words)) == tags
    with pytest.warns(UserWarning, match="head"):
        scores = al.score(task, [np.array(words), words], "mnlp")
    assert scores.values[0] == scores.values[1]
    with pytest.raises(InvalidInputError, match="a list of words"):
        task.predict([np.array([words])])
