"""How far the last layer's weights would move if the label were known."""

from __future__ import annotations

import torch
from torch import Tensor

from altasks._internal.tensor_checks import working_dtype
from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._options import describes_options
from altasks.acquisition._reduce import Reduce, check_reduction, reduce_units
from altasks.acquisition._rows import LabelReduction, Weights, read_classes
from altasks.acquisition.kernels import averaged
from altasks.errors import invalid
from altasks.predictions import Bernoulli, Categorical, Prediction


@acquisition(reads=(Categorical, Bernoulli))
@describes_options
def expected_gradient_length(
    prediction: Prediction,
    *,
    bias: bool = True,
    labels: LabelReduction = "mean",
    reduce: Reduce = "mean",
    k: int = 10,
    class_weights: Weights | None = None,
    empty: float = 0.0,
) -> Tensor:
    """Return the expected length of the loss's gradient by the last layer's weights.

    sum_c p_c |p - e_c| sqrt(|h|^2 + 1), where h are the features (the last layer's input), e_c is
    1 at class c and 0 elsewhere, and the 1 under the root is the bias. With softmax and
    cross-entropy the gradient for the label c is the outer product of p - e_c and (h, 1), and the
    length of an outer product is the product of the lengths, so no gradient is ever formed. For a
    `Bernoulli` the gradient by a label's own weights is (p - y) (h, 1), whose expected length is
    2 p (1 - p) sqrt(|h|^2 + 1).

    The label is drawn from the prediction itself, and longer features count for more: where their
    length means nothing, scale them to one length first. A committee is averaged first, as if one
    model had predicted it.

    Own arguments:
        prediction: a `Categorical` or `Bernoulli` with `features`, of any K, or a `Ragged` of one.
        bias: whether the last layer has a bias.
        labels: for `Bernoulli`: the unit's score is the `"mean"`, `"sum"` (which bounds the
            expected length of the gradient by all labels' weights from above) or `"max"` over its
            labels.

    Returns:
        `[N]` of at least 0, float32 (float64 for float64), on the prediction's device. At most
        sqrt(1 - 1/C) sqrt(|h|^2 + 1), which a uniform distribution reaches.

    Raises:
        UnsupportedPredictionError: for any other prediction.
        InvalidInputError: if the prediction has no features, or for an option outside its range.

    Source:
        Settles, Craven and Ray 2008 (NeurIPS 2007), "Multiple-instance active learning"; for one
        label per sample Settles and Craven 2008, "An analysis of active learning strategies for
        sequence labeling tasks".

    Example:
        >>> from altasks import Categorical
        >>> features = [[3.0, 4.0], [3.0, 4.0], [0.0, 0.0]]
        >>> prediction = Categorical([[1.0, 0.0], [0.5, 0.5], [0.5, 0.5]], features)
        >>> [round(score, 4) for score in expected_gradient_length(prediction).tolist()]
        [0.0, 3.6056, 0.7071]
    """
    if not isinstance(bias, bool):
        raise invalid("bias", "True or False", f"{bias!r}")
    check_reduction(reduce, k, empty)
    units = units_of(prediction)
    assert isinstance(units, Categorical | Bernoulli)
    if units.features is None:
        raise invalid(
            "prediction",
            "one with features, the input of the model's last layer, [N, d]",
            f"none in {units!r}",
            hint=f"Pass them: {type(units).__name__}(probs, features=h). The shipped tasks do; "
            "in a model of your own a forward hook on the last linear layer sees them as its "
            "first input.",
        )
    scores = read_classes(
        _label_length if isinstance(units, Bernoulli) else _class_length,
        prediction,
        labels=labels,
        reduce="none",
        k=k,
        class_weights=class_weights,
        empty=empty,
    )  # M
    limit = torch.finfo(scores.dtype).max
    lengths = _lengths(units.features, bias).to(scores.device, scores.dtype)
    # 0 times infinity would not be 0.
    scores = (scores * lengths.clamp(max=limit)).clamp_(max=limit)
    return reduce_units(scores, prediction, reduce=reduce, k=k, empty=empty)


def _class_length(probs: Tensor, members: int, classes: int) -> Tensor:
    # |p - e_c|^2 = s - 2 p_c + 1 with s = |p|^2. That is at least 1/4 where p_c is at most 1/2, but
    # rounding is all there is left of it where p_c is nearly 1. So the largest is taken apart.
    average = averaged(probs, members)  # a copy: it is written to below
    best = average.amax(classes, keepdim=True)
    # Compared straight into numbers: by way of booleans it takes several times as long.
    scratch = torch.eq(average, best, out=torch.empty_like(average))
    count = scratch.sum(classes, keepdim=True)
    others = average.addcmul_(scratch, average, value=-1)  # the best become exactly 0
    tail = torch.mul(others, others, out=scratch).sum(classes, keepdim=True)
    # Zeros among the others, the best included, add nothing.
    one_and_all = torch.addcmul(tail, count, best.square()).add_(1)
    lengths = torch.add(one_and_all, others, alpha=-2, out=scratch).clamp_(min=0).sqrt_()
    total = lengths.mul_(others).sum(classes, keepdim=True)
    of_best = (1 - best).square_().add_(tail).addcmul_(count - 1, best.square()).sqrt_()
    return total.addcmul_(count, best * of_best)


def _label_length(pair: Tensor, members: int, classes: int) -> Tensor:
    return averaged(pair, members).prod(classes, keepdim=True).mul_(2)


def _lengths(features: Tensor, bias: bool) -> Tensor:
    """Return the lengths of (h, 1), or of h, `[M]`, finite in the type they are made in."""
    dtype = working_dtype(features.dtype)
    length = torch.linalg.vector_norm(features, dim=1, dtype=dtype)
    if not bool(torch.isfinite(length).all()):
        # Squares leave the range of a type long before the numbers do.
        wide = features.to(dtype)
        peak = wide.abs().amax(1, keepdim=True).clamp_min(1)
        length = torch.linalg.vector_norm(wide / peak, dim=1).mul_(peak[:, 0])
        length.clamp_(max=torch.finfo(dtype).max)
    return torch.hypot(length, torch.ones_like(length)) if bias else length
