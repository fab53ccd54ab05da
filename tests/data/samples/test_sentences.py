"""Made-up sentences: the same from the same seed, no name in both parts, something to find."""

from collections import Counter
from itertools import pairwise

import pytest

from altasks.data.samples.sentences import made_up_entities, made_up_frames
from altasks.data.tagging.srl import check_srl
from altasks.data.tagging.tags import spans_of
from altasks.errors import InvalidInputError

MAKERS = [made_up_entities, made_up_frames]
ENTITIES = ["Nobody saw the waiter at noon .", "What a heavy plan !"]
FRAMES = [
    "Robin sent the early bicycle to Halan Corander .",
    "The farmer hid a picture of Melius Pelström in the park .",
]
#: What names of both parts have in common: parts of a form, no names of their own.
FORMS = {
    *("Dr.", "University", "of", "&", "United", "Bank", "Foods", "Airlines", "Labs", "Group"),
    *("Lake", "Port", "Mount", "North", "New", "2", "7", "300", "Mini", "Plus", "XL"),
}


def names(sentences):
    """(name, label) of every span."""
    return [
        (" ".join(tokens[start:end]), label)
        for row, tokens in enumerate(sentences.tokens)
        for start, end, label in sentences.spans(row)
    ]


@pytest.fixture(scope="module")
def pool():
    return made_up_entities(3000, seed=0)


@pytest.fixture(scope="module")
def test():
    return made_up_entities(1000, seed=0, part="test")


@pytest.fixture(scope="module")
def frames():
    return made_up_frames(1000, seed=0)


@pytest.mark.parametrize("make", MAKERS)
def test_the_seed_decides(make):
    first = make(20, seed=3)
    assert make(20, seed=3) == first
    assert make(20, seed=4) != first
    longer = make(40, seed=3)
    assert (longer.tokens if make is made_up_entities else longer)[:20] == (
        first.tokens if make is made_up_entities else first
    )


def test_this_seed_gives_these_sentences_everywhere():
    """Pinned, so that a changed template is a change that someone sees."""
    assert [" ".join(tokens) for tokens in made_up_entities(2, seed=1).tokens] == ENTITIES
    assert [" ".join(one["tokens"]) for one in made_up_frames(2, seed=1)] == FRAMES


def test_no_name_is_in_both_parts(pool, test):
    other = made_up_entities(2000, seed=11, part="test")
    here = {name for name, _ in names(pool)}
    there = {name for part in (test, other) for name, _ in names(part)}
    assert len(here) > 500
    assert len(there) > 500
    assert not here & there
    words_here = {word for name in here for word in name.split()} - FORMS
    words_there = {word for name in there for word in name.split()} - FORMS
    assert not words_here & words_there


def test_no_person_of_the_frames_is_in_both_parts(frames):
    def people(sentences):
        # All capitalised words within a sentence are of names, but for the days and months.
        words = {w for s in sentences for w in s["tokens"][1:] if w[0].isupper()}
        return words - {"Dr.", "March", "Friday"}

    here, there = people(frames), people(made_up_frames(1000, seed=5, part="test"))
    assert len(here) > 50
    assert len(there) > 50
    assert not here & there


def test_sentences_are_distinct(pool, frames):
    assert len({tuple(tokens) for tokens in pool.tokens}) == len(pool) == 3000
    assert len({tuple(one["tokens"]) for one in frames}) == len(frames) == 1000
    assert len(set(pool.ids)) == 3000
    assert len({one["id"] for one in frames}) == 1000


def test_labels_are_uneven_and_many_sentences_have_none(pool, test):
    for sentences in (pool, test):
        counts = Counter(label for _, label in names(sentences))
        assert list(sentences.labels) == ["LOC", "ORG", "PER", "PRODUCT"]
        assert counts["PER"] > 3 * counts["PRODUCT"] > 0
        empty = sum(not sentences.spans(row) for row in range(len(sentences)))
        assert 0.35 < empty / len(sentences) < 0.55


def test_some_names_are_frequent_and_most_are_rare(pool):
    counts = Counter(word for name, _ in names(pool) for word in name.split() if word not in FORMS)
    ordered = sorted(counts.values(), reverse=True)
    assert sum(ordered[: len(ordered) // 5]) > 0.5 * sum(ordered)
    assert ordered[-1] == 1


def test_some_words_are_names_here_and_nouns_there(pool, test):
    for sentences in (pool, test):
        inside = {word.lower() for name, _ in names(sentences) for word in name.split()}
        outside = {
            word
            for tokens, tags in zip(sentences.tokens, sentences.tags, strict=True)
            for word, tag in zip(tokens, tags, strict=True)
            if tag == "O"
        }
        assert len(inside & outside) >= 10


def test_some_words_are_names_of_several_kinds(pool):
    kinds = {}
    for name, label in names(pool):
        kinds.setdefault(name, set()).add(label)
    assert sum(len(labels) > 1 for labels in kinds.values()) >= 5


def test_frames_fit_their_words(frames):
    roles = Counter()
    for sentence in frames:
        check_srl(sentence)
        assert 1 <= len(sentence["frames"]) <= 3
        verbs = [frame["verb"] for frame in sentence["frames"]]
        assert verbs == sorted(set(verbs))
        for frame in sentence["frames"]:
            assert frame["tags"][frame["verb"]] == "B-V"
            labels = [span.label for span in spans_of(frame["tags"])]
            assert len(set(labels)) == len(labels)
            assert "ARG1" in labels
            roles.update(labels)
    assert set(roles) == {"V", "ARG0", "ARG1", "ARG2", "ARGM-TMP", "ARGM-LOC"}
    assert Counter(len(one["frames"]) for one in frames).keys() == {1, 2, 3}


def test_the_roles_of_a_passive_are_turned_around(frames):
    passives = 0
    for sentence in frames:
        tokens = sentence["tokens"]
        for frame in sentence["frames"]:
            spans = {span.label: span for span in spans_of(frame["tags"])}
            if spans["ARG1"].end <= frame["verb"]:
                passives += 1
                if "ARG0" in spans:
                    assert tokens[spans["ARG0"].start] == "by"
                    assert spans["ARG0"].start > frame["verb"]
            else:
                assert spans["ARG0"].end <= frame["verb"] < spans["ARG1"].start
    assert passives > 100


@pytest.mark.parametrize("make", MAKERS)
def test_what_is_refused(make):
    with pytest.raises(InvalidInputError, match="at least 1, found 0"):
        make(0, seed=0)
    with pytest.raises(InvalidInputError, match="pool or test, found 'train'"):
        make(1, seed=0, part="train")


def test_articles(pool, frames):
    for tokens in [*pool.tokens, *(one["tokens"] for one in frames)]:
        for word, following in pairwise(tokens):
            if word.lower() in ("a", "an"):
                assert (word.lower() == "an") == (following[0] in "aeiouAEIOU")
