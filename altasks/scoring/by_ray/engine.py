"""The engine: how many actors, with what, on which cluster."""

from __future__ import annotations

import contextlib
import logging
import math
import os
import re
import warnings
from collections.abc import Collection, Iterator, Mapping
from typing import Any

from tqdm.auto import tqdm

from altasks._internal.extras import require
from altasks._internal.numbers import require_whole
from altasks.errors import (
    AltasksError,
    ScoringInterruptedError,
    WorkerDiedError,
    invalid,
)
from altasks.scoring.by_ray.actor import ScoringActor, Work
from altasks.scoring.by_ray.collected import Collected
from altasks.scoring.by_ray.rows import Source, source_of
from altasks.scoring.order import WINDOW
from altasks.scoring.scores import Scores

#: Bytes of rows that travel together: a pool is not one block because it is small beside Ray's own
#: 128 MiB.
_BLOCK = 2**23
#: Settings of Ray Data for one scoring, and back: a death is an error, and bars are ours.
_SETTINGS = {
    "enable_progress_bars": False,
    "target_max_block_size": _BLOCK,
    "max_errored_blocks": 0,
    "max_consecutive_actor_init_deaths": 0,
    "raise_original_map_exception": True,
}


class RayEngine:
    """Scores by Ray Data: rows stream past actors, each of which holds the task.

    For pools that one machine reads or scores too slowly: Ray takes about 15 seconds to start, so
    that below some 100,000 samples one process is faster. Rows come back in any order and are
    joined by id. An actor that dies is not started again: it ends the scoring with an error that
    names it.

    Ray's statistics of use, which it would send over the network, are switched off in this process
    (`RAY_USAGE_STATS_ENABLED=0`); for a cluster that runs already, whoever started it decides.

    Args:
        actors: how many hold the task; None: as many as there are GPUs for, or processors.
        address: of a running cluster: `"auto"`, or `"ray://head:10001"`; None starts one on this
            machine, without a dashboard and reached from this machine alone, and ends it
            afterwards. A Ray that this process has started already is used as it is.
        num_cpus: processors for each actor, as Ray counts them.
        num_gpus: GPUs for each actor; 0.5 puts two on one.
        memory: bytes that Ray reserves for each actor; None: nothing.
        object_store_memory: bytes of shared memory of a cluster that is started here; None: Ray's
            choice, 30% of the machine.
        id_column: of a `.parquet` or `.jsonl` file given by its path; by default `id`.
        text_column: likewise, the column with the sample; by default `text`, or the whole row.

    Raises:
        InvalidInputError: for a number out of range.

    Example:
        >>> RayEngine(actors=4, num_gpus=1)
        RayEngine(actors=4, num_cpus=1, num_gpus=1)
    """

    def __init__(
        self,
        actors: int | None = None,
        *,
        address: str | None = None,
        num_cpus: float = 1,
        num_gpus: float = 0,
        memory: float | None = None,
        object_store_memory: int | None = None,
        id_column: str | None = None,
        text_column: str | None = None,
    ) -> None:
        if actors is not None:
            require_whole("actors", actors, 1)
        for name, value, least in (("num_cpus", num_cpus, 0), ("num_gpus", num_gpus, 0)):
            if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
                raise invalid(name, "a number of at least 0", repr(value))
        self.actors, self.address = actors, address
        self.num_cpus, self.num_gpus, self.memory = num_cpus, num_gpus, memory
        self.object_store_memory = object_store_memory
        self.id_column, self.text_column = id_column, text_column

    def __repr__(self) -> str:
        shown = {
            name: getattr(self, name)
            for name in ("actors", "address", "num_cpus", "num_gpus", "memory")
            if getattr(self, name) is not None
        }
        return f"RayEngine({', '.join(f'{name}={value!r}' for name, value in shown.items())})"

    def score(
        self,
        task: Any,
        pool: Any,
        acquisition: Any,
        *,
        batch_size: int,
        keep: Collection[str],
        keep_if_there: Collection[str],
        progress: bool | None,
        round: int,
        acquisition_options: Mapping[str, Any] | None,
        unreadable: str,
        calibration: Any,
        workers: int | None,
    ) -> Scores:
        """Return the scores of a pool; the arguments are those of `altasks.score`.

        Raises:
            WorkerDiedError: if an actor dies; its `partial` holds the scores until then.
            ScoringInterruptedError: on Ctrl-C, likewise.
            InvalidInputError: as `altasks.score`, and for a pool that only one process can read.
            UnreadableSampleError: as `altasks.score`.
        """
        options = {
            "batch_size": batch_size,
            "keep": tuple(keep),
            "keep_if_there": tuple(keep_if_there),
            "round": round,
            "acquisition_options": acquisition_options,
            "workers": workers,
        }
        with self._session() as (ray, actors):
            source = source_of(ray, pool, self.id_column, self.text_column, 2 * actors)
            work = Work(
                source.id_column,
                source.sample_column,
                source.opened,
                acquisition,
                calibration,
                options,
                source.wanted,
            )
            with warnings.catch_warnings():
                # Ray 2.60 has no named parameter for restarts, and says so; `pyproject.toml` keeps
                # below the version that takes this away.
                warnings.simplefilter("ignore")
                out = source.dataset.map_batches(
                    ScoringActor,
                    fn_constructor_kwargs={"task": ray.put(task), "work": ray.put(work)},
                    batch_size=batch_size * WINDOW,
                    batch_format="numpy",
                    compute=ray.data.ActorPoolStrategy(size=actors),
                    num_cpus=self.num_cpus,
                    num_gpus=self.num_gpus,
                    memory=self.memory,
                    max_restarts=0,
                    max_task_retries=0,
                )
            found = Collected(source.ids, source.id_of)
            self._gather(ray, out, found, source, progress)
            return found.whole(unreadable)

    def _gather(
        self, ray: Any, out: Any, found: Collected, source: Source, progress: bool | None
    ) -> None:
        """Collect what comes back, and end with what there is if that ends early."""
        bar = tqdm(
            total=None if source.ids is None else len(source.ids),
            desc="scoring (Ray)",
            unit="sample",
            disable=None if progress is None else not progress,
        )
        try:
            with bar:
                for block in out.iter_batches(batch_size=None, batch_format="numpy"):
                    bar.update(found.add(block))
        except KeyboardInterrupt as error:
            raise ScoringInterruptedError(
                f"Interrupted after {len(found)} samples; they are in `.partial`.", _partial(found)
            ) from error
        except ray.exceptions.RayError as error:
            own = _ours(error)
            if own is not None:
                raise own from error
            if not isinstance(error, ray.exceptions.RayTaskError):
                raise WorkerDiedError(_death(error, len(found)), _partial(found)) from error
            raise

    @contextlib.contextmanager
    def _session(self) -> Iterator[tuple[Any, int]]:
        """Give Ray, started if need be, and the number of actors."""
        os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
        ray: Any = require("ray", "ray", "engine='ray'")
        require("ray.data", "ray", "engine='ray'")
        started = not ray.is_initialized()
        if started and self.address is not None:
            ray.init(address=self.address, logging_level=logging.ERROR)
        elif started:
            self._start(ray)
        try:
            actors = self._fitting(ray)
            context = ray.data.DataContext.get_current()
            before = {name: getattr(context, name) for name in _SETTINGS}
            logger = logging.getLogger("ray.data")
            level = logger.level
            try:
                logger.setLevel(logging.CRITICAL)  # what it says, an error here says again
                for name, value in _SETTINGS.items():
                    setattr(context, name, value)
                yield ray, actors
            finally:
                logger.setLevel(level)
                for name, value in before.items():
                    setattr(context, name, value)
        finally:
            if started:
                ray.shutdown()

    def _start(self, ray: Any) -> None:
        """Start Ray on this machine; reading has a processor of its own, or it waits for actors."""
        count = os.cpu_count() or 1
        actors = self.actors or max(1, math.floor(count / (self.num_cpus or 1)))
        ray.init(
            address="local",
            num_cpus=max(count, math.ceil(actors * self.num_cpus)) + 1,
            include_dashboard=False,
            _node_ip_address="127.0.0.1",
            object_store_memory=self.object_store_memory,
            logging_level=logging.ERROR,
            log_to_driver=False,
        )

    def _fitting(self, ray: Any) -> int:
        """Return how many actors there are to be, and refuse what would wait for ever."""
        there = ray.cluster_resources()
        cpus, gpus = there.get("CPU", 0.0) - 1, there.get("GPU", 0.0)  # one reads
        wanted = self.actors
        if wanted is None:
            places = [gpus / self.num_gpus] if self.num_gpus else []
            places += [cpus / self.num_cpus] if self.num_cpus else []
            wanted = max(1, math.floor(min(places, default=1)))
        needs = (("num_gpus", self.num_gpus, gpus), ("num_cpus", self.num_cpus, cpus))
        for name, each, most in needs:
            if self.address is None and wanted * each > most:
                raise invalid(
                    name,
                    f"at most {most / wanted:.3g} for each of {wanted} actors, of the "
                    f"{most:g} there are for them",
                    f"{each:g}",
                    hint="Ray would wait for more to come.",
                )
        return wanted


def engine_of(engine: Any) -> RayEngine | Any:
    """Return the engine that is named or given.

    Raises:
        InvalidInputError: for something that is none.
    """
    if engine == "ray":
        return RayEngine()
    if callable(getattr(engine, "score", None)) and not isinstance(engine, type):
        return engine
    raise invalid("engine", "'ray', or an engine such as RayEngine(actors=4)", repr(engine))


def _partial(found: Collected) -> Scores | None:
    return found.scores() if len(found) else None


def _ours(error: BaseException | None) -> AltasksError | None:
    """Return the error of ours that Ray's is about, made again here."""
    seen: set[int] = set()
    while error is not None and id(error) not in seen:
        seen.add(id(error))
        if isinstance(error, AltasksError) and type(error).__module__.startswith("altasks."):
            return error
        error = getattr(error, "cause", None) or error.__cause__
    return None


def _death(error: BaseException, count: int) -> str:
    """Return which actor died, of what as far as Ray knows, and what there is."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    said = " ".join(lines)
    if "its creation task" in said:
        return (
            f"engine: an actor of Ray couldn't be made: {lines[-1]}. The task, or the function "
            "that makes it, has to work on every machine: modules installed, files in place."
        )
    said = said.partition(" Some common causes")[0]  # Ray's list of them, a paragraph
    found = {name: re.search(rf"\b{name}: (\S+)", said) for name in ("pid", "ip")}
    where = [f"{name} {one[1]}" for name, one in found.items() if one is not None]
    there = f"{count} samples had come back, which are in `.partial`" if count else "none was back"
    return (
        f"engine: an actor of Ray died ({', '.join(where) or 'on an unknown machine'}); {there}. "
        f"Too little memory is the usual cause: fewer actors, or a smaller batch_size. {said}"
    )
