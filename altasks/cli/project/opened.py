"""From what `altasks.toml` says to the pool, the task and the loop, each made when it is needed."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from altasks.cli.option_names import option_names
from altasks.cli.project.config import Config
from altasks.cli.project.request import request_of
from altasks.cli.rankers.base import CompareRequest, Ranker, project_options_of
from altasks.cli.rankers.find import find_ranker
from altasks.errors import (
    CommitteeError,
    InvalidInputError,
    StoreError,
    UnknownNameError,
    UnreadableSampleError,
)

if TYPE_CHECKING:
    from altasks.data import LabelledPool, Pool
    from altasks.loop import ActiveLoop
    from altasks.loop.base import Store

#: Options of the shell whose key in the file is not called like them.
_KEY_OF = {"--label-column": "label_columns", "--training-arg": "training", "--data": "pool"}
#: Errors that are made again with the file's words.
_PLAIN = (InvalidInputError, CommitteeError, UnknownNameError, StoreError)


@dataclass(frozen=True)
class Opened:
    """A project as its file describes it. The working folder is the file's.

    Args:
        config: the file.
    """

    config: Config

    @cached_property
    def ranker(self) -> Ranker:
        """What knows the task."""
        try:
            return find_ranker(self.config.task)
        except UnknownNameError as error:
            message = str(error).removeprefix("--task: expected ")
            raise UnknownNameError(
                f"task: expected {message} ({self.config.where('', 'task')})"
            ) from error

    @cached_property
    def request(self) -> CompareRequest:
        """The file as the options of `altasks compare`."""
        return request_of(self.config, project_options_of(self.ranker))

    @cached_property
    def data(self) -> LabelledPool:
        """The samples, with the classes, and the labels that the pool's own file has."""
        with self.named():
            return self._read()

    @property
    def pool(self) -> Pool:
        """The samples."""
        return self.data.pool

    def _read(self) -> LabelledPool:
        from altasks.data import LabelledPool, Pool

        path = self.request.pool
        if not path.exists():
            raise self.config.fault("pool", "an existing file or folder", repr(str(path)))
        classes = list(self.config.top.get("labels", ()))
        if self.request.format is not None:
            found = self.ranker.read_labelled(self.request, path)
            pool, classes = found.pool, classes or list(found.classes)
        else:
            pool = self.ranker.read_open(self.request)
        # A list of classes is how rankers see that a sample may have several.
        several: dict[str, Any] = {}
        if self.config.top.get("multi_label"):
            several = {pool.ids[0]: []}
        return LabelledPool(
            Pool(
                pool.ids,
                pool.at,
                positional=pool.positional,
                labels=several or pool.labels,
                in_memory=pool.in_memory,
                passed_over=pool.passed_over,
                concurrent=pool.concurrent,
            ),
            classes,
        )

    @cached_property
    def task(self) -> Any:
        """The task around its model."""
        if self.config.task in _OF_CLASSES and not self.data.classes:
            raise self.config.fault(
                "labels", 'the names of the classes, such as ["yes", "no"]', "none"
            )
        from altasks.cli.silence import silence_transformers

        silence_transformers()
        with self.named(otherwise="model"):
            return self.ranker.build_to_train(self.request, self.data)

    def open_loop(self, *, accept_changes: bool = False) -> ActiveLoop:
        """Return the loop: store, pool and task.

        Args:
            accept_changes: go on with other settings than the store was made with.
        """
        from altasks.loop import ActiveLoop

        ask = self.config.ask
        names = ("acquisition", "strategy", "cold_start")
        task, data = self.task, self.data
        with self.named():
            return ActiveLoop(
                task,
                data.pool,
                store=self.config.store,
                seed=int(self.config.top.get("seed", 0)),
                batch_size=self.request.samples_at_once,
                random_share=float(ask.get("random_share", 0.0)),
                accept_changes=accept_changes,
                **{name: ask[name] for name in names if name in ask},
            )

    def open_store(self) -> Store | None:
        """Return the store alone, without the model; None if there is none yet."""
        from altasks.loop.open_store import open_store

        url = self.config.store
        file = Path(url.removeprefix("sqlite:///")) if url.startswith("sqlite:///") else None
        if file is not None and not file.exists():
            return None
        with self.named():
            return open_store(url)

    def test_set(self) -> tuple[list[Any], list[Any]] | None:
        """Return samples and labels to measure on; None without any."""
        named = self.config.top.get("test")
        if named is None:
            return None
        path = Path(named)
        if not path.exists():
            raise self.config.fault("test", "an existing file or folder", repr(named))
        with self.named():
            found = self.ranker.read_labelled(self.request, path).pairs()
        if not found[0]:
            raise self.config.fault("test", "samples with labels", "none", hint=f"File: {named}.")
        return found

    @contextmanager
    def named(self, *, otherwise: str | None = None) -> Iterator[None]:
        """Raise errors with the file's keys for Python's arguments and the shell's options."""
        flags = {"--pool", "--model", "--id-column", "--label-column", "--format", "--seed"}
        flags |= {"--reader-option", "--training-arg", "--batch-size", "--device"}
        flags |= {"--acquisition", "--strategy"}
        own = {option.flag for option in project_options_of(self.ranker)}
        try:
            with option_names(flags | own):
                yield
        except UnreadableSampleError:
            raise
        except _PLAIN as error:
            message = self._in_words(str(error), flags, own, otherwise)
            if "accept_changes" in message:
                error.add_note("In the shell, that is `altasks ask --accept-changes`, once.")
            if type(error) not in _PLAIN or message == str(error):
                raise
            told = type(error)(message)
            for note in getattr(error, "__notes__", []):
                told.add_note(note)
            raise told from error

    def _in_words(self, message: str, flags: set[str], own: set[str], otherwise: str | None) -> str:
        found = re.match(r"(--[a-z\-]+|[a-z_]\w*): ", message)
        if found is None:
            return message
        said = found[1]
        key = _KEY_OF.get(said, said.removeprefix("--").replace("-", "_"))
        table = ""
        if said in own:
            table = "options"
        elif said == "--reader-option":
            table, key = "", "reader"
        elif key in ("stop", "budget"):
            table = "run"
        elif key in ("acquisition", "strategy", "cold_start", "random_share"):
            table = "ask"
        elif said not in flags and key not in self.config.top:
            if otherwise is None:
                return message
            return f"{otherwise}: {message} ({self.config.where('', otherwise)})"
        name = f"{table}.{key}" if table else key
        rest = message[found.end() :]
        return f"{name}: {rest} ({self.config.where(table, key)})"


#: Tasks that can't be built without the names of classes, unless the pool's format has them.
_OF_CLASSES = (
    "text-classification",
    "image-classification",
    "ner",
    "srl",
    "object-detection",
)
