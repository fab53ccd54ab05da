"""A committee from a head whose weights are distributions, learned by backpropagation."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.functional import linear, softplus

from altasks._internal.numbers import as_real, require_whole
from altasks._internal.random import derive_seed
from altasks.committees.base import CommitteeLogits, Network
from altasks.committees.head import HeadProbe
from altasks.committees.modes import evaluating
from altasks.errors import CommitteeError, invalid

#: How much wider or narrower than the prior a new posterior is; narrow enough to learn the mean.
NEW_SPREAD = 0.1
#: Adam moves a parameter by about the learning rate a step, whatever its gradient. Fine-tuning
#: rates move means as far as they should, but a spread has to change by a factor: rho is kept
#: divided by this, so that it moves this many times as far.
PACE = 20.0


class VariationalLinear(nn.Linear):
    """A linear layer whose weights are independent normals: means, and softplus(rho) as spreads.

    At rest it is the `nn.Linear` of its means, under the same names, so that whatever looks for a
    linear layer finds one. In training each row of a batch gets an output drawn from its own
    distribution (local reparameterisation: Kingma, Salimans and Welling 2015, "Variational Dropout
    and the Local Reparameterization Trick"): mean x mu^T + b, variance x^2 (sigma^2)^T + sigma_b^2.

    Args:
        in_features: d.
        out_features: C.
        bias: whether there is one.
        prior_scale: the standard deviation of the prior of each weight, whose mean is 0, times
            sqrt(d): with inputs of size 1 an output then has this standard deviation.

    Example:
        >>> layer = VariationalLinear(4, 3)
        >>> layer.weight.shape, layer.spread()[0].shape
        (torch.Size([3, 4]), torch.Size([3, 4]))
    """

    weight_rho: nn.Parameter  # C x d
    bias_rho: nn.Parameter | None  # C
    learned: Tensor  # [], bool: whether a fit has trained the spreads; saved with the weights

    def __init__(
        self, in_features: int, out_features: int, bias: bool = True, prior_scale: float = 1.0
    ) -> None:
        super().__init__(in_features, out_features, bias)
        self.prior = prior_scale / math.sqrt(in_features)
        self.weight_rho = nn.Parameter(torch.empty_like(self.weight))
        self.bias_rho = None if not bias else nn.Parameter(torch.empty_like(self.bias))
        self.register_buffer("learned", torch.tensor(False))
        self.reset_spread()

    @classmethod
    def like(cls, layer: nn.Linear, prior_scale: float) -> VariationalLinear:
        """Return a layer with the weights of `layer` as means."""
        made = cls(
            layer.in_features, layer.out_features, layer.bias is not None, prior_scale=prior_scale
        ).to(layer.weight)
        with torch.no_grad():
            made.weight.copy_(layer.weight)
            if layer.bias is not None:
                made.bias.copy_(layer.bias)
        made.train(layer.training)
        return made

    def reset_parameters(self) -> None:
        """Draw new means as `nn.Linear` does, and take the spreads back to their beginning."""
        super().reset_parameters()
        if hasattr(self, "weight_rho"):  # not yet while nn.Linear sets itself up
            self.reset_spread()

    def reset_spread(self) -> None:
        """Take the spreads back to a tenth of the prior's."""
        start = math.log(math.expm1(NEW_SPREAD * self.prior)) / PACE
        with torch.no_grad():
            for rho in self._rhos():
                rho.fill_(start)
            self.learned.fill_(False)

    def _rhos(self) -> list[nn.Parameter]:
        return [self.weight_rho] if self.bias_rho is None else [self.weight_rho, self.bias_rho]

    def spread(self) -> tuple[Tensor, Tensor | None]:
        """Return the standard deviations of the weights `[C, d]` and of the bias `[C]`."""
        sigmas = [softplus(rho.float() * PACE) for rho in self._rhos()]
        return sigmas[0], sigmas[1] if len(sigmas) > 1 else None

    def forward(self, input: Tensor) -> Tensor:
        """Return the outputs `[..., C]`: of the means at rest, of a draw a row in training."""
        mean = super().forward(input)
        if not (self.training and torch.is_grad_enabled()):
            return mean
        weight, bias = self.spread()
        squares = None if bias is None else bias.square()
        variance = linear(input.float().square(), weight.square(), squares)
        # The square root has no gradient at 0.
        noise = torch.randn_like(variance) * variance.clamp_min(1e-16).sqrt()
        return mean + noise.to(mean.dtype)

    def divergence(self) -> Tensor:
        """Return KL(posterior || prior) in nats, summed over weights and biases.

        Of N(mu, sigma^2) from N(0, s^2): log(s / sigma) + (sigma^2 + mu^2) / (2 s^2) - 1/2.
        """
        total = torch.zeros((), device=self.weight.device)
        sigmas = self.spread()
        for mean, sigma in ((self.weight, sigmas[0]), (self.bias, sigmas[1])):
            if sigma is not None:
                ratio = (sigma.square() + mean.float().square()) / (2 * self.prior**2)
                total = total + ((self.prior / sigma).log() + ratio - 0.5).sum()
        return total

    def sample(self, draws: int, seed: int) -> tuple[Tensor, Tensor | None]:
        """Return K weights `[K, C, d]` and biases `[K, C]`, drawn from `seed` on the CPU."""
        generator = torch.Generator().manual_seed(seed)
        drawn: list[Tensor | None] = []
        for mean, sigma in zip((self.weight, self.bias), self.spread(), strict=True):
            if sigma is None:
                drawn.append(None)
                continue
            noise = torch.randn(draws, *mean.shape, generator=generator).to(mean.device)
            drawn.append((mean.float() + sigma * noise).to(mean.dtype))
        assert drawn[0] is not None
        return drawn[0], drawn[1]


class BayesByBackprop:
    """The last layer's weights are distributions; K draws of them are K opinions.

    Blundell, Cornebise, Kavukcuoglu and Wierstra (2015), "Weight Uncertainty in Neural Networks";
    for active learning on text Siddhant and Lipton (2018), "Deep Bayesian Active Learning for
    Natural Language Processing: Results of a Large-Scale Empirical Study". A task that is given
    this committee gets a `VariationalLinear` in place of its head; `fit` then minimises the task's
    own loss plus `kl_weight` * KL(posterior || prior) / (number of labelled units), which with
    weight 1 is the evidence lower bound (equation 2 there). At prediction the trunk runs once, at
    rest, and K weights drawn from (seed, round) are shared by every sample and word: member k is
    one function, so draws are joint and scores don't depend on the batching.

    Args:
        draws: K, at least 2.
        prior_scale: the prior's standard deviation, in units of 1 / sqrt(inputs of the head).
        kl_weight: of the divergence in the loss. 1 is Bayes' rule, under which a head with many
            weights and few labels stays near its prior; smaller values ("cold posteriors", Wenzel
            et al. 2020) trust the labels more.
        seed: what the weights are drawn from, together with the round.

    Raises:
        InvalidInputError: for fewer than two draws, or a scale or weight that is not above 0.

    Example:
        >>> BayesByBackprop(draws=10).members
        10
    """

    def __init__(
        self, draws: int = 20, prior_scale: float = 1.0, kl_weight: float = 0.1, seed: int = 0
    ) -> None:
        require_whole("draws", draws, 2)
        given: dict[str, Any] = {"prior_scale": prior_scale, "kl_weight": kl_weight}
        for name, value in given.items():
            if not 0 < as_real(value) < math.inf:
                raise invalid(name, "a number above 0", repr(value))
        self.draws = int(draws)
        self.prior_scale = float(prior_scale)
        self.kl_weight = float(kl_weight)
        self.seed = seed
        self.round = 0

    @property
    def members(self) -> int:
        """K, the size of the committee."""
        return self.draws

    @property
    def joint(self) -> bool:
        """True: draw k is one set of weights for all samples."""
        return True

    def start_round(self, round: int) -> None:
        """Draw anew from (seed, round) from now on."""
        self.round = round

    def prepare(self, model: nn.Module, head: nn.Linear) -> nn.Linear:
        """Put a variational layer in the place of `head`, and return it.

        Raises:
            CommitteeError: if the model uses the layer in several places.
        """
        if isinstance(head, VariationalLinear):
            head.prior = self.prior_scale / math.sqrt(head.in_features)
            return head
        places = [
            (parent, name)
            for parent in model.modules()
            for name, part in parent._modules.items()  # named_children() shows each part once
            if part is head
        ]
        if len(places) != 1:
            raise CommitteeError(
                f"BayesByBackprop: the model's last layer occurs {len(places)} times in "
                f"{type(model).__name__}, so it can't be replaced by a variational one. Use "
                "MCDropout or an Ensemble."
            )
        layer = VariationalLinear.like(head, self.prior_scale)
        parent, name = places[0]
        setattr(parent, name, layer)
        return layer

    def penalty(self, head: nn.Linear, units: float) -> Callable[[], Tensor]:
        """Return what a fit on `units` labelled units adds to its mean loss at each step."""
        layer = self._layer(head)
        layer.learned.fill_(True)
        share = self.kl_weight / units
        return lambda: layer.divergence() * share

    def draw(self, network: Network, batches: Sequence[Any]) -> list[CommitteeLogits]:
        """Return K opinions on each batch; every mode and generator comes back as it was.

        Raises:
            CommitteeError: if the head's distributions were never trained.
        """
        layer = self._layer(network.head)
        if not bool(layer.learned):
            raise CommitteeError(
                "BayesByBackprop: the spreads of the head's weights were never trained, so what "
                "the draws disagree about says nothing. Call fit() first, or load() weights that "
                "were saved by a task with this committee."
            )
        seed = derive_seed(self.seed, "bayes-by-backprop", self.round)
        with torch.no_grad():
            drawn = layer.sample(self.draws, seed)
            with evaluating(network.model), HeadProbe(network, lambda _: drawn).attached() as probe:
                return [probe.run(batch) for batch in batches]

    @staticmethod
    def _layer(head: nn.Module) -> VariationalLinear:
        if not isinstance(head, VariationalLinear):
            raise CommitteeError(
                "BayesByBackprop: the network's last layer is not variational. Give the committee "
                "to the task when it is made, task = Task(..., committee=BayesByBackprop()), which "
                "replaces the layer, and fit."
            )
        return head
