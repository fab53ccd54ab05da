"""The conformance suite of rankers: inherit it, supply one fixture, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyRanker(RankerSuite):
            @pytest.fixture
            def arguments(self, tmp_path) -> list[str]:
                ...  # a small pool and a small model
                return ["--task", "my-task", "--model", str(model), "--pool", str(pool)]

The ranker has to be registered under the task's name, by an entry point or by
`altasks.registry.RANKERS.register`. It is run as the shell runs it.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

import altasks as al
from altasks.cli import app
from altasks.cli.compare import problem_of, read_data
from altasks.cli.compare_command import order_from
from altasks.cli.compare_options import SHARED as COMPARE_SHARED
from altasks.cli.partial import Partial
from altasks.cli.rank_command import request_of
from altasks.cli.rank_options import SHARED
from altasks.cli.rankers import Ranker, RankOption, RankRequest, find_ranker
from altasks.cli.rankers.base import compare_options_of
from altasks.scoring import Scores
from altasks.scoring.describe import describe_samples

#: Keys that every row has beside the fields of its sample.
_RESERVED = {"rank", "id", "score", "prediction", "check"}


class RankerSuite:
    """Tests for every ranker. Subclass it as `Test...`."""

    @pytest.fixture
    def arguments(self) -> Sequence[str]:
        """Return a command line for at least four samples, without `--out`."""
        raise pytest.UsageError("RankerSuite needs a fixture `arguments`")

    @pytest.fixture
    def labelled(self) -> Sequence[str] | None:
        """Return a command line of `altasks compare`, without `--out`; None leaves it untried.

        Of at least four labelled samples, and settings with which a fit takes no time.
        """
        return None

    @pytest.fixture
    def request_made(self, arguments: Sequence[str], tmp_path: Path) -> RankRequest:
        """Return the request of the command line."""
        return request_of([*arguments, "--out", str(tmp_path / "out" / "queue.jsonl")])

    @pytest.fixture
    def ranker(self, request_made: RankRequest) -> Ranker:
        """Return the ranker of the task."""
        return find_ranker(request_made.task)

    def run(self, arguments: Sequence[str], out: Path) -> list[dict[str, Any]]:
        """Return the rows that a command line writes; fail if it leaves with an error."""
        out.parent.mkdir(exist_ok=True)
        result = CliRunner().invoke(app, ["rank", *arguments, "--out", str(out)])
        assert result.exit_code == 0, result.output
        return [
            json.loads(line, parse_constant=_refuse)
            for line in out.read_text(encoding="utf-8").splitlines()
        ]

    def test_its_options_are_its_own(self, ranker: Ranker) -> None:
        """Each has a flag that no shared option has, and a sentence of help."""
        assert isinstance(ranker, Ranker)
        assert isinstance(ranker.options, tuple)
        flags = [option.flag for option in ranker.options]
        assert len(set(flags)) == len(flags)
        assert not set(flags) & {option.flag for option in SHARED}
        for option in ranker.options:
            assert isinstance(option, RankOption)
            assert option.flag.startswith("--")
            assert option.name.isidentifier()
            assert option.help.strip()

    def test_the_help_shows_its_options(self, ranker: Ranker, request_made: RankRequest) -> None:
        """`altasks rank --task NAME --help` lists them."""
        command = ["rank", "--task", request_made.task, "--help"]
        result = CliRunner().invoke(app, command, env={"COLUMNS": "200", "TERMINAL_WIDTH": "200"})
        assert result.exit_code == 0, result.output
        for option in ranker.options:
            assert option.flag in result.output

    def test_its_options_of_comparing_are_its_own(self, ranker: Ranker) -> None:
        """Each has a flag that no shared option of `altasks compare` has."""
        flags = [option.flag for option in compare_options_of(ranker)]
        assert len(set(flags)) == len(flags)
        assert not set(flags) & {option.flag for option in COMPARE_SHARED}

    def test_labelled_data_trains_its_task(
        self, labelled: Sequence[str] | None, tmp_path: Path
    ) -> None:
        """`altasks compare` reads labels that the task takes; it learns from them, from fresh."""
        if labelled is None:
            pytest.skip("no labelled data was given")
        order = order_from([*labelled, "--out", str(tmp_path / "compared")])
        data = read_data(order)
        samples, labels = data.pairs()
        assert len(samples) == len(data) >= 4
        problem = problem_of(order, data)
        task, other = problem.build(0), problem.build(0)
        assert task is not other
        with al.ActiveLoop(task, data.pool, progress=False) as loop:
            loop.tell(data.pool.labels)
            loop.fit()
            metrics = loop.evaluate((samples, labels))
        assert all(math.isfinite(value) for value in metrics.values())
        again = problem_of(order_from([*labelled, "--out", str(tmp_path / "compared")]))
        assert again.recipe() == problem.recipe()

    def test_a_labelled_sample_goes_into_a_file_and_back(
        self, labelled: Sequence[str] | None, tmp_path: Path
    ) -> None:
        """As JSON, with the label under one of the keys that `altasks tell` looks at."""
        if labelled is None:
            pytest.skip("no labelled data was given")
        order = order_from([*labelled, "--out", str(tmp_path / "compared")])
        ranker, data = find_ranker(order.request.task), read_data(order)
        name = next(iter(data.pool.labels))
        row = ranker.labelled_fields(data.pool[name], data.pool.labels[name])
        assert json.dumps(row, default=str)
        assert set(ranker.label_keys) & set(row), row

    def test_the_queue_is_what_python_gives(
        self, arguments: Sequence[str], request_made: RankRequest, ranker: Ranker, tmp_path: Path
    ) -> None:
        """Ids are the pool's, scores those of `al.score`; a second run writes the same bytes."""
        pool, task = ranker.read(request_made), ranker.build(request_made)
        function: Any = ranker.scorer(request_made, task) or request_made.acquisition
        scores = al.score(
            task, pool, function, batch_size=request_made.samples_at_once, progress=False
        )
        value_of = dict(zip(scores.ids, scores.values.tolist(), strict=True))
        rows = self.run(arguments, tmp_path / "out" / "one")
        assert [row["rank"] for row in rows] == list(range(1, len(rows) + 1))
        ids = [row["id"] for row in rows]
        assert len(set(ids)) == len(ids) == min(len(pool), request_made.number)
        for row in rows:
            assert math.isfinite(row["score"])
            assert row["score"] == pytest.approx(value_of[row["id"]], rel=1e-5, abs=1e-7)
            fields = ranker.fields(pool[row["id"]])
            assert not set(fields) & _RESERVED
            assert json.loads(json.dumps(fields)) == {name: row[name] for name in fields}
        self.run(arguments, tmp_path / "out" / "two")
        one, two = ((tmp_path / "out" / name).read_bytes() for name in ("one", "two"))
        assert one == two

    def test_a_queue_is_left_out_of_the_next(
        self, arguments: Sequence[str], tmp_path: Path
    ) -> None:
        """`--labelled` takes what was written before."""
        first = self.run([*arguments, "--number", "2"], tmp_path / "out" / "first.jsonl")
        labelled = ["--labelled", str(tmp_path / "out" / "first.jsonl"), "--number", "2"]
        after = self.run([*arguments, *labelled], tmp_path / "out" / "second.jsonl")
        assert len(first) == len(after) == 2
        assert not {row["id"] for row in first} & {row["id"] for row in after}

    def test_descriptions_give_classes_and_a_reason(
        self, request_made: RankRequest, ranker: Ranker
    ) -> None:
        """Both read what the task describes; a reason is one line."""
        pool, task = ranker.read(request_made), ranker.build(request_made)
        described = describe_samples(task, pool, pool.ids[:4], batch_size=2)
        for description in described.values():
            assert isinstance(description, Mapping)
            assert all(isinstance(name, str) for name in ranker.classes(description))
            reason = ranker.reason(description)
            assert isinstance(reason, str)
            assert "\n" not in reason

    def test_scores_of_an_interrupted_run_are_recognised(
        self, request_made: RankRequest, ranker: Ranker
    ) -> None:
        """The fields of a sample are the same at each reading, so its kept score still counts."""
        request_made.out.parent.mkdir()
        pool = ranker.read(request_made)
        scores = Scores(list(pool.ids), np.linspace(0, 1, len(pool)))
        Partial(request_made, ranker, "any").write(scores, pool)
        again = Partial(request_made, find_ranker(request_made.task), "any")
        found = again.read(ranker.read(request_made))
        assert found == dict(zip(scores.ids, scores.values.tolist(), strict=True))

    def test_a_pool_that_is_not_there_is_named(
        self, arguments: Sequence[str], tmp_path: Path
    ) -> None:
        """It is one message, and nothing is written."""
        nowhere, out = tmp_path / "no-such-pool", tmp_path / "queue.jsonl"
        command = ["rank", *arguments, "--pool", str(nowhere), "--out", str(out)]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 2, result.output
        assert nowhere.name in result.output
        assert not out.exists()


def _refuse(constant: str) -> None:
    raise AssertionError(f"{constant} is no JSON")
