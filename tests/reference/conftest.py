"""Every formula a second time, in plain Python loops over plain lists, with nothing shared.

A unit is a list of K members. A member is a list of C probabilities (classes or labels), of T
(mean, variance) pairs, or a reading.
"""

import math
from fractions import Fraction
from types import SimpleNamespace

import pytest


def _averaged(unit):
    count = len(unit)
    return [sum(member[c] for member in unit) / count for c in range(len(unit[0]))]


def _entropy_of(row):
    total = 0.0
    for p in row:
        if p > 0:
            total -= p * math.log(p)
    return total


def least_confidence(unit):
    return 1 - max(_averaged(unit))


def margin(unit):
    best, second = sorted(_averaged(unit), reverse=True)[:2]
    return 1 - (best - second)


def squared_margin(unit):
    return margin(unit) ** 2


def entropy(unit):
    return _entropy_of(_averaged(unit))


def mnlp(unit):
    return -math.log(max(_averaged(unit)))


def _votes(unit):
    shares = [0.0] * len(unit[0])
    for member in unit:
        best = max(member)
        tied = [c for c, p in enumerate(member) if p == best]
        for c in tied:
            shares[c] += 1 / len(tied) / len(unit)
    return shares


def variation_ratio(unit):
    return 1 - max(_votes(unit))


def vote_entropy(unit):
    return _entropy_of(_votes(unit))


def _log(fraction):
    # A quotient of whole numbers: no underflow where p is the smallest number there is.
    return math.log(fraction.numerator) - math.log(fraction.denominator)


def consensus_kl(unit):
    total = 0.0
    for c in range(len(unit[0])):
        exact = [Fraction(member[c]) for member in unit]
        average = sum(exact) / len(exact)
        for p in exact:
            if p > 0:
                total += float(p) * (_log(p) - _log(average))
    return total / len(unit)


def bald(unit):
    inside = 0.0
    for member in unit:
        inside += _entropy_of(member)
    return _entropy_of(_averaged(unit)) - inside / len(unit)


def _mean(values):
    return sum(values) / len(values)


def _total_variance(pairs):
    center = _mean([m for m, _ in pairs])
    return _mean([v for _, v in pairs]) + _mean([(m - center) ** 2 for m, _ in pairs])


def _over_targets(unit, scale, score):
    found = []
    for t in range(len(unit[0])):
        unit_scale = 1.0 if scale is None else scale[t]
        pairs = [(member[t][0] / unit_scale, member[t][1] / unit_scale**2) for member in unit]
        found.append(score(pairs))
    return _mean(found)


def variance(unit, scale=None):
    return _over_targets(unit, scale, _total_variance)


def epistemic_variance(unit, scale=None):
    def score(pairs):
        center = _mean([m for m, _ in pairs])
        return _mean([(m - center) ** 2 for m, _ in pairs])

    return _over_targets(unit, scale, score)


def bald_normal(unit, scale=None):
    def score(pairs):
        inside = _mean([0.5 * math.log(v) for _, v in pairs])
        return 0.5 * math.log(_total_variance(pairs)) - inside

    return _over_targets(unit, scale, score)


def levenshtein(a, b):
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        above, row[0] = row[0], i
        for j, y in enumerate(b, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
    return row[-1]


def edit_disagreement(unit):
    found = []
    for i in range(len(unit)):
        for j in range(i + 1, len(unit)):
            longer = max(len(unit[i]), len(unit[j]))
            found.append(levenshtein(unit[i], unit[j]) / longer if longer else 0.0)
    return _mean(found)


def over_labels(score, unit, labels="mean"):
    found = [score([[member[c], 1 - member[c]] for member in unit]) for c in range(len(unit[0]))]
    return {"mean": _mean, "sum": sum, "max": max}[labels](found)


def weight(unit, class_weights):
    average = _averaged(unit)[: len(class_weights)]
    return class_weights[average.index(max(average))]


def reduce(scores, lengths, how, k=10, empty=0.0):
    found, start = [], 0
    for length in lengths:
        part = scores[start : start + length]
        start += length
        if not part:
            found.append(empty)
        elif how == "mean":
            found.append(_mean(part))
        elif how == "sum":
            found.append(sum(part))
        elif how == "max":
            found.append(max(part))
        else:
            found.append(_mean(sorted(part, reverse=True)[:k]))
    return found


@pytest.fixture(scope="session")
def twins():
    """The twin of each function by name, and of labels, weights and reductions."""
    return SimpleNamespace(**{k: v for k, v in globals().items() if callable(v)})
