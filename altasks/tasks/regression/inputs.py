"""Rows of numbers and texts as the inputs of a regression: batches, and rows to train on."""

from __future__ import annotations

import numbers
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from altasks._internal.extras import require
from altasks._internal.frames import as_rows
from altasks._internal.names import did_you_mean
from altasks.errors import invalid
from altasks.tasks._shared.texts import Batch, TextEncoder, as_text, characters


@dataclass(frozen=True, eq=False)
class Scaling:
    """Means and standard deviations of columns; a standard deviation of 0 leaves a column out.

    Attributes:
        mean: `[F]`, float64.
        scale: `[F]`, float64, at least 0.
    """

    mean: np.ndarray
    scale: np.ndarray

    @classmethod
    def unit(cls, columns: int) -> Scaling:
        """Return the scaling that changes nothing."""
        return cls(np.zeros(columns), np.ones(columns))

    @classmethod
    def of(cls, values: np.ndarray) -> Scaling:
        """Return the means and population standard deviations of the columns of `[n, F]`.

        What differs only by rounding is constant: its standard deviation is 0.
        """
        mean = values.mean(0)
        scale = values.std(0)
        rounding = 1e-12 * np.abs(values).max(0)
        return cls(mean, np.where(scale > rounding, scale, 0.0))

    @classmethod
    def read(cls, kept: Mapping[str, Sequence[float]], columns: int | None = None) -> Scaling:
        """Return the scaling that `kept` wrote.

        Args:
            kept: its `mean` and `scale`.
            columns: how many there must be, if that is known.

        Raises:
            KeyError: if either is missing.
            ValueError: if they are no finite numbers, as many as columns.
        """
        mean, scale = (np.asarray(kept[name], np.float64) for name in ("mean", "scale"))
        wanted = (len(mean) if mean.ndim == 1 else -1) if columns is None else columns
        if mean.shape != (wanted,) or scale.shape != (wanted,):
            raise ValueError(f"means {mean.shape} and scales {scale.shape} of {wanted} columns")
        if not (np.isfinite(mean).all() and np.isfinite(scale).all() and (scale >= 0).all()):
            raise ValueError("means and scales that are no finite numbers")
        return cls(mean, scale)

    def kept(self) -> dict[str, list[float]]:
        """Return the scaling as JSON; no digit is lost."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist()}

    def apply(self, values: np.ndarray) -> np.ndarray:
        """Return `[n, F]` standardised."""
        inverse = np.divide(1.0, self.scale, out=np.zeros_like(self.scale), where=self.scale > 0)
        moved: np.ndarray = (values - self.mean) * inverse
        return moved


@dataclass(frozen=True, eq=False)
class RowBatch:
    """Rows ready for the model, and which rows of the request they are."""

    rows: list[int]
    inputs: dict[str, Tensor]  # "inputs": n x F


class TableReader:
    """Rows of numbers, checked, put into the order of the columns and standardised.

    Args:
        names: the columns to read of rows that are mappings; None: those of the first such row,
            in its order.
        width: how many there are, if it is known.
    """

    def __init__(self, names: Sequence[str] | None, width: int | None) -> None:
        self.names = None if names is None else list(names)
        self.width = width if names is None else len(names)
        self._chosen = names is not None
        self.scaling: Scaling | None = None

    def columns(self, sample: Any) -> int:
        """Return how many features a sample has."""
        names = _names_of(sample)
        if names is not None:
            return len(self.names or names)
        return self._row(sample, "row 0").size

    def read(self, samples: Sequence[Any]) -> np.ndarray:
        """Return the samples as float64 `[n, F]`.

        Raises:
            InvalidInputError: naming the first row that is no row of numbers, has another width or
                other columns, or a value that is missing or infinite.
        """
        if isinstance(samples, str):
            raise invalid("samples", "a list of rows", f"the text {samples[:80]!r}")
        samples = as_rows(samples)
        if len(samples) == 0:
            return np.empty((0, self.width or 0))
        plain = not any(_names_of(sample) is not None for sample in samples)
        values = _as_matrix(samples) if plain else None
        if values is None or values.shape[1] != (self.width or values.shape[1]):
            values = np.stack([self._row(one, f"row {i}") for i, one in enumerate(samples)])
        bad = ~np.isfinite(values)
        if bad.any():
            row, column = np.argwhere(bad)[0].tolist()
            found = "a missing value (NaN)" if np.isnan(values[row, column]) else "an infinite one"
            raise invalid(
                "samples",
                "finite numbers",
                found,
                where=f"row {row}, {self._column(column)}",
                hint="Fill it in, or leave the sample out.",
            )
        return values

    def _column(self, place: int) -> str:
        return f"column {place}" if self.names is None else f"column {self.names[place]!r}"

    def _row(self, sample: Any, where: str) -> np.ndarray:
        names = _names_of(sample)
        cells = _cells(sample, where) if names is None else self._named(sample, names, where)
        if self.width is None:
            self.width = len(cells)
        if len(cells) != self.width:
            raise invalid("samples", f"{self.width} features", f"{len(cells)}", where=where)
        values = np.empty(len(cells))
        for place, cell in enumerate(cells):
            if cell is None or cell is np.ma.masked:
                cell = float("nan")  # noqa: PLW2901 - how tables mark what is missing
            if not isinstance(cell, numbers.Real | np.bool_):
                raise invalid(
                    "samples",
                    "numbers",
                    f"{cell!r} ({type(cell).__name__})",
                    where=f"{where}, {self._column(place)}",
                    hint="Encode categories as numbers, or name the columns: features=[...].",
                )
            values[place] = float(cell)
        return values

    def _named(self, sample: Any, names: list[str], where: str) -> list[Any]:
        if self.names is None:
            if self.width is not None and len(names) != self.width:
                raise invalid("samples", f"{self.width} features", f"{len(names)}", where=where)
            self.names = names
        known = set(names)
        missing = [name for name in self.names if name not in known]
        more = [] if self._chosen else [name for name in names if name not in set(self.names)]
        if missing or more:
            found = f"no {missing[0]!r}" if missing else f"{more[0]!r} as well"
            raise invalid(
                "samples",
                f"the columns {', '.join(map(repr, self.names[:8]))}"
                + (", ..." if len(self.names) > 8 else ""),
                found,
                where=where,
                hint=did_you_mean(missing[0], map(str, names)) if missing else "",
            )
        cells = {str(name): cell for name, cell in sample.items()}  # names may be numbers
        if len(cells) != len(names):
            raise invalid("samples", "distinct column names", repr(names), where=where)
        return [cells[name] for name in self.names]

    # Hooks of Regression.

    def check(self, samples: Sequence[Any]) -> None:
        """Refuse what `read` would refuse."""
        self.read(samples)

    def learn(self, samples: Sequence[Any]) -> None:
        """Take means and standard deviations from these samples."""
        self.scaling = Scaling.of(self.read(samples))

    def _standard(self, samples: Sequence[Any]) -> Tensor:
        values = self.read(samples)
        scaling = self.scaling or Scaling.unit(values.shape[1])
        return torch.from_numpy(scaling.apply(values)).float()

    def rows(self, samples: Sequence[Any], targets: Sequence[Any]) -> list[dict[str, Any]]:
        """Return samples and targets as rows for a collator."""
        inputs = self._standard(samples)
        return [
            {"inputs": row, "labels": label} for row, label in zip(inputs, targets, strict=True)
        ]

    def batches(self, samples: Sequence[Any], batch_size: int) -> list[RowBatch]:
        """Return batches of rows, in order."""
        values = self._standard(samples)
        return [
            RowBatch(
                list(range(start, min(start + batch_size, len(values)))),
                {"inputs": values[start : start + batch_size]},
            )
            for start in range(0, len(values), batch_size)
        ]

    def collator(self) -> Any:
        """Return what stacks rows."""
        return _stack

    def size(self, sample: Any) -> int:
        """Return 1: rows are alike."""
        del sample
        return 1

    def show(self, sample: Any) -> dict[str, Any]:
        """Return a row as JSON."""
        values = self.read([sample])[0].tolist()
        return {"row": values if self.names is None else dict(zip(self.names, values, strict=True))}

    def meaning(self) -> dict[str, Any]:
        """Return what saved weights must agree on."""
        return {"features": self.width}

    def kept(self) -> dict[str, Any]:
        """Return what is kept beside the weights."""
        scaling = None if self.scaling is None else self.scaling.kept()
        return {"columns": self.names, "inputs": scaling}

    def require_columns(self, columns: Sequence[str] | None) -> None:
        """Refuse weights for other columns than the user named."""
        if self._chosen and columns not in (None, self.names):
            raise invalid("directory", f"weights for {self.names}", f"for {columns}")

    def check_kept(self, kept: Mapping[str, Any]) -> None:
        """Raise KeyError or ValueError unless `remember` can take this."""
        columns = kept["columns"]
        if columns is not None and len(columns) != self.width:
            raise ValueError(f"{len(columns)} columns of {self.width}")
        if kept["inputs"] is not None:
            Scaling.read(kept["inputs"], self.width)

    def remember(self, kept: Mapping[str, Any]) -> None:
        """Take back what `kept` gave."""
        self.require_columns(kept["columns"])
        self.names = self.names if kept["columns"] is None else list(kept["columns"])
        self.scaling = None if kept["inputs"] is None else Scaling.read(kept["inputs"])


class TextReader:
    """Texts, tokenised once and padded as little as possible."""

    def __init__(self, encoder: TextEncoder) -> None:
        self.encoder = encoder

    def check(self, samples: Sequence[Any]) -> None:
        """Refuse texts that are empty or too long."""
        self.encoder.check(samples)

    def learn(self, samples: Sequence[Any]) -> None:
        """Do nothing: texts have no scale."""

    def rows(self, samples: Sequence[Any], targets: Sequence[Any]) -> list[dict[str, Any]]:
        """Return samples and targets as rows for a collator."""
        encoded = self.encoder.encode(samples)
        return [{**tokens, "labels": label} for tokens, label in zip(encoded, targets, strict=True)]

    def batches(self, samples: Sequence[Any], batch_size: int) -> list[Batch]:
        """Return batches of texts of like length."""
        return self.encoder.batches(self.encoder.encode(samples), batch_size)

    def collator(self) -> Any:
        """Return what pads rows."""
        transformers = require("transformers", "text", "Training a Hugging Face model")
        return transformers.DataCollatorWithPadding(self.encoder.tokenizer)

    def size(self, sample: Any) -> int:
        """Return the number of characters."""
        return characters(as_text(sample, "one sample"))

    def show(self, sample: Any) -> dict[str, Any]:
        """Return a text as JSON."""
        text = as_text(sample, "one sample")
        return {"text": text if isinstance(text, str) else list(text)}

    def meaning(self) -> dict[str, Any]:
        """Return nothing: any text can be read."""
        return {}

    def kept(self) -> dict[str, Any]:
        """Return nothing: the tokenizer lies beside the weights."""
        return {}

    def check_kept(self, kept: Mapping[str, Any]) -> None:
        """Do nothing."""

    def remember(self, kept: Mapping[str, Any]) -> None:
        """Do nothing."""


def _names_of(sample: Any) -> list[str] | None:
    """Return the columns of a row that has names: a mapping, or a pandas Series."""
    if isinstance(sample, Mapping) or (hasattr(sample, "to_dict") and hasattr(sample, "index")):
        return [str(name) for name in sample.keys()]  # noqa: SIM118 - a Series iterates over values
    return None


def _cells(sample: Any, where: str) -> list[Any]:
    if isinstance(sample, Tensor):
        sample = sample.detach().cpu().numpy()
    if isinstance(sample, str | bytes) or not hasattr(sample, "__len__"):
        raise invalid(
            "samples",
            "rows of numbers (sequences, or mappings from column to number)",
            f"{sample!r} ({type(sample).__name__})",
            where=where,
        )
    return list(sample)


def _as_matrix(samples: Sequence[Any]) -> np.ndarray | None:
    """Return rows that are plainly numbers at once; None where a closer look is needed."""
    if isinstance(samples[0], Tensor | np.ma.MaskedArray):  # NumPy would read behind the mask
        return None
    try:
        values = np.asarray(samples)
    except ValueError:  # rows of different lengths
        return None
    if values.ndim != 2 or values.dtype.kind not in "fiub":
        return None
    return values.astype(np.float64)


def _stack(rows: Sequence[Mapping[str, Any]]) -> dict[str, Tensor]:
    stacked = {"inputs": torch.stack([row["inputs"] for row in rows])}
    if "labels" in rows[0]:
        stacked["labels"] = torch.tensor([row["labels"] for row in rows])
    return stacked
