"""Whether each arm can ask from the task at all: tried before the first run, not in the middle."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

from altasks.abilities import Predictor, StreamingPredictor, provides
from altasks.comparison.arms import Arm
from altasks.comparison.problem import Problem
from altasks.errors import AltasksError, CommitteeError, InvalidInputError, UnreadableSampleError
from altasks.loop import ActiveLoop
from altasks.loop.base import State
from altasks.loop.costs import Costs
from altasks.loop.selection import AskRequest, Selector
from altasks.strategies.fitting import never_there, strategies_line

#: How many samples an arm is tried on.
FEW = 4
_NOTHING = State(0, 0, 0, {}, frozenset(), frozenset(), None, -1)


def try_arms(problem: Problem, arms: Sequence[Arm], seed: int) -> None:
    """Refuse an arm whose strategy or function can't work on the task.

    The task is built once for each committee. A few samples are predicted, scored and picked from
    by the model as it is; a task that predicts nothing before it was trained is tried no further
    than what it has: embeddings, objects, probabilities of whole samples.

    Args:
        problem: data and task.
        arms: those with runs to do.
        seed: of a run.

    Raises:
        InvalidInputError: naming the arm and what is wrong, and the strategies that can work.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the model isn't trained yet, for one
        _try_all(problem, arms, seed)


def _try_all(problem: Problem, arms: Sequence[Arm], seed: int) -> None:
    built: dict[int, Any] = {}
    split = problem.split(seed)
    pool = split.pool.subset(split.pool.ids[:FEW])
    labels = {name: split.labels[name] for name in pool.ids}
    for arm in arms:
        which = id(arm.committee)
        if which not in built:
            task = problem.build(seed, arm.committee)
            built[which] = task, _predicts(task, pool, arm)
        task, predicts = built[which]
        with ActiveLoop(
            task, pool, seed=seed, progress=False, costs=problem.costs, **arm.loop_settings()
        ) as loop:
            lacking = loop.strategy.needs & never_there(task)
            if lacking:
                what = " and ".join(sorted(name.replace("_", " ") for name in lacking))
                hint = strategies_line(never_there(task) | lacking)
                raise _refused(arm, f"it needs {what}, which the task doesn't have. {hint}")
            if predicts:
                _try(arm, loop, labels, problem)


def _predicts(task: Any, pool: Any, arm: Arm) -> bool:
    """Return whether the task predicts before it is trained; raises what a committee says."""
    samples = [pool[name] for name in pool.ids]
    try:
        if provides(task, StreamingPredictor):
            next(iter(task.iter_predict(samples)), None)
        elif provides(task, Predictor):
            task.predict(samples)
        else:
            return False
    except CommitteeError as error:
        raise _refused(arm, str(error)) from error
    except Exception:  # some must be trained first; what else is wrong, the run says
        return False
    return True


def _try(arm: Arm, loop: ActiveLoop, labels: dict[str, Any], problem: Problem) -> None:
    """Ask one sample, as a round after a fit does."""
    selector = Selector(
        loop.task, loop.pool, loop.strategy, loop.acquisition, arm.acquisition_options or None,
        loop.seed, problem.batch_size, progress=False,
    ).with_labels(lambda: labels)  # fmt: skip
    ids = list(loop.pool.ids)
    try:
        scores = selector.score(ids, 0) if selector.reads_scores else None
        costs: dict[str, float] = {}
        if "costs" in loop.strategy.needs:
            found = Costs(loop.task, loop.pool, problem.costs, problem.batch_size).of(ids)
            costs = dict(zip(ids, map(float, found), strict=True))
        selector.pick(ids, AskRequest(1), (0, 0), _NOTHING, scores, costs)
    except UnreadableSampleError:
        return  # the run names it, and goes on
    except AltasksError as error:
        raise _refused(arm, str(error)) from error
    except Exception:  # somebody's own function or strategy: the run shows where
        return


def _refused(arm: Arm, why: str) -> InvalidInputError:
    return InvalidInputError(f"arms: {arm.name!r} can't ask from this task: {why}")
