"""Options that many acquisition functions share: described once, and passed on once."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar, get_type_hints

from torch import Tensor

from altasks._internal.docstrings import with_arguments
from altasks.acquisition._declare import acquisition
from altasks.predictions import Prediction

Parameters = ParamSpec("Parameters")
Kernel = TypeVar("Kernel", bound=Callable[..., Tensor])
Function = TypeVar("Function", bound=Callable[..., Tensor])

#: Option -> its description, where a function's docstring has none of its own.
DESCRIPTIONS = {
    "labels": """\
        for `Bernoulli`: each label is scored as the pair (p, 1 - p), and the unit's score
            is the `"mean"`, `"sum"` or `"max"` over its labels.""",
    "reduce": """\
        over a `Ragged`: `"mean"`, `"sum"` or `"max"` of a sample's units, `"top_k"` (mean
            of the `k` largest, of all if fewer), or `"none"` for the unit scores `[M]`.""",
    "k": 'for `"top_k"`.',
    "class_weights": """\
        at most C weights: each unit's score is multiplied by the weight of its
            predicted class, the argmax of the averaged probabilities over the first
            `len(class_weights)` classes, before reducing; the mean still divides by the count.""",
    "empty": "the score of a sample with no unit.",
}


def describes_options(function: Function) -> Function:
    """Turn the section "Own arguments" of a function's docstring into "Args", with all of them.

    There the function describes what is not shared, or not as the others have it; the shared
    options come from `DESCRIPTIONS`. All stand in the order of the signature.

    Example:
        >>> @describes_options
        ... def score(prediction, *, k=10, empty=0.0):
        ...     '''Score.
        ...
        ...     Own arguments:
        ...         prediction: any.
        ...         empty: 0 or 1.
        ...
        ...     Returns:
        ...         `[N]`.
        ...     '''
        >>> print(score.__doc__)
        Score.
        <BLANKLINE>
        Args:
            prediction: any.
            k: for `"top_k"`.
            empty: 0 or 1.
        <BLANKLINE>
        Returns:
            `[N]`.
    """
    names = list(inspect.signature(function).parameters)
    shared = {name: _shared(name) for name in names if name in DESCRIPTIONS}
    function.__doc__ = with_arguments(function, names, shared) or function.__doc__
    return function


def _shared(name: str) -> str:
    first, *rest = DESCRIPTIONS[name].split("\n")
    return "\n".join([first.strip(), *(" " * 8 + line.strip() for line in rest)])


def scores_by(
    read: Callable[Concatenate[Kernel, Prediction, Parameters], Tensor],
    *,
    reads: tuple[type[Prediction], ...],
    min_members: int = 1,
) -> Callable[[Kernel], Callable[Concatenate[Prediction, Parameters], Tensor]]:
    """Make an acquisition function of a kernel, which scores units and knows no option.

    Args:
        read: calls the kernel on the units of a prediction: `read(kernel, prediction, **options)`.
        reads: as for `acquisition`.
        min_members: as for `acquisition`.

    Returns:
        A decorator. The function that it returns has the kernel's name and docstring, which
        describes the function and not the kernel, and the signature of `read` behind its kernel.

    Example:
        >>> from altasks import Categorical
        >>> from altasks.acquisition._rows import read_classes
        >>> @scores_by(read_classes, reads=(Categorical,))
        ... def least_likely(probs, members, classes):
        ...     return 1 - probs.mean(members, keepdim=True).amin(classes, keepdim=True)
        >>> least_likely(Categorical([[0.75, 0.25], [0.5, 0.5]]), reduce="none").tolist()
        [0.75, 0.5]
    """

    def declare(kernel: Kernel) -> Callable[Concatenate[Prediction, Parameters], Tensor]:
        def score(
            prediction: Prediction, /, *args: Parameters.args, **kwargs: Parameters.kwargs
        ) -> Tensor:
            return read(kernel, prediction, *args, **kwargs)

        functools.update_wrapper(score, kernel)
        signature = inspect.signature(functools.partial(read, kernel))
        score.__signature__ = signature  # type: ignore[attr-defined]
        hints = get_type_hints(read)
        score.__annotations__ = {
            name: hints[name] for name in (*signature.parameters, "return") if name in hints
        }
        return acquisition(reads=reads, min_members=min_members)(describes_options(score))

    return declare
