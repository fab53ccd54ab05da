from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from altasks.data.tagging.tags import convert
from altasks.tasks._tagging.span_metrics import role_metrics

TAGS = [
    "O",
    *(f"{letter}-{role}" for letter in "BI" for role in ("A", "C-A", "R-A", "B", "V", "C-V")),
]


def pieces(tags):
    """Return (role, words) of each piece, word by word."""
    found = []
    for word, tag in enumerate(tags):
        if tag[0] == "B":
            found.append((tag[2:], [word]))
        elif tag[0] == "I":
            found[-1][1].append(word)
    return found


def arguments(tags):
    """Return each argument as its role and, as a text, its words; a bar between its pieces."""
    found = []
    for role, words in pieces(tags):
        text = " ".join(map(str, words))
        if role.startswith("C-"):
            heads = [i for i, (head, _) in enumerate(found) if head == role[2:]]
            if heads:
                found[heads[-1]] = (role[2:], f"{found[heads[-1]][1]} | {text}")
                continue
            role = role[2:]
        found.append((role, text))
    return [argument for argument in found if argument[0] != "V"]


def by_hand(truth, guess):
    """Return precision, recall and F1 by comparing every argument with every other."""
    true = [(i, *one) for i, tags in enumerate(truth) for one in arguments(tags)]
    found = [(i, *one) for i, tags in enumerate(guess) for one in arguments(tags)]
    right = sum(1 for a in true for b in found if a == b)
    precision = right / len(found) if found else 0.0
    recall = right / len(true) if true else 0.0
    both = precision + recall
    return precision, recall, 2 * precision * recall / both if both else 0.0


@st.composite
def frames(draw):
    count, length = draw(st.integers(1, 4)), draw(st.integers(1, 8))
    row = st.lists(st.sampled_from(TAGS), min_size=length, max_size=length)
    well_formed = row.map(lambda tags: convert(tags, "IOB2", "IOB2", repair=True))
    return [draw(st.lists(well_formed, min_size=count, max_size=count)) for _ in range(2)]


@given(frames())
@settings(max_examples=300)
def test_arguments_are_counted_as_by_hand(pair):
    truth, guess = pair
    metrics = role_metrics(truth, guess)
    assert [metrics[name] for name in ("precision", "recall", "f1")] == pytest.approx(
        by_hand(truth, guess)
    )
    names = {role for tags in truth for role, _ in arguments(tags)}
    assert set(metrics) == {"precision", "recall", "f1", *(f"f1_{name}" for name in names)}
    for name in names:
        kept = [
            [[tag if tag[2:].removeprefix("C-") == name else "O" for tag in tags] for tags in part]
            for part in pair
        ]
        assert metrics[f"f1_{name}"] == pytest.approx(by_hand(*kept)[2])


@pytest.mark.parametrize(
    ("truth", "guess", "expected"),
    [
        # Its words and its role must both be right.
        (["B-A", "I-A", "O"], ["B-A", "I-A", "O"], (1, 1)),
        (["B-A", "I-A", "O"], ["B-A", "O", "O"], (0, 0)),
        (["B-A", "I-A", "O"], ["B-B", "I-B", "O"], (0, 0)),
        (["B-A", "B-B", "O"], ["B-A", "O", "O"], (1, 1 / 2)),
        # The predicate is not scored, found or not.
        (["B-V", "B-A", "B-C-V"], ["O", "B-A", "O"], (1, 1)),
        (["O", "B-A", "O"], ["B-C-V", "B-A", "B-V"], (1, 1)),
        # All pieces are one argument, and all must be right.
        (["B-A", "O", "B-C-A"], ["B-A", "O", "B-C-A"], (1, 1)),
        (["B-A", "O", "B-C-A"], ["B-A", "O", "O"], (0, 0)),
        (["B-A", "O", "B-C-A"], ["B-A", "O", "B-A"], (0, 0)),
        # A piece that continues nothing is an argument of its own.
        (["O", "O", "B-A"], ["O", "O", "B-C-A"], (1, 1)),
        # It continues the last one of its role.
        (["B-A", "B-A", "O", "B-C-A"], ["B-A", "B-A", "O", "O"], (1 / 2, 1 / 2)),
        # A reference is a role of its own.
        (["B-A", "O", "B-R-A"], ["B-A", "O", "B-A"], (1 / 2, 1 / 2)),
        (["O"], ["O"], (0, 0)),
    ],
)
def test_what_counts_as_right(truth, guess, expected):
    metrics = role_metrics([truth], [guess])
    assert (metrics["precision"], metrics["recall"]) == pytest.approx(expected)


def test_only_frequent_roles_have_a_score_of_their_own():
    truth = [["B-A"]] * 199 + [["B-B"]]
    assert set(role_metrics(truth, truth)) == {"precision", "recall", "f1", "f1_A"}
    assert "f1_B" in role_metrics(truth[100:], truth[100:])


def test_frames_are_not_mixed():
    assert role_metrics([["B-A"], ["O"]], [["O"], ["B-A"]])["f1"] == 0
