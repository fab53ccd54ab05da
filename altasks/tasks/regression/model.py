"""Finding or making the network of a regression, and looking at what a fit made of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, Literal

import torch
from torch import Tensor, nn

from altasks._internal.extras import require
from altasks.committees.head import find_head
from altasks.errors import VarianceCollapseWarning, invalid
from altasks.tasks._shared.checkpoints import Loaded, head_parameters, load_model, read_config
from altasks.tasks._shared.classifiers import with_new_head
from altasks.tasks._shared.weights import redrawable
from altasks.tasks.regression.network import Columns, all_finite, mean_and_variance

#: The share of a training set on which the variance may lie at its floor without a warning.
COLLAPSED = 0.1

BLOWN_UP = (
    "fit: the weights are no longer finite numbers. Mostly a variance fell towards 0 where the "
    "mean fitted exactly, and the likelihood's gradient exploded: use a smaller learning rate, "
    "loss='beta_nll', or a larger variance_floor; look for extreme values in samples and targets."
)


class Built(Columns):
    """A network that was built here: all of it is drawn anew at each fit."""

    net: nn.Sequential


def load_network(
    source: Any, outputs: int, *, head: str | None, redraw: Literal["head", "all"]
) -> Loaded:
    """Return a model with that many outputs, and which of its parameters each fit draws anew.

    Args:
        source: a network that was built here, a module, a Hugging Face model, a hub name or a
            folder.
        outputs: 2T.
        head: the dotted name of the last layer, if it is not the last of that size.
        redraw: what is drawn anew: the last layer, or all.

    Raises:
        InvalidInputError: if there is no last layer with 2T outputs.
    """
    if isinstance(source, Built):
        return Loaded(source, redrawable(source))
    if not isinstance(source, nn.Module):
        loaded = _pretrained(source, outputs)
    elif hasattr(getattr(source, "config", None), "num_labels"):
        config: Any = source.config
        if config.num_labels != outputs:
            raise invalid(
                "model",
                f"num_labels={outputs}, a mean and a variance for each target",
                f"{config.num_labels}",
            )
        loaded = Loaded(source, head_parameters(source))
    else:
        model = source if isinstance(source, Columns) else Columns(source)
        last = find_head(model, outputs, head)
        loaded = Loaded(
            model, frozenset(name for name, one in model.named_parameters() if _belongs(one, last))
        )
    return Loaded(loaded.model, redrawable(loaded.model)) if redraw == "all" else loaded


def reads_images(model: nn.Module) -> bool:
    """Return whether a Hugging Face model takes pixels."""
    return getattr(model, "main_input_name", "") == "pixel_values"


def _pretrained(source: str | os.PathLike[str], outputs: int) -> Loaded:
    transformers = require("transformers", "text", "A Hugging Face model")
    config = read_config(source)
    kinds = transformers.models.auto.modeling_auto.MODEL_FOR_IMAGE_CLASSIFICATION_MAPPING_NAMES
    kind = "Image" if config.model_type in kinds else "Sequence"
    loaded = load_model(
        f"AutoModelFor{kind}Classification",
        source,
        num_labels=outputs,
        problem_type="regression",
    )
    # Two classes look like one mean and one variance.
    meant = config.problem_type == "regression" and config.num_labels == outputs
    return loaded if loaded.new or meant else with_new_head(loaded)


def is_healthy(model: nn.Module, outputs: Tensor | None) -> bool:
    """Return whether weights and outputs are finite."""
    return all_finite(model) and (outputs is None or bool(torch.isfinite(outputs).all()))


def warn_of_collapse(outputs: Tensor, floor: float, names: Sequence[str]) -> None:
    """Warn if the variance lies at its floor on too much of the training set.

    Args:
        outputs: `[n, 2T]`, on the training set.
        floor: of the variance.
        names: of the targets.

    Warns:
        VarianceCollapseWarning: naming the target.
    """
    _, variance = mean_and_variance(outputs, floor)
    low = variance < 2 * floor  # the network's own part is less than the floor
    share, target = (float(one) for one in low.double().mean(0).max(0))
    if share > COLLAPSED:
        warnings.warn(
            f"The variance of target {names[int(target)]!r} fell to its floor ({floor:g} in "
            f"standardised units) on {share:.0%} of the training set: the network fits it almost "
            "exactly and takes that for certainty, so likelihoods and intervals of new samples "
            "mean little. Train for fewer steps, use weight_decay, a smaller network, a larger "
            "variance_floor, dropout with MCDropout or an Ensemble, and check coverage_90 on "
            "held-back samples.",
            VarianceCollapseWarning,
            stacklevel=4,
        )


def _belongs(parameter: Tensor, module: nn.Module) -> bool:
    return any(parameter is one for one in module.parameters())
