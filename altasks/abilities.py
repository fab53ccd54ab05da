"""Optional abilities of a task, with one small protocol for each.

Scoring needs `Predictor` or `StreamingPredictor` and nothing else. Everything below is used where a
task has it, and each docstring says what it buys. A task declares an ability by having its
members; it may also inherit the protocol, so that type checkers hold it to the signatures.

`provides(task, Grouped)` asks whether a task has an ability.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeGuard, TypeVar, runtime_checkable

if TYPE_CHECKING:
    import numpy as np
    from torch import Tensor

    from altasks.predictions import Prediction

Ability = TypeVar("Ability")


def provides(thing: object, ability: Callable[..., Ability]) -> TypeGuard[Ability]:
    """Return whether a thing has every member of a protocol, none of them None.

    `isinstance` says the same of plain classes. This also sees what an object forwards to another
    by `__getattr__`, and doesn't see what a property says is not there by an `AttributeError` (an
    ensemble can be trained if its members can); Python 3.12 and later get both wrong.

    Args:
        thing: a task, committee, oracle or function.
        ability: one of the protocols of this module; any protocol will do.

    Example:
        >>> class Rows:
        ...     def group_key(self, sample):
        ...         return sample["page"]
        >>> provides(Rows(), Grouped), provides(Rows(), Sized)
        (True, False)
    """
    return all(getattr(thing, name, None) is not None for name in members_of(ability))


def members_of(ability: Callable[..., object]) -> frozenset[str]:
    """Return the names that a protocol declares, those it inherits from others included.

    Example:
        >>> sorted(members_of(Saves))
        ['load', 'save']
    """
    assert isinstance(ability, type)  # typed as mypy lets a protocol be passed
    return frozenset(
        name
        for base in ability.__mro__
        if getattr(base, "_is_protocol", False) and base is not Protocol
        for name in {**vars(base), **vars(base).get("__annotations__", {})}
        if not name.startswith("_")
    )


# Predicting.


@runtime_checkable
class Predictor(Protocol):
    """The least a task must be: `al.score` takes it, and a loop asks by its scores."""

    def predict(self, samples: Sequence[Any]) -> Prediction:
        """Return the committee's prediction of one batch."""
        ...


@runtime_checkable
class StreamingPredictor(Protocol):
    """A task whose samples are too big for one prediction a batch: memory stays one piece's."""

    def iter_predict(self, samples: Sequence[Any]) -> Iterator[tuple[int, Prediction]]:
        """Yield (index into `samples`, a prediction of some of its units)."""
        ...


@runtime_checkable
class StartsRounds(Protocol):
    """Draws at random: each round gets draws of its own, which a resumed run repeats."""

    def start_round(self, round: int) -> None:
        """Take the number of the round that random draws are for; scoring calls it first."""
        ...


@runtime_checkable
class DrawsByRound(Protocol):
    """Says whether another round draws something else; if not, no ask notes which it drew for."""

    @property
    def draws_by_round(self) -> bool:
        """Whether `start_round` changes what is predicted; also of a committee."""
        ...


@runtime_checkable
class JointDraws(Protocol):
    """Says whether draw k is one function over all samples; BatchBALD refuses what says no."""

    @property
    def joint_draws(self) -> bool:
        """Whether draw k is one function over all samples."""
        ...


@runtime_checkable
class Embeds(Protocol):
    """Strategies that need embeddings work, also of what is labelled and pending."""

    def embed(self, samples: Sequence[Any]) -> Tensor | np.ndarray:
        """Return `[n, d]` features of one batch, on the CPU."""
        ...


# Samples.


@runtime_checkable
class ChecksSamples(Protocol):
    """A sample that can't be used is refused by its id before any work is done."""

    def check_samples(self, samples: Sequence[Any]) -> None:
        """Raise `InvalidInputError` or `UnreadableSampleError`, its message or rows saying which.

        Called with up to 1,000 samples, and on an error with each alone, to find the one.
        """
        ...


@runtime_checkable
class OpensSamples(Protocol):
    """Samples are read and decoded on threads while the model computes, each once per scoring."""

    @property
    def workers(self) -> int:
        """How many threads open samples; 0 opens each in the caller's thread."""
        ...

    def open_sample(self, sample: Any) -> Any:
        """Return a sample read and decoded, small if it can be; or as it is, if it needs neither.

        `predict`, `iter_predict` and `embed` take it in place of the sample, with the same result.
        Called on several threads at once, as `size` and `group_key` then may be. Raises
        `UnreadableSampleError`.
        """
        ...


@runtime_checkable
class Sized(Protocol):
    """Batches are made of samples of about one size, the biggest first: less padding."""

    def size(self, sample: Any) -> int:
        """Return how big a sample is, at least 0, without running the model."""
        ...


@runtime_checkable
class UniformSize(Protocol):
    """Says whether all samples come to one size, so that no sample is read for its own."""

    @property
    def uniform_size(self) -> bool:
        """Whether `size` is the same for all samples."""
        ...


@runtime_checkable
class Grouped(Protocol):
    """Samples that are parts of one thing (regions of an image) share a batch and its one pass."""

    def group_key(self, sample: Any) -> Any:
        """Return what samples of one group have in common; None for a sample on its own."""
        ...


@runtime_checkable
class Costs(Protocol):
    """A loop can spend a budget in words, boxes or characters instead of samples."""

    def cost(self, sample: Any, prediction: Prediction | None = None) -> float:
        """Return what labelling the sample costs, above 0, in the task's unit."""
        ...


@runtime_checkable
class PredictsCosts(Protocol):
    """A budget counts what the model expects to be labelled, such as the boxes of an image."""

    def costs(self, samples: Sequence[Any]) -> Sequence[float]:
        """Return what labelling each sample of one batch costs, predicted by the model as it is."""
        ...


@runtime_checkable
class CountsLabels(Protocol):
    """A budget counts what was labelled, once it is, instead of what was expected."""

    def label_cost(self, label: Any) -> float:
        """Return what a label cost, above 0, in the unit of `cost`."""
        ...


# Labels and training.


@runtime_checkable
class ChecksLabels(Protocol):
    """`loop.tell` refuses a wrong label at once, not when the model is trained on it."""

    def check_label(self, label: Any) -> Any:
        """Return the label in the form the store keeps (JSON), or raise `InvalidInputError`.

        A task whose labels depend on their samples has a second parameter, `sample=None`, and is
        then given it.
        """
        ...


@runtime_checkable
class Trainable(Protocol):
    """A loop can train it; without, a loop scores by the model as it was given."""

    def fit(
        self,
        samples: Sequence[Any],
        labels: Sequence[Any],
        *,
        seed: int,
        weights: Sequence[float] | None = None,
        valid: tuple[Sequence[Any], Sequence[Any]] | None = None,
        unlabelled: Sequence[Any] | None = None,
    ) -> None:
        """Train on labelled samples, from the pretrained weights again by default."""
        ...


@runtime_checkable
class WarmStarts(Protocol):
    """Says whether a fit goes on from the last one, so that a resumed loop brings that back."""

    @property
    def warm_start(self) -> bool:
        """Whether `fit` goes on from the weights of the last one."""
        ...


@runtime_checkable
class StartsOver(Protocol):
    """A loop can repeat its first fits in a task that was trained already."""

    def start_over(self) -> None:
        """Forget all training: the next `fit` starts from the beginning."""
        ...


@runtime_checkable
class Loads(Protocol):
    """`altasks rank --model` works without a ranker of its own: the saved folder is loaded."""

    def load(self, directory: Path | str) -> None:
        """Read back, in place, what `save` wrote."""
        ...


@runtime_checkable
class Saves(Loads, Protocol):
    """A resumed loop reads the weights of its last fit instead of training again."""

    def save(self, directory: Path | str) -> None:
        """Write the trained weights (safetensors) and settings (JSON) into `directory`."""
        ...


@runtime_checkable
class KeepsFeatures(Protocol):
    """Keeps what the frozen part of its network makes; a loop gives it a place by its weights."""

    def keep_features_in(self, folder: Path) -> None:
        """Keep it in `folder` from now on; the folder need not exist, and may never be needed."""
        ...


@runtime_checkable
class Evaluates(Protocol):
    """`loop.evaluate`, `loop.run(test=...)` and targets."""

    def evaluate(self, samples: Sequence[Any], labels: Sequence[Any]) -> dict[str, float]:
        """Return the field's standard metrics."""
        ...


@runtime_checkable
class MainMetric(Protocol):
    """Names the metric that `al.compare` judges by; without, the first of `evaluate` counts."""

    @property
    def main_metric(self) -> str:
        """One of the names that `evaluate` reports."""
        ...


@runtime_checkable
class Measures(Protocol):
    """An ensemble is measured by its joint prediction instead of member by member."""

    def measure(self, prediction: Prediction, labels: Sequence[Any]) -> dict[str, float]:
        """Return the metrics of a prediction, as `evaluate` does of what it predicts itself."""
        ...


@runtime_checkable
class JoinsMembers(Protocol):
    """An ensemble of models that see different units (detectors) has them matched first."""

    def join(self, parts: Sequence[Prediction]) -> Prediction:
        """Return one prediction of K members from K predictions of the same samples."""
        ...


@runtime_checkable
class OrdersUnits(Protocol):
    """An ensemble of streaming tasks puts their pieces side by side, however long each is."""

    @property
    def unit_order(self) -> Any:
        """A value that fixes the order in which `iter_predict` gives the units of a sample.

        Members for which it is equal give them in the same order.
        """
        ...


@runtime_checkable
class NamesClasses(Protocol):
    """An ensemble refuses members that mean different classes by the same column."""

    @property
    def labels(self) -> Sequence[Any]:
        """The classes, in the order of the prediction's columns."""
        ...


@runtime_checkable
class TellsTargets(Protocol):
    """Its probabilities can be calibrated: it says which column is right for each unit."""

    def targets(
        self, samples: Sequence[Any], labels: Sequence[Any], prediction: Prediction
    ) -> Tensor | np.ndarray:
        """Return `[M]` columns, one for each unit of a prediction of these samples, -1 for unknown.

        For independent labels `[M, C]` of 0 and 1. Tasks with one unit a sample whose labels are
        names of `labels` (`NamesClasses`) needn't.
        """
        ...


@runtime_checkable
class StreamsTargets(Protocol):
    """The same for samples that are predicted in pieces: no prediction of a whole one is made."""

    def iter_targets(
        self, samples: Sequence[Any], labels: Sequence[Any]
    ) -> Iterator[tuple[int, Prediction, Tensor | np.ndarray]]:
        """Yield (index into samples, some units of it, their targets), each unit once."""
        ...


@runtime_checkable
class TellsObjects(Protocol):
    """Strategies that compare samples object by object (boxes) work: it gives each an embedding."""

    def objects(self, prediction: Prediction) -> Tensor | np.ndarray:
        """Return `[n, B, 2 + d]`: of each sample up to B objects, a row for each.

        A row has the number of the object's class, its score above 0, and its embedding; rows of
        score 0 are none. B and d are the same for all predictions of a task.
        """
        ...


@runtime_checkable
class MeasuresClasses(Protocol):
    """`DifficultyCalibrated` can weigh hard classes: it says how well it finds each."""

    def class_quality(self, samples: Sequence[Any], labels: Sequence[Any]) -> Sequence[float]:
        """Return a number from 0 to 1 for each class, measured on labelled samples."""
        ...


@runtime_checkable
class ReportsClassWeights(Protocol):
    """Functions with `class_weights=` can weigh rare classes by what has been labelled."""

    @property
    def class_weights(self) -> Sequence[float]:
        """A weight above 0 for each class, from the labels of the last fit."""
        ...


@runtime_checkable
class LeavesOut(Protocol):
    """Says which class of a mask means "not labelled", so that nothing is counted there."""

    @property
    def void(self) -> Any:
        """The value of unlabelled pixels."""
        ...


# For people.


@runtime_checkable
class Describes(Protocol):
    """Queries carry what the model predicts, for people to correct and for reports."""

    def describe(self, sample: Any, prediction: Prediction) -> Mapping[str, Any]:
        """Return, as JSON, what a person wants to see of one sample's prediction."""
        ...


@runtime_checkable
class DescribesMany(Protocol):
    """Describes samples that have no one prediction (streamed ones), or shares work among them."""

    def describe_many(self, samples: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        """Predict and describe each sample; the prediction is made inside."""
        ...


@runtime_checkable
class DrawsPictures(Protocol):
    """Contact sheets show the prediction on the sample instead of the sample alone."""

    def picture(self, sample: Any, description: Mapping[str, Any]) -> Any:
        """Return a PIL image of a sample with its description drawn on it."""
        ...


# Defaults.


@runtime_checkable
class DefaultAcquisition(Protocol):
    """Scoring and loops need no `acquisition=`."""

    @property
    def default_acquisition(self) -> str:
        """The name of the acquisition function used when none is named."""
        ...


@runtime_checkable
class DefaultStrategy(Protocol):
    """Loops use this strategy instead of `"top_k"` where none is named."""

    @property
    def default_strategy(self) -> str:
        """The name of the strategy used when none is named."""
        ...


@runtime_checkable
class DefaultColdStart(Protocol):
    """Loops make the first asks, before any fit, by this strategy instead of `"random"`."""

    @property
    def default_cold_start(self) -> str:
        """The name of the strategy used before the first fit when none is named."""
        ...


# Of committees, functions and oracles.


@runtime_checkable
class HasCommittee(Protocol):
    """Shows its committee, so that scoring sees whether that one `AveragesFeatures`."""

    @property
    def committee(self) -> Any:
        """The committee, or None."""
        ...


@runtime_checkable
class AveragesFeatures(Protocol):
    """A committee whose members each see features of their own: embeddings come from `embed`."""

    @property
    def averages_features(self) -> bool:
        """Whether the features of its draws are an average over members."""
        ...


@runtime_checkable
class StreamsItself(Protocol):
    """An acquisition function without unit scores to reduce: it folds streamed samples itself."""

    @property
    def streamed(self) -> Callable[..., Any]:
        """`streamed(n, **options)` returns an object with `add(index, prediction)`, `result()`."""
        ...


@runtime_checkable
class FitsToTask(Protocol):
    """A calibration, or an acquisition function, that is fitted anew to each model."""

    def fit_to(self, task: Any) -> Callable[[Prediction], Any]:
        """Return what calibrates, or scores, the predictions of the task as it is now."""
        ...


@runtime_checkable
class ReadsLabels(Protocol):
    """An acquisition function with options that say something of what is labelled."""

    @property
    def from_labels(self) -> Mapping[str, Callable[[Sequence[Any]], Any]]:
        """Option -> what makes its value of all labels; a loop fills those it wasn't given."""
        ...


@runtime_checkable
class CostsLabels(Protocol):
    """An oracle that knows what its labels cost: the rounds of a run say so."""

    def cost_of(self, labels: Mapping[str, Any]) -> float:
        """Return what these labels cost."""
        ...
