"""How many members differ from the most common whole output."""

from __future__ import annotations

from collections import Counter

import torch
from torch import Tensor

from altasks._internal.tensor_checks import working_dtype
from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._reduce import Reduce, check_reduction
from altasks.acquisition._sequences import best_classes, lengths_of, owners_of
from altasks.errors import invalid
from altasks.predictions import Categorical, Prediction, Transcripts


@acquisition(reads=(Categorical, Transcripts), min_members=2)
def sequence_variation_ratio(
    prediction: Prediction, *, reduce: Reduce = "mean", empty: float = 0.0
) -> Tensor:
    """Return the share of members whose whole output is not the most common one.

    1 - f / K, where f of the K members give the output that most of them give. A member's output
    is everything it says of the sample: the sequence of its words' best tags, or its reading.
    Two outputs are the same only if they agree everywhere, so one doubtful word in a long
    sentence counts as much as in a short one. Between 0 (all say the same) and 1 - 1/K (no two
    do); with few members many samples tie.

    `variation_ratio` is the same by word.

    Args:
        prediction: a `Ragged` of `Categorical` with K >= 2, whose samples are sequences of units
            (a plain `Categorical` is read as sequences of one); or a `Transcripts`, or a `Ragged`
            of one, whose samples are sequences of readings. Where a member's best classes of a
            unit tie, it says the one of lowest index.
        reduce: only the default: a whole output has no unit scores to reduce.
        empty: the score of a sample with no unit.

    Returns:
        `[N]` in [0, 1 - 1/K]: for `Categorical` float32 (float64 for float64) on its device, for
        `Transcripts` float32, on the device of `log_probs` if there are any, else on the CPU.

    Raises:
        UnsupportedPredictionError: for any other prediction, or K = 1.
        InvalidInputError: for another `reduce`, or an `empty` that isn't finite.

    Source:
        Siddhant and Lipton 2018, "Deep Bayesian active learning for natural language processing:
        results of a large-scale empirical study": for named entities and semantic roles their
        published code (github.com/asiddhant/Active-NLP, active_learning/) ranks sentences by how
        often the most common whole tag sequence came out of the Monte Carlo passes, rarest first.
        Read off that code, not checked against the wording of the paper. The measure itself is
        Freeman 1965, "Elementary applied statistics", with whole outputs as the categories.

    Example:
        >>> from altasks import Categorical, Ragged
        >>> sure, torn = [[0.9, 0.1], [0.8, 0.2]], [[0.9, 0.1], [0.2, 0.8]]  # K x C
        >>> words = Categorical([sure, torn, sure])
        >>> sequence_variation_ratio(Ragged(words, lengths=[2, 1])).tolist()
        [0.5, 0.0]
    """
    check_reduction(reduce, 1, empty)
    if reduce != "mean":
        raise invalid(
            "reduce",
            "the default: whole outputs are compared, and there are no unit scores",
            f"{reduce!r}",
            hint="By word it is variation_ratio.",
        )
    units = units_of(prediction)
    if isinstance(units, Categorical):
        tags = best_classes(units)  # M x K
        dtype = working_dtype(units.probs.dtype)
        agreeing = _most_equal(tags, owners_of(prediction, tags.device), len(prediction))
    else:
        assert isinstance(units, Transcripts)
        device = "cpu" if units.log_probs is None else units.log_probs.device
        dtype = torch.float32
        agreeing = torch.tensor(_most_common(units, lengths_of(prediction)), device=device)
    members = max(units.members, 1)  # no sample, no members: nothing is divided
    scores = (members - agreeing).to(dtype) / members
    return scores.masked_fill((lengths_of(prediction) == 0).to(scores.device), empty)


def _most_equal(tags: Tensor, owners: Tensor, count: int) -> Tensor:
    """Return how many members of each of `count` samples give its most common output, `[N]`.

    Compared, not hashed: exact. Words of which all members say the same can't tell outputs
    apart, and there are few others.
    """
    split = (tags != tags[:, :1]).any(1)  # M
    tags, owners = tags[split], owners[split]
    members = tags.shape[1]
    most = torch.zeros(count, dtype=torch.int64, device=tags.device)
    for member in range(members):
        differs = (tags != tags[:, member, None]).to(torch.int32)
        words = differs.new_zeros((count, members)).index_add_(0, owners, differs)  # N x K
        most = torch.maximum(most, (words == 0).sum(1))
    return most


def _most_common(units: Transcripts, lengths: Tensor) -> list[int]:
    """Return, for each sample, how many members give its most common output."""
    texts = units.texts  # M tuples of K readings
    if not all(type(reading) is str for row in texts for reading in row):
        # A string is the sequence of its characters.
        texts = tuple(tuple(tuple(reading) for reading in row) for row in texts)
    counts = []
    start = 0
    for length in lengths.tolist():
        outputs = zip(*texts[start : start + length], strict=True)  # K x length
        counts.append(max(Counter(outputs).values(), default=units.members))
        start += length
    return counts
