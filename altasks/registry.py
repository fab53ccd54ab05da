"""Names to things: acquisition functions, strategies, tasks and oracles.

Configuration files, the shell and third-party packages all reach the same objects by name. A
third party adds its own through an entry point in the group `altasks.<kind>`; nothing is imported
until it is asked for.
"""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterator
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from altasks.errors import InvalidInputError, UnknownNameError


class Registry:
    """A table from a name to an object, given directly, as `"module:attribute"`, or installed.

    Args:
        kind: what is registered, in the singular, for messages: `"acquisition function"`.
        group: the entry-point group that third parties fill: `"altasks.acquisitions"`.
        builtin: name to `"module:attribute"`; imported at first use.
    """

    def __init__(self, kind: str, group: str, builtin: dict[str, str]) -> None:
        self.kind = kind
        self.group = group
        self._targets: dict[str, Any] = dict(builtin)

    def _installed(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def names(self) -> list[str]:
        """Return every known name, sorted; imports nothing."""
        return sorted({*self._targets, *self._installed()})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def register(self, name: str, thing: Any) -> None:
        """Make `thing` known under `name` in this process.

        Raises:
            InvalidInputError: if the name is taken by something else.
        """
        taken = self._targets.get(name)
        if name in self._installed() or (taken is not None and taken is not thing):
            raise InvalidInputError(f"name: a {self.kind} called {name!r} is already registered.")
        self._targets[name] = thing

    def get(self, name: str) -> Any:
        """Return what is registered under `name`.

        Raises:
            UnknownNameError: listing the closest names and all that exist; or if the package that
                brought the name can't be loaded.
        """
        if name in self._targets:
            target = self._targets[name]
            if isinstance(target, str):
                module, _, attribute = target.partition(":")
                target = getattr(importlib.import_module(module), attribute)
                self._targets[name] = target
            return target
        installed = self._installed()
        if name in installed:
            return self._load(installed[name])
        close = difflib.get_close_matches(str(name), self.names(), n=1)
        hint = f" Did you mean {close[0]!r}?" if close else ""
        raise UnknownNameError(
            f"No {self.kind} is called {name!r}.{hint} Known: {', '.join(self.names())}."
            f" Add your own under the entry-point group {self.group!r}."
        )

    def _load(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:  # another's module may raise anything when it is imported
            owner = f"the package {point.dist.name!r}" if point.dist else "an installed package"
            raise UnknownNameError(
                f"The {self.kind} {point.name!r} of {owner} can't be loaded from {point.value!r}: "
                f"{type(error).__name__}: {error}."
            ) from error


ACQUISITIONS = Registry(
    "acquisition function",
    "altasks.acquisitions",
    {
        name: f"altasks.acquisition:{name}"
        for name in (
            "bald",
            "box_disagreement",
            "by_span",
            "consensus_kl",
            "dice_disagreement",
            "edit_disagreement",
            "entropy",
            "epistemic_variance",
            "expected_gradient_length",
            "least_confidence",
            "margin",
            "mnlp",
            "near_boundary",
            "sequence_variation_ratio",
            "variance",
            "variation_ratio",
            "vote_entropy",
        )
    },
)

STRATEGIES = Registry(
    "strategy",
    "altasks.strategies",
    {
        "top_k": "altasks.strategies:TopK",
        "random": "altasks.strategies:Random",
        "power": "altasks.strategies:Power",
        "facility_location": "altasks.strategies:FacilityLocation",
        "k_dpp": "altasks.strategies:KDPP",
        "max_det": "altasks.strategies:MaxDet",
        "lcmd": "altasks.strategies:LCMD",
        "batch_bald": "altasks.strategies:BatchBALD",
        "badge_regression": "altasks.strategies:BadgeRegression",
        "badge": "altasks.strategies:Badge",
        "balanced": "altasks.strategies:Balanced",
        "cluster_margin": "altasks.strategies:ClusterMargin",
        "density_weighted": "altasks.strategies:DensityWeighted",
        "epsilon_greedy": "altasks.strategies:EpsilonGreedy",
        "expected_error_reduction": "altasks.strategies:ExpectedErrorReduction",
        "fisher_matching": "altasks.strategies:FisherMatching",
        "hybrid": "altasks.strategies:Hybrid",
        "prob_cover": "altasks.strategies:ProbCover",
        "soft_rank": "altasks.strategies:SoftRank",
        "softmax": "altasks.strategies:Softmax",
        "subsampled": "altasks.strategies:Subsampled",
        "typiclust": "altasks.strategies:TypiClust",
        "variance_reduction": "altasks.strategies:VarianceReduction",
        "k_center": "altasks.strategies:KCenter",
    },
)

TASKS = Registry(
    "task",
    "altasks.tasks",
    {
        "image-classification": "altasks.tasks.image_classification:ImageClassification",
        "ner": "altasks.tasks.ner:NER",
        "object-detection": "altasks.tasks.object_detection:ObjectDetection",
        "ocr": "altasks.tasks.ocr:OCR",
        "regression": "altasks.tasks.regression:Regression",
        "segmentation": "altasks.tasks.segmentation:Segmentation",
        "srl": "altasks.tasks.srl:SRL",
        "text-classification": "altasks.tasks.text_classification:TextClassification",
    },
)

ORACLES = Registry("oracle", "altasks.oracles", {"simulated": "altasks.oracles:Simulated"})


def get_acquisition(name: str) -> Any:
    """Return the acquisition function called `name`, such as `"bald"`.

    Example:
        >>> get_acquisition("bald").__name__
        'bald'
    """
    return ACQUISITIONS.get(name)


def get_strategy(name: str) -> Any:
    """Return the strategy class called `name`, such as `"top_k"`."""
    return STRATEGIES.get(name)


def get_task(name: str) -> Any:
    """Return the task class called `name`, such as `"text-classification"`."""
    return TASKS.get(name)


def get_oracle(name: str) -> Any:
    """Return the oracle class called `name`, such as `"simulated"`."""
    return ORACLES.get(name)
