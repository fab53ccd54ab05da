"""The conformance suite of readers: inherit it, supply fixtures, and know that yours behaves.

Example:
    A test module of a third party::

        class TestMyReader(ReaderSuite):
            @pytest.fixture
            def reader(self):
                return MyReader()

            @pytest.fixture
            def path(self, tmp_path):
                path = tmp_path / "data.mine"
                path.write_text(...)  # at least two samples, one with a label
                return path
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from altasks._internal.labels import check_label
from altasks.data import LabelledPool, Reader
from altasks.errors import AltasksError
from altasks.registry import TASKS


def _itself(sample: Any) -> Any:
    return sample


def contents(folder: Path) -> dict[str, bytes]:
    """Return every file below a folder and its bytes."""
    return {str(path): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class ReaderSuite:
    """Tests for every reader. Subclass it as `Test...`."""

    @pytest.fixture
    def reader(self) -> Reader:
        """Return the reader."""
        raise pytest.UsageError("ReaderSuite needs a fixture `reader`")

    @pytest.fixture
    def path(self) -> Path:
        """Return a file or folder that it reads, with at least two samples and one label."""
        raise pytest.UsageError("ReaderSuite needs a fixture `path`")

    @pytest.fixture
    def options(self) -> Mapping[str, Any]:
        """Return the options that `path` is read with; none unless overridden."""
        return {}

    @pytest.fixture
    def make_task(self) -> Callable[[], Any] | None:
        """Return a function that makes a task for these labels; None leaves them unchecked."""
        return None

    def test_it_is_a_reader(self, reader: Reader) -> None:
        """It says what it reads and for which registered tasks."""
        assert isinstance(reader, Reader)
        assert reader.reads
        assert "\n" not in reader.reads
        assert reader.tasks
        for name in reader.tasks:
            assert name in TASKS, f"no task is called {name!r}"

    def test_samples_have_distinct_ids_and_can_be_fetched(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """Ids are non-empty strings, each leads to its sample, in the order of positions."""
        data = reader.read(path, **options)
        assert isinstance(data, LabelledPool)
        ids = data.pool.ids
        assert len(ids) == len(data) >= 2
        assert all(isinstance(name, str) and name for name in ids)
        assert len(set(ids)) == len(ids)
        for place, name in enumerate(ids):
            assert data.pool[name] is not None
            assert data.pool.position(name) == place

    def test_labels_are_of_samples(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """Labelled and unlabelled samples are all of them, and classes are distinct strings."""
        data = reader.read(path, **options)
        assert data.pool.labels
        assert {*data.pool.labels} <= {*data.pool.ids}
        assert len(data.unlabelled) + len(data.pool.labels) == len(data)
        samples, labels = data.pairs()
        assert len(samples) == len(labels) == len(data.pool.labels)
        assert all(label is not None for label in labels)
        assert all(isinstance(name, str) and name for name in data.classes)

    def test_the_task_takes_its_labels(
        self,
        reader: Reader,
        path: Path,
        options: Mapping[str, Any],
        make_task: Callable[[], Any] | None,
    ) -> None:
        """The labels that are read pass the task's own check."""
        if make_task is None:
            pytest.skip("no task was given")
        task = make_task()
        for sample, label in zip(*reader.read(path, **options).pairs(), strict=True):
            check_label(task, label, partial(_itself, sample))

    def test_reading_again_gives_the_same(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """Same ids in the same order, same labels, same classes."""
        one, other = (reader.read(path, **options) for _ in range(2))
        assert one.pool.ids == other.pool.ids
        assert one.classes == other.classes
        assert repr(one.pool.labels) == repr(other.pool.labels)

    def test_a_path_may_be_a_string(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """As it comes from a shell or a configuration."""
        assert reader.read(str(path), **options).pool.ids == reader.read(path, **options).pool.ids

    def test_nothing_is_written(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """The file, and what lies beside it, stay as they are."""
        before = contents(path.parent)
        reader.read(path, **options)
        assert contents(path.parent) == before

    def test_what_is_not_there_is_named(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """A path without anything is an error that names it."""
        missing = path.with_name(f"missing{path.suffix}")
        with pytest.raises((AltasksError, FileNotFoundError), match="missing"):
            reader.read(missing, **options)

    def test_an_unknown_option_is_refused(
        self, reader: Reader, path: Path, options: Mapping[str, Any]
    ) -> None:
        """A misspelt option must not pass for its default."""
        with pytest.raises((AltasksError, TypeError), match="no_such_option"):
            reader.read(path, **{**options, "no_such_option": 1})
