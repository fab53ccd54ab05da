"""Side by side: the predictions of several members about the same samples as one prediction."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch

from altasks.errors import CommitteeError, invalid
from altasks.predictions import (
    Bernoulli,
    Categorical,
    Normal,
    Prediction,
    Ragged,
    Transcripts,
)


def join_members(parts: Sequence[Prediction]) -> Prediction:
    """Return one prediction whose committee is all members of all `parts`, in order.

    Features are dropped: each part has its own, and there is no one input to a last layer.

    Raises:
        InvalidInputError: if the parts differ in kind, in samples, or in classes.
        CommitteeError: if they differ in what the units of a sample are.

    Example:
        >>> one = Categorical([[0.5, 0.5]])
        >>> join_members([one, one]).members
        2
    """
    if not parts:
        raise invalid("parts", "at least one prediction", "none")
    first = parts[0]
    for k, part in enumerate(parts):
        if type(part) is not type(first) or len(part) != len(first):
            raise invalid(
                "members",
                f"predictions like member 0's, {first!r}",
                repr(part),
                where=f"member {k}",
            )
    if isinstance(first, Categorical):
        return Categorical(_side_by_side(parts, "probs"))
    if isinstance(first, Bernoulli):
        return Bernoulli(_side_by_side(parts, "probs"))
    if isinstance(first, Normal):
        means = _side_by_side(parts, "mean")
        return Normal(means, _side_by_side(parts, "variance"), _one_scale(parts))
    if isinstance(first, Transcripts):
        return _transcripts(parts)
    return _ragged(parts)


def _side_by_side(parts: Sequence[Any], name: str) -> torch.Tensor:
    tensors = [getattr(part, name) for part in parts]
    for k, tensor in enumerate(tensors):
        if tensor.shape[2:] != tensors[0].shape[2:]:
            raise invalid(
                "members",
                f"{tensors[0].shape[-1]} columns as in member 0",
                f"{tensor.shape[-1]}",
                where=f"member {k}",
            )
    return torch.cat([tensor.to(tensors[0].device) for tensor in tensors], 1)  # n x K x C


def _one_scale(parts: Sequence[Any]) -> torch.Tensor | None:
    """Return the scale that the members share: theirs, or its average where it differs.

    Members that were trained on different labels standardise differently.
    """
    scales = [part.scale for part in parts]
    if any(scale is None for scale in scales):
        return None
    if all(torch.equal(scale, scales[0].to(scale.device)) for scale in scales[1:]):
        return torch.as_tensor(scales[0])
    return torch.stack([scale.to(scales[0].device) for scale in scales]).mean(0)


def _transcripts(parts: Sequence[Any]) -> Transcripts:
    texts = [[text for part in parts for text in part.texts[row]] for row in range(len(parts[0]))]
    known = [part.log_probs for part in parts]
    if any(values is None for values in known):
        return Transcripts(texts)
    return Transcripts(texts, torch.cat(known, 1))


def _ragged(parts: Sequence[Any]) -> Prediction:
    first: Ragged = parts[0]
    for k, part in enumerate(parts):
        if not torch.equal(torch.as_tensor(part.lengths), torch.as_tensor(first.lengths)):
            raise CommitteeError(
                f"Member {k} sees other units in the samples than member 0 (other lengths), so "
                "they can't be put side by side; match the units of the members first."
            )
    units = join_members([part.units for part in parts])
    return Ragged(units, first.lengths, join_fields([part.fields for part in parts]))


def join_fields(parts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Return the units' fields of several members as one set.

    A field of truth values (near a boundary of the predicted classes) is true where it is for any
    member; of another the first member's values are taken. Fields that some lack are left out.
    """
    joined = {}
    for name, first in parts[0].items():
        if not all(name in part for part in parts):
            continue
        joined[name] = first
        if isinstance(first, torch.Tensor) and first.dtype == torch.bool:
            values = [torch.as_tensor(part[name]).to(first.device) for part in parts]
            joined[name] = torch.stack(values).any(0)
    return joined
