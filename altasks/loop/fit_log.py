"""Fits that can be repeated: trained, saved, logged, loaded or done again."""

from __future__ import annotations

import hashlib
import platform
import sys
import uuid
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from altasks._internal.jsonable import dumps
from altasks._internal.random import derive_seed
from altasks._version import __version__
from altasks.abilities import Saves, StartsOver, WarmStarts, provides
from altasks.data import Pool
from altasks.errors import (
    InvalidInputError,
    LoopWarning,
    PoolMismatchError,
    StoreError,
    UnreadableSampleError,
)
from altasks.loop.base import LabelSnapshot, LoggedFit, State, Store
from altasks.loop.unreadable import by_id, read_samples, unreadable
from altasks.loop.weights_folder import WorkFolder

#: Advice where labelled samples are gone.
PUT_BACK = "They are labelled, and the labels are kept: put them back, then fit again."

#: Libraries whose version is logged where they are in use.
_LIBRARIES = ("torch", "numpy", "transformers", "accelerate", "ultralytics", "scikit-learn")


class FitLog:
    """Keeps a task at the last fit that the store has logged.

    Args:
        task: with `fit`; `save` and `load` are used where they exist and there is a folder.
        pool: the samples.
        store: whose labels are used, and where fits are logged.
        work: where weights go; None keeps none.
        seed: of the loop.
        progress: whether to report on stderr that a fit is repeated; None: if that is a terminal.
    """

    def __init__(
        self,
        task: Any,
        pool: Pool,
        store: Store,
        work: WorkFolder | None,
        seed: int,
        progress: bool | None = None,
    ) -> None:
        self.task = task
        self.pool = pool
        self.store = store
        self.work = work if provides(task, Saves) else None
        self.seed = seed
        self.progress = progress
        self.current = 0  # which logged fit the task holds; 0 for none
        self._misfit = 0  # the fit whose weights this task can't take
        self._tokens: set[str] = set()  # of the fits logged, as far as they are known

    def fit(self, state: State) -> LoggedFit:
        """Train on all labels so far, save, log."""
        labels = self.store.labels()
        ids, values, digest = self._ordered(labels)
        seed = derive_seed(self.seed, "fit", state.round)
        fit = LoggedFit(
            fit=0,
            round=state.round,
            seq=labels.seq,
            n_labels=len(values),
            labels_hash=digest,
            seed=seed,
            threads=torch.get_num_threads(),
            versions=_versions(),
            token=uuid.uuid4().hex,
        )
        if provides(self.task, WarmStarts) and self.task.warm_start:
            last = self.catch_up_with_store()  # it goes on from the last fit, whoever made that
            if last is None:
                self._start_over()  # an interrupted fit may have left it half-trained
        self.current = 0  # a failure half-way leaves the task as no logged fit
        self._train(ids, values, seed)
        if self.work is None:
            logged = self.store.log_fit(fit, lambda _: None)
        else:
            work, temporary = self.work, self.work.save(self.task, fit.token)
            logged = self.store.log_fit(
                fit, lambda number: work.publish(temporary, number, fit.token)
            )
            if not self._tokens:
                self._tokens.update(one.token for one in self.store.fits())
            self._tokens.add(logged.token)
            work.prune(logged.fit, self._tokens)
        self.current = logged.fit
        return logged

    def load_saved(self, last: LoggedFit | None) -> None:
        """Load the weights of the last fit if they are there; nothing is trained."""
        if last is not None and self.current != last.fit:
            self._load(last)

    def catch_up_with_store(self) -> LoggedFit | None:
        """Bring the task to the last fit in the store, and return that."""
        while True:
            last = self.store.state().last_fit
            if self.catch_up(last):
                return last

    def catch_up(self, last: LoggedFit | None) -> bool:
        """Bring the task to the last logged fit: load its weights, or repeat it from the log.

        False, doing nothing, if another process has logged a newer fit, and may have removed the
        weights of this one.
        """
        if last is None or self.current == last.fit:
            return True
        if self._load(last):
            return True
        newest = self.store.state().last_fit
        if newest is not None and newest.fit != last.fit:
            return False
        # A warm start goes on from the weights before it, so those are needed first.
        chain = [last]
        if provides(self.task, WarmStarts) and self.task.warm_start:
            for earlier in reversed([fit for fit in self.store.fits() if fit.fit < last.fit]):
                if self._load(earlier):
                    break
                chain.insert(0, earlier)
            else:
                self._start_over()
        for fit in chain:
            self._repeat(fit)
        return True

    def _start_over(self) -> None:
        if provides(self.task, StartsOver):
            self.task.start_over()

    def _load(self, fit: LoggedFit) -> bool:
        if self.work is None or self._misfit == fit.fit:
            return False
        folder = self.work.complete(fit)
        if folder is None:
            return False
        self.current = 0  # a failure half-way leaves the task as no logged fit
        try:
            self.task.load(folder)
        except Exception as error:
            if self.work.complete(fit) is None:  # another process has pruned it since
                return False
            if not isinstance(error, InvalidInputError):
                raise
            self._misfit = fit.fit
            warnings.warn(
                f"The weights of fit {fit.fit} can't be used by the task as it is now: {error} "
                "It will be trained again on the labels of that fit before they are needed; "
                "fit() trains it on all labels.",
                LoopWarning,
                stacklevel=4,
            )
            return False
        self.current = fit.fit
        return True

    def _repeat(self, fit: LoggedFit) -> None:
        ids, values, digest = self._ordered(self.store.labels(upto=fit.seq))
        if digest != fit.labels_hash:
            raise StoreError(
                f"store {self.store.name}: fit {fit.fit} used {fit.n_labels} labels, and its log "
                f"now gives other ones ({len(values)}). The store was changed by something else "
                "than altasks; call fit() to train on the labels as they are."
            )
        now = _versions()
        moved = [
            f"{name} {was} is now {now.get(name, 'absent')}"
            for name, was in fit.versions.items()
            if now.get(name) != was and name in ("torch", "transformers", "ultralytics")
        ]
        if moved:
            warnings.warn(
                f"Fit {fit.fit} is repeated from the log with other versions than it had "
                f"({'; '.join(moved)}): the weights, and so later asks, may differ.",
                LoopWarning,
                stacklevel=4,
            )
        self._report(
            f"altasks: fit {fit.fit} is trained again from its log ({fit.n_labels} labels)"
        )
        self.current = 0
        with _threads(fit.threads):
            self._train(ids, values, fit.seed)
        self.current = fit.fit
        if self.work is not None:
            # The same fit again, under the number it has: nothing to log.
            self.work.publish(self.work.save(self.task, fit.token), fit.fit, fit.token)
            self._misfit = 0

    def _report(self, line: str) -> None:
        if sys.stderr.isatty() if self.progress is None else self.progress:
            sys.stderr.write(f"{line}\n")

    def _train(self, ids: list[str], values: list[Any], seed: int) -> None:
        if self.work is not None:
            self.work.require_writable()
        samples = read_samples(self.pool, ids, then=PUT_BACK)
        try:
            self.task.fit(samples, values, seed=seed)
        except UnreadableSampleError as error:
            if found := by_id(error, ids):
                raise unreadable(error, found, PUT_BACK) from error
            raise

    def _ordered(self, labels: LabelSnapshot) -> tuple[list[str], list[Any], str]:
        """Return ids and labels in the pool's order: that of the events doesn't matter.

        Also the hash of them.
        """
        if not labels.values:
            raise InvalidInputError(
                "labels: expected at least one label, found none. Give some with tell() first."
            )
        ids = [name for name in self.pool.ids if name in labels.values]
        if len(ids) != len(labels.values):
            lost = next(name for name in labels.values if name not in self.pool)
            raise PoolMismatchError(
                f"pool: the store {self.store.name} has a label of {lost!r}, which is not in this "
                "pool. Another process has labelled it in a bigger one; open the loop with that."
            )
        values = [labels.values[name] for name in ids]
        digest = hashlib.blake2b(dumps([ids, values]).encode(), digest_size=16).hexdigest()
        return ids, values, digest


def _versions() -> dict[str, str]:
    found = {"altasks": __version__, "python": platform.python_version()}
    for name in _LIBRARIES:
        if name in sys.modules or (name == "scikit-learn" and "sklearn" in sys.modules):
            try:
                found[name] = version(name)
            except PackageNotFoundError:  # run from a checkout
                found[name] = str(getattr(sys.modules[name], "__version__", "unknown"))
    return found


@contextmanager
def _threads(wanted: int) -> Iterator[None]:
    """Use as many threads as the first time: sums in another order end in other weights."""
    before = torch.get_num_threads()
    if before == wanted:
        yield
        return
    torch.set_num_threads(wanted)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def check_test(test: Any) -> tuple[Any, Any]:
    """Return the samples and labels of a test set.

    Raises:
        InvalidInputError: if it isn't a pair of equal lengths.
    """
    if isinstance(test, Mapping) or not isinstance(test, tuple | list) or len(test) != 2:
        raise InvalidInputError(
            f"test: expected a pair (samples, labels), found {type(test).__name__}."
        )
    samples, labels = test
    if len(samples) != len(labels) or not len(samples):
        raise InvalidInputError(
            "test: expected as many samples as labels and at least one, found "
            f"{len(samples)} and {len(labels)}."
        )
    return samples, labels
