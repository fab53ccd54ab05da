"""The candidates that strategies read, and the protocol of strategies."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol, runtime_checkable

import numpy as np
from torch import Tensor

from altasks._internal.arrays import is_listed, refuse_masked
from altasks._internal.frames import aligned_to_ids, plain_array
from altasks._internal.numbers import require_whole
from altasks.errors import InvalidInputError, invalid

#: Arrays a strategy may be given: NumPy (also memory-mapped) or torch, on any device.
Array = np.ndarray | Tensor

#: The optional fields of `Candidates`, which is also what a strategy may declare in `needs`.
NEEDS = (
    "embeddings",
    "mean_probs",
    "draws",
    "costs",
    "labelled_embeddings",
    "pending_embeddings",
    "labelled_probs",
    "pending_probs",
    "held_out_probs",
    "held_out_labels",
    "objects",
    "labelled_objects",
    "pending_objects",
)


@dataclass(frozen=True, eq=False)
class Candidates:
    """The samples a strategy may pick from, and what it declared it needs of them.

    Args:
        ids: N distinct strings.
        values: `[N]` finite scores, higher = label first.
        embeddings: `[N, d]`.
        mean_probs: `[N, C]`, the committee's average.
        draws: `[N, K, C]`, joint: draw k is the same function for every sample.
        costs: `[N]`, what labelling each costs, above 0.
        labelled_embeddings: `[L, d]` of the samples that have a label.
        pending_embeddings: `[P, d]` of the samples that were asked and not answered.
        labelled_probs: `[L, C]`, mean probabilities of the samples that have a label.
        pending_probs: `[P, C]`, of those that were asked and not answered.
        held_out_probs: `[H, B]`, what labelled samples are taken for by a model that was not
            trained on them, over the classes that occur among the labels.
        held_out_labels: `[H]` whole numbers, which of those classes each has.
        objects: `[N, B, 2 + d]`, up to B objects (boxes) in each sample, a row for each: the number
            of its class, its score, above 0, and its embedding. A row of score 0 is none.
        labelled_objects: `[L, B, 2 + d]` of the samples that have a label.
        pending_objects: `[P, B, 2 + d]` of those that were asked and not answered.

    A DataFrame or Series is brought into the order of the ids by its index; one whose index is
    0, 1, 2, ... is read by position.

    Raises:
        InvalidInputError: for repeated ids, a score that isn't finite, values that are masked,
            lengths that differ, or a table whose index doesn't name the ids.

    Example:
        >>> Candidates(["a", "b"], [0.1, 0.9]).values.tolist()
        [0.1, 0.9]
    """

    ids: Sequence[str]
    values: Any
    embeddings: Array | None = None
    mean_probs: Array | None = None
    draws: Array | None = None
    costs: Any = None
    labelled_embeddings: Array | None = None
    pending_embeddings: Array | None = None
    labelled_probs: Array | None = None
    pending_probs: Array | None = None
    held_out_probs: Array | None = None
    held_out_labels: Array | None = None
    objects: Array | None = None
    labelled_objects: Array | None = None
    pending_objects: Array | None = None

    def __post_init__(self) -> None:
        if not is_listed(self.ids):
            raise invalid("ids", "a list of strings", repr(self.ids)[:80])
        ids = list(self.ids)
        object.__setattr__(self, "ids", ids)
        if set(map(type, ids)) != {str}:  # of a million, one look is cheaper than one each
            for row, name in enumerate(ids):
                if not isinstance(name, str):
                    raise invalid("ids", "strings", type(name).__name__, where=f"row {row}")
        if len(set(ids)) != len(ids):
            seen: set[str] = set()
            for row, name in enumerate(ids):
                if name in seen:
                    raise invalid("ids", "distinct ids", f"{name!r} twice", where=f"row {row}")
                seen.add(name)
        values = _as_vector(self.values, "values", ids)
        object.__setattr__(self, "values", values)
        if self.costs is not None:
            costs = _as_vector(self.costs, "costs", ids)
            if len(costs) and costs.min() <= 0:
                row = int(np.flatnonzero(costs <= 0)[0])
                raise invalid(
                    "costs", "values above 0", f"{costs[row]:.4g}", where=f"id {ids[row]!r}"
                )
            object.__setattr__(self, "costs", costs)
        fields = (("embeddings", 2), ("mean_probs", 2), ("draws", 3), ("objects", 3))
        for name, ndim in fields:
            array = aligned_to_ids(getattr(self, name), name, ids)
            object.__setattr__(self, name, array)
            _require_array(array, name, ids)
            if array is not None and (array.ndim != ndim or len(array) != len(ids)):
                raise invalid(
                    name,
                    f"{ndim} dims and {len(ids)} rows, one for each id",
                    f"shape {list(array.shape)}",
                )
        self._check_known("embeddings", "d")
        self._check_known("probs", "C")
        self._check_held_out()
        self._check_objects()

    def _check_known(self, kind: str, letter: str) -> None:
        """Check the fields about what is labelled or pending against the candidates' own."""
        field = "embeddings" if kind == "embeddings" else "mean_probs"
        own = getattr(self, field)
        for name in (f"labelled_{kind}", f"pending_{kind}"):
            array = aligned_to_ids(getattr(self, name), name)
            object.__setattr__(self, name, array)
            _require_array(array, name)
            if array is not None and (
                array.ndim != 2 or (own is not None and array.shape[1] != own.shape[1])
            ):
                raise invalid(
                    name,
                    f"shape [rows, {letter}] with the {letter} of {field}",
                    f"shape {list(array.shape)}",
                )

    def _check_held_out(self) -> None:
        for name, ndim in (("held_out_probs", 2), ("held_out_labels", 1)):
            array = aligned_to_ids(getattr(self, name), name)
            object.__setattr__(self, name, array)
            _require_array(array, name)
            if array is not None and array.ndim != ndim:
                raise invalid(name, f"{ndim} dims", f"shape {list(array.shape)}")
        probs, labels = self.held_out_probs, self.held_out_labels
        if labels is not None and not _is_whole(labels):
            raise invalid("held_out_labels", "whole numbers", f"values of dtype {labels.dtype}")
        if probs is not None and labels is not None:
            if len(probs) != len(labels):
                raise invalid(
                    "held_out_labels",
                    f"{len(probs)}, one for each row of held_out_probs",
                    f"{len(labels)}",
                )
            wrong = (labels < 0) | (labels >= probs.shape[1])
            if bool(wrong.any()):
                row = int(wrong.nonzero()[0][0])
                raise invalid(
                    "held_out_labels",
                    f"columns of held_out_probs, 0 to {probs.shape[1] - 1}",
                    f"{int(labels[row])}",
                    where=f"row {row}",
                )

    def _check_objects(self) -> None:
        width = None if self.objects is None else self.objects.shape[2]
        for name in ("objects", "labelled_objects", "pending_objects"):
            array = getattr(self, name)
            _require_array(array, name)
            if array is not None and (
                array.ndim != 3
                or array.shape[2] < 3
                or (width is not None and array.shape[2] != width)
            ):
                raise invalid(
                    name,
                    "3 dims, the last of them the class, the score and an embedding, of equal "
                    "length in all",
                    f"shape {list(array.shape)}",
                )

    def __len__(self) -> int:
        """Return N, the number of candidates."""
        return len(self.ids)

    def take(self, rows: np.ndarray) -> Candidates:
        """Return the candidates at `rows`; what is labelled or pending is kept whole."""

        def pick(array: Any) -> Any:
            if array is None:
                return None
            if isinstance(array, Tensor):
                return array[torch_rows(rows, array)]
            return array[rows]

        return Candidates(
            [self.ids[i] for i in rows.tolist()],
            self.values[rows],
            pick(self.embeddings),
            pick(self.mean_probs),
            pick(self.draws),
            pick(self.costs),
            self.labelled_embeddings,
            self.pending_embeddings,
            self.labelled_probs,
            self.pending_probs,
            self.held_out_probs,
            self.held_out_labels,
            pick(self.objects),
            self.labelled_objects,
            self.pending_objects,
        )


def _require_array(value: Any, argument: str, ids: Sequence[str] | None = None) -> None:
    if value is None or isinstance(value, Tensor):
        return
    if not isinstance(value, np.ndarray):
        raise invalid(argument, "a NumPy array, a tensor or a table", type(value).__name__)
    refuse_masked(value, argument, ids)
    if value.dtype.kind not in "fiub":
        raise invalid(argument, "numbers", f"values of dtype {value.dtype}")


def _is_whole(array: Array) -> bool:
    if isinstance(array, Tensor):
        return not array.dtype.is_floating_point
    return bool(array.dtype.kind in "iu")


def torch_rows(rows: np.ndarray, like: Tensor) -> Tensor:
    """Return `rows` as an index tensor on the device of `like`."""
    import torch

    return torch.as_tensor(rows, device=like.device)


def _as_vector(value: Any, argument: str, ids: list[str]) -> np.ndarray:
    length = len(ids)
    if isinstance(value, Tensor):
        if value.is_sparse or value.is_meta:
            kind = "a sparse one" if value.is_sparse else "one without values"
            raise invalid(argument, "a dense tensor", kind)
        array = value.detach().cpu().double().numpy()  # by way of double: NumPy has no bfloat16
    else:
        array = plain_array(value, argument, "one number for each id", ids)
    if array.dtype.kind not in "fiub":
        raise invalid(argument, "numbers", f"values of dtype {array.dtype}")
    array = array.astype(np.float64, copy=False)
    if array.shape != (length,):
        raise invalid(argument, f"shape [{length}], one for each id", f"shape {list(array.shape)}")
    if length and not np.isfinite(array).all():
        row = int(np.flatnonzero(~np.isfinite(array))[0])
        raise invalid(argument, "finite numbers", f"{array[row]}", where=f"row {row}")
    return array


@runtime_checkable
class Strategy(Protocol):
    """Turns candidates into the ids to label next.

    Attributes:
        needs: which optional fields of `Candidates` it reads; others may be None. A class
            attribute, or one of the instance where it depends on the options (a wrapper's).

    A strategy that doesn't look at the scores also has `reads_scores = False` (`ReadsScores`).
    """

    @property
    def needs(self) -> frozenset[str]:
        """Which optional fields of `Candidates` it reads."""
        ...

    def select(self, candidates: Candidates, n: int, *, rng: np.random.Generator) -> list[str]:
        """Return `n` distinct ids, best first; all of them if there are fewer.

        The picks depend on the set of candidates and on `rng`, never on the order of the rows:
        equal scores are ordered by `id_hashes`, and noise is drawn by `id_uniforms`.
        """
        ...


@runtime_checkable
class ReadsMore(Protocol):
    """A strategy that reads more fields of `Candidates` than it needs, where they are filled."""

    @property
    def wants(self) -> frozenset[str]:
        """Which fields it reads beside `needs`; each of them may be None."""
        ...


@runtime_checkable
class PricesGains(Protocol):
    """A strategy that can pick by its own gain per cost, where scores per cost say nothing."""

    def priced(self) -> Strategy:
        """Return the same strategy, picking by gain per cost; it needs `costs`."""
        ...


@runtime_checkable
class ReadsScores(Protocol):
    """A strategy that says whether it reads the scores; one that doesn't say reads them.

    What doesn't read them can be asked before there is a model: a loop then scores nothing.
    Independent of `needs`: the mean probabilities a strategy needs come from scoring too.
    """

    @property
    def reads_scores(self) -> bool:
        """Whether `select` looks at `candidates.values`."""
        ...


def check_request(strategy: Strategy, candidates: Candidates, n: int) -> int:
    """Return how many to pick: `n`, or all there are.

    Raises:
        InvalidInputError: if `n` is not a whole number of at least 0, or a needed field is None.
    """
    n = require_whole("n", n, 0)
    for name in sorted(strategy.needs):
        if getattr(candidates, name) is None:
            raise InvalidInputError(
                f"candidates.{name}: {type(strategy).__name__} needs it and it is None. Score with"
                f" keep={{{name!r}}} or fill it by hand."
            )
    return min(n, len(candidates))


def id_hashes(ids: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Return a uint64 for each id: a hash of the id, salted by one draw from `rng`.

    The loop seeds `rng` from (seed, round), so this is the hash of (seed, round, id) by which
    ties break: it does not depend on the order of the pool, and neighbours get unrelated values.
    """
    salt = rng.integers(0, 2**63, dtype=np.int64).tobytes()
    digest = hashlib.blake2b
    hashes = np.empty(len(ids), dtype=np.uint64)
    for start in range(0, len(ids), 2**16):  # a million digests at once would take 50 MB
        part = ids[start : start + 2**16]
        blob = b"".join(digest(name.encode(), digest_size=8, key=salt).digest() for name in part)
        hashes[start : start + len(part)] = np.frombuffer(blob, dtype=">u8")
    return hashes


def id_uniforms(ids: Sequence[str], rng: np.random.Generator) -> np.ndarray:
    """Return a number in (0, 1) for each id, from `id_hashes`: noise that sticks to the id."""
    return ((id_hashes(ids, rng) >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53


def top_rows(
    values: np.ndarray, ids: Sequence[str], n: int, rng: np.random.Generator
) -> np.ndarray:
    """Return the rows of the `n` largest values, best first, ties ordered by `id_hashes`.

    O(N + n log n); only ids whose value is at least the n-th largest are hashed.
    """
    salted = np.random.default_rng(rng.integers(0, 2**63, dtype=np.int64))
    if n <= 0:
        return np.empty(0, dtype=np.int64)
    if n < len(values):
        threshold = np.partition(values, len(values) - n)[len(values) - n]
        rows = np.flatnonzero(values >= threshold)
    else:
        rows = np.arange(len(values))
    # One draw of `salted` salts every hash, so which ids are hashed does not matter.
    hashes = id_hashes([ids[i] for i in rows.tolist()], salted)
    order = np.lexsort((hashes, -values[rows]))
    chosen: np.ndarray = rows[order[:n]]
    return chosen
