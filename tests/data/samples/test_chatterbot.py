from collections import Counter

import pytest

from altasks.errors import MissingExtraError

pytest.importorskip("chatterbot_corpus", reason="needs the extra demo")
pytest.importorskip("yaml", reason="needs the extra demo")

from altasks.data.samples.chatterbot import load_chatterbot


def test_twelve_topics_of_distinct_utterances():
    corpus = load_chatterbot()
    counts = Counter(corpus.labels)
    assert corpus.topics == sorted(counts)
    assert corpus.topics == [
        "ai",
        "coding",
        "computers",
        "conversations",
        "emotion",
        "literature",
        "money",
        "movies",
        "psychology",
        "science",
        "sports",
        "trivia",
    ]
    assert min(counts.values()) >= 40
    assert 1_600 < len(corpus.texts) == len(corpus.labels) < 1_750
    assert len({text.casefold() for text in corpus.texts}) == len(corpus.texts)
    assert all(text == " ".join(text.split()) and text for text in corpus.texts)


def test_utterances_of_several_topics_are_left_out_of_all():
    corpus = load_chatterbot()
    assert "yes." in corpus.ambiguous
    assert not {text.casefold() for text in corpus.texts} & set(corpus.ambiguous)


def test_the_threshold_is_on_what_is_left():
    everything = load_chatterbot(min_utterances=1)
    counts = Counter(everything.labels)
    for least in (20, 47, 200):
        corpus = load_chatterbot(min_utterances=least)
        assert corpus.topics == [t for t in everything.topics if counts[t] >= least]


def test_loading_twice_gives_the_same():
    assert load_chatterbot() == load_chatterbot()


def test_without_the_package_it_says_what_to_install(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "chatterbot_corpus", None)
    with pytest.raises(MissingExtraError, match=r"'\.\[demo\]'"):
        load_chatterbot()
