"""A set of samples that the picks should suit, for strategies that want one: `--target`."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from altasks.abilities import NamesClasses, provides
from altasks.cli.labelled import read_samples
from altasks.errors import InvalidInputError, invalid

if TYPE_CHECKING:
    from altasks.cli.rankers.base import Ranker, RankRequest
    from altasks.data import Pool

#: What strategies call it that take one.
ARGUMENT = "target"


def takes_target(made_by: Any) -> bool:
    """Return whether a strategy can't be made without a target.

    Example:
        >>> from altasks.strategies import FisherMatching, TopK
        >>> takes_target(FisherMatching), takes_target(TopK)
        (True, False)
    """
    try:
        parameter = inspect.signature(made_by).parameters.get(ARGUMENT)
    except (TypeError, ValueError):  # written in C
        return False
    return parameter is not None and parameter.default is parameter.empty


class TargetFile:
    """The samples of `--target` as a strategy reads them: predicted when it asks.

    Args:
        path: a file or folder, read as `--pool` is; with labels, if there are any.
        batch_size: samples per call of the task.

    Attributes:
        task: predicts; set once it is built.
        used: whether a strategy has taken it.
    """

    def __init__(self, path: Path, batch_size: int) -> None:
        self.path, self.batch_size = path, batch_size
        self.task: Any = None
        self.used = False
        self._pool: Pool | None = None

    def read(self, request: RankRequest, ranker: Ranker) -> None:
        """Read the samples, before the model is loaded.

        Raises:
            InvalidInputError: for a file or folder that can't be read.
        """
        if not self.path.exists():
            raise invalid("--target", "an existing file or folder", repr(str(self.path)))
        self._pool = read_samples(self.path, request, ranker)
        if self._pool is None:
            raise invalid(
                "--target",
                "samples, in a file or folder such as --pool is, with or without labels",
                "none that could be read",
                where=str(self.path),
            )

    def __call__(self) -> tuple[Any, ...]:
        """Return embeddings, mean probabilities and, if they are known, the labels' columns."""
        from altasks.scoring import score

        assert self._pool is not None
        scores = score(
            self.task,
            self._pool,
            _unscored,
            batch_size=self.batch_size,
            keep=("embeddings", "mean_probs"),
            progress=False,
        )
        found = scores.embeddings, scores.mean_probs
        labels = getattr(self._pool, "labels", None) or {}
        if not labels:
            return found
        return (*found, self._columns(labels, scores.ids))

    def _columns(self, labels: Any, ids: list[str]) -> Tensor:
        if not provides(self.task, NamesClasses):
            raise InvalidInputError(
                f"task: {type(self.task).__name__} doesn't name its classes (labels), so that the "
                f"labels in {self.path} mean nothing. Leave them out of that file."
            )
        place: dict[Any, int] = {}
        for column, name in enumerate(self.task.labels):
            place[name] = place[str(name)] = column
        columns = []
        for name in ids:
            label = labels.get(name)
            if not isinstance(label, str | int) or label not in place:
                known = ", ".join(repr(one) for one in list(self.task.labels)[:10])
                raise invalid(
                    "--target",
                    f"a label of the model in every row or in none, one of {known}",
                    f"{label!r}",
                    where=f"{self.path}, id {name!r}",
                )
            columns.append(place[label])
        return torch.tensor(columns)


def _unscored(prediction: Any) -> Tensor:
    """Return 0 for each sample: only what is kept beside the scores is wanted."""
    return torch.zeros(len(prediction))
