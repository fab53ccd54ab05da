"""A query to be labelled, and the record of a round."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path
from typing import Any

from altasks.data.spreadsheets import data_frame, sample_fields, write_csv

#: The columns of a query as a table, beside those of its samples.
_FIRST = ("rank", "id", "score")
_LAST = ("predicted", "label")


@dataclass(frozen=True)
class Query:
    """Samples to be labelled, written to the store before anyone sees them.

    Args:
        ids: n ids, the most wanted first.
        samples: the samples themselves, in the same order.
        scores: what each was picked by; None for each where nothing was scored (random asks).
        round: which ask this was; the first is 1.
        descriptions: id -> what `task.describe` returned, JSON; empty before the first fit.
        note: what the user should know, such as that fewer samples were left than asked for.
        cost: what labelling all of it costs, where it was asked by cost; else None.
        over_budget: where it was asked by cost, the ids that cost more than all of that.
    """

    ids: list[str]
    samples: list[Any]
    scores: list[float | None]
    round: int
    descriptions: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    cost: float | None = None
    over_budget: list[str] = field(default_factory=list)

    def __repr__(self) -> str:
        """Return the round, how many there are and the first of them."""
        first = ", ".join(map(repr, self.ids[:3])) + (", ..." if len(self.ids) > 3 else "")
        cost = "" if self.cost is None else f", cost {self.cost:g}"
        return f"Query(round {self.round}: {len(self.ids)} samples{cost}: [{first}])"

    def __len__(self) -> int:
        """Return n."""
        return len(self.ids)

    def __iter__(self) -> Iterator[tuple[str, Any]]:
        """Yield (id, sample)."""
        return iter(zip(self.ids, self.samples, strict=True))

    def rows(self) -> list[dict[str, Any]]:
        """Return a row for each sample: its place, id, score, what shows it, and an empty label.

        `predicted` is what the description says under that name, if it says any. A sample's own
        fields come between; where one is called as a column here, the column counts.

        Example:
            >>> Query(["a"], ["some text"], [0.5], 1).rows()
            [{'rank': 1, 'id': 'a', 'score': 0.5, 'text': 'some text', 'label': None}]
        """
        rows = []
        for place, ((name, sample), score) in enumerate(zip(self, self.scores, strict=True), 1):
            own = sample_fields(sample)
            own = {key: value for key, value in own.items() if key not in (*_FIRST, *_LAST)}
            row: dict[str, Any] = {"rank": place, "id": name, "score": score, **own}
            described = self.descriptions.get(name)
            if isinstance(described, dict) and "predicted" in described:
                row["predicted"] = described["predicted"]
            rows.append({**row, "label": None})
        return rows

    def to_csv(self, path: str | PathLike[str]) -> Path:
        """Write the query for a spreadsheet, with an empty column for labels; return the path.

        A text that a spreadsheet would take for a formula (it begins with `=`, `+`, `-` or `@`)
        gets an apostrophe in front; `altasks tell` takes it off again, and so does
        `altasks.data.spreadsheets.plain_cell`. The file appears whole or not at all.
        """
        return write_csv(path, self.rows())

    def to_frame(self) -> Any:
        """Return the query as a pandas data frame, a row for each sample; see `rows`.

        `to_frame().to_parquet(path)` writes it for programs.

        Raises:
            MissingExtraError: if pandas is not installed.
        """
        return data_frame(self.rows(), (*_FIRST, "label"))


@dataclass(frozen=True)
class Round:
    """One completed round of `ActiveLoop.run`.

    Args:
        round: how many asks there had been; 0 for a fit on labels from before the first ask.
        ids: what was asked in this round.
        labelled: how many samples had a label when the model was fitted.
        metrics: of the test set; empty without one.
        seconds: labelling, fitting and evaluating, in this process.
        cost: what this round's labels cost, of an oracle that knows.
        unanswered: how many asked samples had no answer when the model was fitted.
        spent: in a run by cost: what all samples asked so far cost, by the loop's own costs.
        fit: the number of the fit that was evaluated; None in records of version 0.1.
    """

    round: int
    ids: list[str]
    labelled: int
    metrics: dict[str, float]
    seconds: float
    cost: float | None = None
    unanswered: int = 0
    spent: float | None = None
    fit: int | None = None
