"""How much the members disagree: the information a label gives about the model."""

from __future__ import annotations

from torch import Tensor

from altasks._internal.tensor_checks import first_bad, place
from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._options import describes_options
from altasks.acquisition._reduce import Reduce
from altasks.acquisition._rows import LabelReduction, Weights, read_classes, read_raw_targets
from altasks.acquisition.kernels import mutual_information
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Normal, Prediction


@acquisition(reads=(Categorical, Bernoulli, Normal), min_members=2)
@describes_options
def bald(
    prediction: Prediction,
    *,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return the mutual information between the label and the committee's member, in nats.

    H[(1/K) sum_k p_k] - (1/K) sum_k H[p_k]: high where members are sure of different answers, low
    where all find the sample ambiguous. For classes between 0 and log C, whatever the rounding.

    For `Normal`, 0.5 log v - (1/K) sum_k 0.5 log v_k, where v_k is a member's variance and v the
    committee's total one (see `variance`), averaged over targets. Of all distributions with
    variance v the normal one has the largest entropy, so this is an upper bound of the mutual
    information (moment matching); it has no upper limit and no unit, so `scale` plays no part.

    Own arguments:
        prediction: a `Categorical`, `Bernoulli` or `Normal` with K >= 2, or a `Ragged` of one.
        class_weights: at most C weights, not for `Normal`: each unit's score is multiplied by the
            weight of its predicted class, the argmax of the averaged probabilities over the first
            `len(class_weights)` classes, before reducing; the mean still divides by the count.

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device.

    Raises:
        UnsupportedPredictionError: for any other prediction, or K = 1.
        InvalidInputError: for an option outside its range, `class_weights` with a `Normal`, or a
            `Normal` with a variance of 0 (use `epistemic_variance`).

    Source:
        Houlsby et al. 2011, "Bayesian active learning for classification and preference
        learning"; with MC dropout Gal, Islam and Ghahramani 2017, "Deep Bayesian active learning
        with image data".

    Example:
        >>> from altasks import Categorical
        >>> sure_but_split = [[1.0, 0.0], [0.0, 1.0]]
        >>> both_unsure = [[0.5, 0.5], [0.5, 0.5]]
        >>> scores = bald(Categorical([sure_but_split, both_unsure]))
        >>> [round(score, 4) for score in scores.tolist()]
        [0.6931, 0.0]
    """
    units = units_of(prediction)
    if isinstance(units, Normal):
        if class_weights is not None:
            raise invalid("class_weights", "None for a Normal, which has no classes", "weights")
        _require_variance(units)
        # A common factor of all variances cancels in the difference of logarithms.
        return read_raw_targets(_moment_matched, prediction, reduce=reduce, k=k, empty=empty)
    return read_classes(
        mutual_information,
        prediction,
        labels=labels,
        reduce=reduce,
        k=k,
        class_weights=class_weights,
        empty=empty,
    )


def _moment_matched(mean: Tensor, variance: Tensor, members: int) -> Tensor:
    spread = mean.var(members, correction=0, keepdim=True)
    total = variance.mean(members, keepdim=True).add_(spread)
    inside = variance.log().mean(members, keepdim=True)
    # At least 0 by the concavity of the logarithm; what is cut off is rounding.
    return total.log_().sub_(inside).mul_(0.5).clamp_(min=0)


def _require_variance(units: Normal) -> None:
    if not len(units) or float(units.variance.amin()) > 0:
        return
    index = first_bad(units.variance == 0)
    raise invalid(
        "variance",
        "values above 0 for bald",
        "0",
        where=f"{place(index, units.members)}, target {index[2]}",
        hint="A member that is sure of its value has an entropy of minus infinity. Where members "
        "have no variance of their own, use epistemic_variance.",
    )
