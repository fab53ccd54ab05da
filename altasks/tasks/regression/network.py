"""The numbers of a regression: a small net, the losses of a mean-variance head, the metrics."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from statistics import NormalDist
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.functional import softplus

from altasks.predictions import Normal

#: Half the width of the central 90% interval of a normal, in standard deviations.
NINETY = NormalDist().inv_cdf(0.95)


class Columns(nn.Module):
    """A module from a float batch `[n, F]` to `[n, 2T]`, called and answering by name."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, inputs: Tensor, labels: Tensor | None = None) -> dict[str, Tensor]:
        """Return the outputs as `logits`.

        `labels` are not read: by their name here Trainer knows that a batch has some.
        """
        del labels
        first = next(self.net.parameters(), inputs)
        return {"logits": self.net(inputs.to(first.dtype))}


def build_mlp(features: int, outputs: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Return linear layers with ReLUs, and a dropout after each if `dropout` is above 0."""
    layers: list[nn.Module] = []
    width = features
    for size in hidden:
        layers += [nn.Linear(width, size), nn.ReLU()]
        if dropout:
            layers.append(nn.Dropout(dropout))
        width = size
    return nn.Sequential(*layers, nn.Linear(width, outputs))


def mean_and_variance(outputs: Tensor, floor: float) -> tuple[Tensor, Tensor]:
    """Return the means `[..., T]` and variances `[..., T]` in `[..., 2T]` outputs.

    The variance is softplus(raw) + `floor`, as in Lakshminarayanan et al. (2017).
    """
    mean, raw = outputs.chunk(2, -1)
    return mean, softplus(raw) + floor


def gaussian_nll(mean: Tensor, variance: Tensor, truth: Tensor, beta: float = 0.0) -> Tensor:
    """Return the negative log-likelihood of `truth`, weighted by variance^beta.

    0.5 (log v + (y - m)^2 / v), up to the constant (Nix and Weigend 1994, "Estimating the mean and
    variance of the target probability distribution"), times v^beta, through which no gradient
    flows (Seitzer, Tavakoli, Antic and Martius 2022, "On the Pitfalls of Heteroscedastic
    Uncertainty Estimation with Probabilistic Neural Networks"): with 0 samples of large variance
    teach the mean little, with 1 all teach it alike.

    Example:
        >>> gaussian_nll(torch.tensor(0.0), torch.tensor(1.0), torch.tensor(2.0)).item()
        2.0
    """
    nll = 0.5 * (variance.log() + (truth - mean).square() / variance)
    return nll * variance.detach().pow(beta) if beta else nll


def regression_loss(targets: int, floor: float, beta: float) -> Callable[..., Tensor]:
    """Return a `compute_loss_func` for Trainer over labels `[n, T + 1]`, the last the weight."""

    def compute(outputs: Any, labels: Tensor, num_items_in_batch: Any = None) -> Tensor:
        logits = outputs["logits"] if hasattr(outputs, "keys") else outputs[0]
        mean, variance = mean_and_variance(logits.float(), floor)
        each = gaussian_nll(mean, variance, labels[:, :targets], beta).mean(-1) * labels[:, targets]
        # Trainer counts the entries of all batches of one step; each sample has a row of them.
        count = len(labels) if num_items_in_batch is None else num_items_in_batch / labels.shape[-1]
        return each.sum() / count

    return compute


def moments(prediction: Normal) -> tuple[Tensor, Tensor, Tensor]:
    """Return a mixture's mean and its aleatoric and epistemic variance, each `[N, T]`.

    The law of total variance: the mean of the members' variances, and the variance of their means.
    """
    return (
        prediction.mean.mean(1),
        prediction.variance.mean(1),
        prediction.mean.var(1, correction=0),
    )


def regression_metrics(
    prediction: Normal, truth: np.ndarray, names: Sequence[str]
) -> dict[str, float]:
    """Return rmse, mae, nll and coverage_90, in the targets' units, averaged over targets.

    The likelihood and the interval are those of the normal with the mixture's mean and variance
    (Lakshminarayanan et al. 2017, section 2.4). With several targets each is also given for every
    target, as `rmse_<name>`.
    """
    mean, inner, spread = (part.double().cpu().numpy() for part in moments(prediction))
    variance = inner + spread
    error = truth - mean  # N x T
    each = {
        "rmse": np.sqrt(np.square(error).mean(0)),
        "mae": np.abs(error).mean(0),
        "nll": 0.5 * (np.log(2 * math.pi * variance) + error**2 / variance).mean(0),
        "coverage_90": (np.abs(error) <= NINETY * np.sqrt(variance)).mean(0),
    }
    metrics = {name: float(values.mean()) for name, values in each.items()}
    if len(names) > 1:
        for name, values in each.items():
            metrics |= {f"{name}_{names[t]}": float(value) for t, value in enumerate(values)}
    return metrics


def all_finite(model: nn.Module) -> bool:
    """Return whether every parameter is finite; a buffer may be a mask of minus infinities."""
    return all(bool(torch.isfinite(one).all()) for one in model.parameters())
