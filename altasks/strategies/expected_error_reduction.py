"""The samples whose label is expected to lower the loss on the rest of the pool the most."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import blocks, hash_order
from altasks.strategies._cover import cover
from altasks.strategies._last_layer import (
    CONSIDERED,
    LEAST,
    blocks_of,
    considered,
    extend,
    read_inputs,
    read_probs,
    require_exclusive,
)
from altasks.strategies._last_layer_refit import (
    Loss,
    expected_loss,
    loss_after_refit,
    loss_after_step,
)
from altasks.strategies.base import Candidates, check_request

#: How the model after one more label is made.
Method = Literal["step", "refit"]

#: How several are picked: one for each part of the pool, or the best as they come.
Batch = Literal["cover", "best"]
_INDEPENDENT = "Independent labels have no such class; use VarianceReduction('trace')."


class ExpectedErrorReduction:
    """Pick what is expected to lower the pool's expected loss the most once it is labelled.

    For every candidate and every label it could have, the model's last layer is changed as that
    label would change it, and the loss that the model then expects on the pool is measured; the
    labels are averaged by the model's own probabilities (Roy and McCallum 2001, "Toward optimal
    active learning through sampling estimation of error reduction", who trained the model again for
    each). Two ways to make the change, both of the last layer only:

    - `"step"`: one gradient step on the cross-entropy. What it does to a logit is known in closed
      form, so nothing is trained, and the loss after it is measured and not linearised: to first
      order the gradient averaged over the model's own labels is 0, and with it every reduction.
      O(N m (d + C)), linear in the pool.
    - `"refit"`: the layer is fitted again with a ridge, by Newton's method. Where the layer was
      such a fit, this is the fit with the true labels of the labelled samples, which are not
      needed. O(N C (C d)^3 + N C^2 m d): for pools of hundreds and layers of dozens of weights.

    The loss is averaged over `sample` drawn candidates. The first pick is the one of the largest
    reduction. The n best would be near-copies of it, so with `batch="cover"` each further pick adds
    the most to what the drawn candidates gain from the pick that serves each of them best;
    `batch="best"` takes the n largest reductions all the same. Of more than 100,000 candidates, so
    many drawn ones may be picked. Scores are not read. Picks don't depend on the order of the pool,
    and equals are ordered by a seeded hash of the ids.

    Args:
        method: see above.
        loss: `"entropy"`, the log loss that a model expects of itself, or `"error"`, one minus its
            largest probability.
        step: for `"step"`: how far, in logits: by at most this on a sample of average squared
            length when its own label is learned. The rate is `step` over the mean of |(h, 1)|^2.
        ridge: for `"refit"`: the weight of |W|^2 / 2 beside the sum of the cross-entropies.
        batch: `"cover"` or `"best"`, see above.
        sample: over how many candidates, m, the loss is averaged; None for all. N m numbers are
            kept in memory (100,000 m in larger pools).
        bias: whether the last layer has a bias; it is stepped and penalised like the weights.

    Raises:
        InvalidInputError: for options out of range, embeddings that aren't finite, or
            probabilities that are not of exclusive classes.

    Example:
        >>> import numpy as np
        >>> crowd, alone = [[1.0, 0.1 * i] for i in range(8)], [[-9.0, 0.0]]
        >>> candidates = Candidates(
        ...     [*"abcdefgh", "alone"],
        ...     np.zeros(9),
        ...     embeddings=np.array(crowd + alone),
        ...     mean_probs=np.array([[0.5, 0.5]] * 8 + [[0.99, 0.01]]),
        ... )
        >>> picks = ExpectedErrorReduction().select(candidates, 1, rng=np.random.default_rng(0))
        >>> picks[0] in "abcdefgh"
        True
    """

    reads_scores = False

    def __init__(
        self,
        method: Method = "step",
        *,
        loss: Loss = "entropy",
        batch: Batch = "cover",
        step: float = 1.0,
        ridge: float = 1.0,
        sample: int | None = 256,
        bias: bool = True,
    ) -> None:
        named = (("method", method, Method), ("loss", loss, Loss), ("batch", batch, Batch))
        for name, value, options in named:
            if value not in get_args(options):
                names = " or ".join(repr(option) for option in get_args(options))
                raise invalid(name, names, f"{value!r}")
        for name, number in (("step", step), ("ridge", ridge)):
            require_real(name, number, above=0)
        if not isinstance(bias, bool):
            raise invalid("bias", "True or False", f"{bias!r}")
        self.method = method
        self.loss = loss
        self.batch = batch
        self.step = float(step)
        self.ridge = float(ridge)
        self.sample = None if sample is None else require_whole("sample", sample, 1)
        self.bias = bias

    @property
    def needs(self) -> frozenset[str]:
        """Which fields of `Candidates` it reads."""
        fields = {"embeddings", "mean_probs"}
        if self.method == "refit":
            fields |= {"labelled_embeddings", "pending_embeddings"}
        return frozenset(fields)

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order picked, the largest reduction first."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        order = hash_order(candidates.ids, rng)
        few, rest = considered(order, n)
        for _, probs, rows in blocks_of(candidates, rest, bias=self.bias, probs=True):
            assert probs is not None
            require_exclusive(probs, rows, candidates.ids, _INDEPENDENT)
        reductions = self._reductions(candidates, few, order)
        if self.batch == "cover":
            picks = cover(reductions, None, n)
        else:
            picks = np.argsort(-reductions.mean(1).cpu().numpy(), kind="stable")[:n].tolist()
        return [candidates.ids[int(order[row])] for row in picks]

    def reductions(self, candidates: Candidates, *, rng: np.random.Generator) -> np.ndarray:
        """Return by how much the pool's mean loss is expected to fall with each, `[N]`, in nats.

        In the order of the candidates, of all of them; `rng` draws those whose loss counts. To
        show, to combine with other scores, or to hand to a strategy that reads scores. With
        `loss="error"` the unit is a share of the pool.
        """
        check_request(self, candidates, 0)
        found = np.empty(len(candidates))
        order = hash_order(candidates.ids, rng)
        for part in blocks(len(order), 1, CONSIDERED):
            rows = order[part]
            found[rows] = self._reductions(candidates, rows, order).mean(1).cpu().numpy()
        return found

    def _reductions(self, candidates: Candidates, rows: np.ndarray, order: np.ndarray) -> Tensor:
        """Return those of each drawn sample for some rows, `[rows, m]`.

        `order` is all rows in the order of the hash, the drawn ones first.
        """
        with torch.inference_mode():
            inputs, probs = self._read(candidates, rows)
            # The first of them are the drawn ones, and most often they are the very rows.
            same = len(rows) == len(order) or np.array_equal(rows, order[: len(rows)])
            first = (inputs, probs) if same else self._read(candidates, order[:CONSIDERED])
            drawn = slice(self.sample)  # of a random order
            pool, logs = first[0][drawn], first[1][drawn].clamp_min(LEAST).log()
            now = expected_loss(logs, self.loss)
            if self.method == "step":
                typical = float(first[0].square().sum()) / len(first[0])
                rate = self.step / typical if typical > 0 else 0.0
                after = loss_after_step(inputs, probs, pool, logs, rate, self.loss)
            else:
                known = self._known(candidates, inputs)
                theirs = extend(*first, known)
                after = loss_after_refit(
                    inputs, probs, pool, logs, known, theirs, self.ridge, self.loss
                )
            return now - after

    def _read(self, candidates: Candidates, rows: np.ndarray) -> tuple[Tensor, Tensor]:
        """Return inputs `[rows, d]` and probabilities `[rows, C]` that sum to 1."""
        inputs = read_inputs(
            candidates.embeddings, rows, candidates.ids, "embeddings", bias=self.bias
        )
        probs = read_probs(candidates.mean_probs, rows, candidates.ids, inputs)
        require_exclusive(probs, rows, candidates.ids, _INDEPENDENT)
        return inputs, probs / probs.sum(1, keepdim=True)  # they came rounded

    def _known(self, candidates: Candidates, like: Tensor) -> Tensor:
        # Of what is asked no label is known, and the average over its labels is its prediction:
        # just what the labelled ones are fitted to.
        names = ("labelled_embeddings", "pending_embeddings")
        arrays = [(getattr(candidates, name), name) for name in names]
        parts = [read_inputs(array, None, None, name, bias=self.bias) for array, name in arrays]
        return torch.cat([part.to(like) for part in parts])
