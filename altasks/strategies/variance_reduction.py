"""Batches after which the model's parameters are least uncertain, where that matters."""

from __future__ import annotations

from typing import Literal, get_args

import numpy as np
import torch
from torch import Tensor

from altasks._internal.numbers import require_real, require_whole
from altasks.errors import invalid
from altasks.strategies._arrays import hash_order
from altasks.strategies._fisher import Information, greedy_trace
from altasks.strategies._last_layer import (
    blocks_of,
    considered,
    exclusive,
    extend,
    read_inputs,
    read_probs,
    require_exclusive,
    spread,
)
from altasks.strategies.base import Candidates, check_request

#: Which information matrix of the last layer is used.
Fisher = Literal["auto", "full", "trace", "regression"]
_INDEPENDENT = "For independent labels use fisher='trace'."


class VarianceReduction:
    """Minimise the Fisher information ratio tr((l I + sum_S I(x))^-1 sum_U I(x)).

    I(x) is the Fisher information that a label of x gives about the last layer's weights, S is
    what is labelled, asked or picked, and U is all samples there are. The inverse of the first sum
    bounds the variance of the weights, and the second says how much each direction of them matters
    to the predictions, so the ratio is the (asymptotic) variance of the predictions that a label
    can still remove: Settles (2009), "Active learning literature survey", section 3.5 (variance
    reduction). It is minimised by the batch-greedy scheme of BAIT (Ash, Goel, Krishnamurthy and
    Kakade 2021, "Gone Fishing: Neural Active Learning with Fisher Embeddings"): more samples than
    wanted are picked one by one, each the one that lowers the ratio most, and then dropped one by
    one, each the one whose loss raises it least. Scores are not read.

    Which information, with H = (h, 1)(h, 1)' of an embedding h:

    - `"full"`: (diag(p) - p p') (x) H, that of a softmax. It is C (d + 1) wide.
    - `"trace"`: sum_c p_c (1 - p_c) H, the sum of its diagonal blocks, d + 1 wide. The same picks
      for two classes; for more it takes any two classes to be confused alike. Also for independent
      labels (a `Bernoulli`), whose information it is if their weights are seen as one.
    - `"regression"`: H, that of a linear regression with equal noise. Reads no probabilities.
    - `"auto"`: `"full"` for three classes and more while it is at most `full_width` wide, else
      `"trace"`.

    The probabilities of labelled and asked samples, which strategies don't get, are worked out from
    their embeddings by the last layer that is read off the pool: exact where the embeddings are the
    last layer's input. Time is linear in the pool: O(N d^2) and, for each of `oversample` n picks,
    O(N d), both times C^2 for `"full"`; memory is a float64 copy of the embeddings. Of more than
    100,000 candidates, so many drawn ones may be picked and are copied; U is all of them still.
    Picks don't depend on the order of the pool: rows are read in the order of a seeded hash, which
    decides between equals.

    Args:
        fisher: see above.
        ridge: the prior information l, in samples: l is `ridge` times the information of an average
            sample in an average direction. Above 0.
        bias: whether the last layer has a bias.
        oversample: how many times n are picked before some are dropped; with 1 none is.
        full_width: see `"auto"`.

    Raises:
        InvalidInputError: for options out of range, embeddings or probabilities that aren't finite,
            or `"full"` with independent labels.

    Example:
        >>> import numpy as np
        >>> points = np.array([[3.0, 0.0], [3.1, 0.0], [0.0, 2.0], [0.1, 2.1]])
        >>> candidates = Candidates(
        ...     list("abcd"),
        ...     np.zeros(4),
        ...     embeddings=points,
        ...     labelled_embeddings=points[:1],
        ...     pending_embeddings=np.empty((0, 2)),
        ... )
        >>> strategy = VarianceReduction("regression", bias=False)
        >>> strategy.select(candidates, 1, rng=np.random.default_rng(0))
        ['d']
    """

    reads_scores = False

    def __init__(
        self,
        fisher: Fisher = "auto",
        *,
        ridge: float = 1.0,
        bias: bool = True,
        oversample: float = 2.0,
        full_width: int = 512,
    ) -> None:
        if fisher not in get_args(Fisher):
            names = ", ".join(repr(name) for name in get_args(Fisher))
            raise invalid("fisher", f"one of {names}", f"{fisher!r}")
        self.ridge = require_real("ridge", ridge, above=0)
        if not isinstance(bias, bool):
            raise invalid("bias", "True or False", f"{bias!r}")
        self.oversample = require_real("oversample", oversample, least=1)
        self.fisher = fisher
        self.bias = bias
        self.full_width = require_whole("full_width", full_width, 0)

    @property
    def needs(self) -> frozenset[str]:
        """Which fields of `Candidates` it reads."""
        fields = {"embeddings", "labelled_embeddings", "pending_embeddings"}
        return frozenset(fields if self.fisher == "regression" else fields | {"mean_probs"})

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` ids in the order picked."""
        n = check_request(self, candidates, n)
        if n == 0:
            return []
        order = hash_order(candidates.ids, rng)
        order, rest = considered(order, n)
        with torch.inference_mode():
            pool = read_inputs(
                candidates.embeddings, order, candidates.ids, "embeddings", bias=self.bias
            )
            known = torch.cat(
                [
                    read_inputs(getattr(candidates, name), None, None, name, bias=self.bias).to(
                        pool
                    )
                    for name in ("labelled_embeddings", "pending_embeddings")
                ]
            )
            samples, given, directions = self._information(candidates, order, pool, known)
            matrix = given.total()
            target = matrix + samples.total()
            for inputs, probs, rows in blocks_of(
                candidates, rest, bias=self.bias, probs=self.fisher != "regression"
            ):
                if samples.probs is not None and probs is not None:
                    require_exclusive(probs, rows, candidates.ids, _INDEPENDENT)
                    target += Information(inputs, probs=probs).total()
                else:
                    weights = None if probs is None else spread(probs)
                    target += Information(inputs, weights=weights).total()
            whole = float(target.trace())
            typical = whole / ((len(candidates) + len(known)) * directions)
            # A smaller prior would be lost in rounding. Where nothing can be learned all samples
            # are equal, whatever the prior.
            matrix.diagonal().add_(max(self.ridge * typical, 1e-12 * whole) or 1.0)
            picks = greedy_trace(samples, matrix, target, n, self.oversample)
        return [candidates.ids[int(order[row])] for row in picks]

    def _information(
        self, candidates: Candidates, order: np.ndarray, pool: Tensor, known: Tensor
    ) -> tuple[Information, Information, int]:
        """Return that of the pool, that of the labelled and asked, and the rank of their sum."""
        if self.fisher == "regression":
            return Information(pool), Information(known), pool.shape[1]
        probs = read_probs(candidates.mean_probs, order, candidates.ids, pool)
        if self.fisher == "full":
            require_exclusive(probs, order, candidates.ids, _INDEPENDENT)
        theirs = extend(pool, probs, known)
        classes = probs.shape[1]
        small = classes > 2 and classes * pool.shape[1] <= self.full_width
        if self.fisher == "full" or (self.fisher == "auto" and small and exclusive(probs)):
            # Softmax doesn't see what is added to all classes: C - 1 of them are directions.
            directions = max(1, classes - 1) * pool.shape[1]
            return Information(pool, probs=probs), Information(known, probs=theirs), directions
        return (
            Information(pool, weights=spread(probs)),
            Information(known, weights=spread(theirs)),
            pool.shape[1],
        )
