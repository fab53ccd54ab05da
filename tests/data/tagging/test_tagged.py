import pytest

from altasks.data import as_pool
from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.tags import Span
from altasks.errors import InvalidInputError, UnknownNameError

TOKENS = [["Ada", "Lovelace", "wrote"], ["Paris"], ["it", "rains"]]
TAGS = [["B-PER", "I-PER", "O"], ["B-LOC"], ["O", "O"]]


@pytest.fixture
def three():
    return TaggedSentences(TOKENS, TAGS, ["a", "b", "c"], {"intent": [1, 2, 3]}, positional=False)


def test_what_it_says_of_itself(three):
    assert (len(three), three.words, three.labels) == (3, 6, ["LOC", "PER"])
    assert three.spans(0) == [Span(0, 2, "PER")]
    assert three.spans(2) == []


def test_as_a_pool(three):
    pool = three.pool()
    assert as_pool(pool) is pool
    assert pool.ids == ["a", "b", "c"]
    assert pool["a"] == TOKENS[0]
    assert pool.labels == dict(zip("abc", TAGS, strict=True))
    assert not pool.positional
    assert TaggedSentences(TOKENS, TAGS, ["0", "1", "2"]).pool().positional


def test_a_subset_keeps_ids_and_extras(three):
    two = three.subset(three.rows(["c", "a"]))
    assert two.ids == ["c", "a"]
    assert two.tokens == [TOKENS[2], TOKENS[0]]
    assert two.tags == [TAGS[2], TAGS[0]]
    assert two.extra == {"intent": [3, 1]}
    assert two.positional is False
    with pytest.raises(UnknownNameError, match="'z'"):
        three.rows(["a", "z"])


@pytest.mark.parametrize(
    ("tokens", "tags", "ids", "extra", "says"),
    [
        (TOKENS, TAGS[:2], ["a", "b", "c"], {}, "tags: .*3 sentences, found 2"),
        (TOKENS, TAGS, ["a", "b"], {}, "ids: .*3 sentences, found 2"),
        (TOKENS, TAGS, ["a", "b", "c"], {"x": [1]}, "x: .*3 sentences, found 1"),
        (TOKENS, TAGS, ["a", "b", "a"], {}, "distinct ids, found 'a' 2 times"),
        ([["a", "b"]], [["O"]], ["s"], {}, "2 words, found 1 tags .*'s'"),
        ([[]], [[]], ["s"], {}, "at least one word.*'s'"),
        (["ab"], [["O", "O"]], ["s"], {}, "a list of words, found 'ab'"),
        ([["a", 3]], [["O", "O"]], ["s"], {}, r"a list of words, found \['a', 3\]"),
        ([["a"]], [[0]], ["s"], {}, r"a list of tags, found \[0\]"),
        ([["a", "b"]], [["O", "I-PER"]], ["s"], {}, "'I-PER' after 'O' .sentence 's', word 1"),
        ([["a", "b"]], [["O", "S-PER"]], ["s"], {}, "'S-PER' .sentence 's', word 1"),
    ],
)
def test_what_does_not_fit_is_named(tokens, tags, ids, extra, says):
    with pytest.raises(InvalidInputError, match=says):
        TaggedSentences(tokens, tags, ids, extra)
