"""Names to things: one registry for each kind of plugin, built in or installed.

Configuration files, the shell and third-party packages all reach the same objects by name. A
third party adds its own through an entry point in the group `altasks.<kind>`; nothing is imported
until it is asked for. The built-in names below are also what `altasks` and its packages export:
a new acquisition function, strategy, committee, oracle or task is its file and a line here.
(`python -m altasks._internal.stubs` then tells type checkers.)
"""

from __future__ import annotations

import importlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, NamedTuple

from altasks._internal.names import did_you_mean
from altasks.errors import InvalidInputError, UnknownNameError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint


class Builtin(NamedTuple):
    """Where a built-in thing is, and what a user needs for it.

    Attributes:
        target: `"module:attribute"`.
        extra: the extra of altasks that brings its libraries; empty if it needs none.
        modules: the libraries whose presence means that the extra is installed.
        example: a script to start from.
        licence: what a user should know of the libraries' licences; empty if nothing.
        optional: further libraries of the extra -> the one thing that each is for.
    """

    target: str
    extra: str = ""
    modules: tuple[str, ...] = ()
    example: str = ""
    licence: str = ""
    optional: Mapping[str, str] = MappingProxyType({})


def entry_points(group: str) -> Iterable[EntryPoint]:
    """Return the entry points that the installed packages have in a group."""
    from importlib import metadata  # slow, and needed only where no built-in name is meant

    return metadata.entry_points(group=group)


class Registry:
    """A table from a name to an object, given directly, as `"module:attribute"`, or installed.

    A built-in or registered name hides an installed one.

    Args:
        kind: what is registered, in the singular, for messages: `"acquisition function"`.
        group: the entry-point group that third parties fill: `"altasks.acquisitions"`.
        builtin: name to `"module:attribute"`, or to that and what it needs; imported at first use.
    """

    def __init__(self, kind: str, group: str, builtin: Mapping[str, str | Builtin]) -> None:
        self.kind = kind
        self.group = group
        self.builtin: dict[str, Builtin] = {
            name: Builtin(entry) if isinstance(entry, str) else entry
            for name, entry in builtin.items()
        }
        self._targets: dict[str, Any] = {name: one.target for name, one in self.builtin.items()}

    def _installed(self) -> dict[str, list[EntryPoint]]:
        found: dict[str, list[EntryPoint]] = {}
        for point in entry_points(group=self.group):
            points = found.setdefault(point.name, [])
            if point.value not in [other.value for other in points]:
                points.append(point)
        return found

    def names(self) -> list[str]:
        """Return every known name, sorted; imports nothing."""
        return sorted({*self._targets, *self._installed()})

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def __contains__(self, name: object) -> bool:
        """Return whether something has this name; imports nothing."""
        return name in self._targets or name in self._installed()

    def exports(self) -> dict[str, str]:
        """Return the attribute of each built-in thing and its `"module:attribute"`."""
        targets = [entry.target for entry in self.builtin.values()]
        return {target.partition(":")[2]: target for target in targets}

    def about(self, name: str) -> Builtin:
        """Return where a thing is and what it needs, importing nothing.

        Of an installed thing that is its `"module:attribute"`; of one registered in this process,
        an empty target.

        Raises:
            UnknownNameError: as `get` does.
        """
        if name in self.builtin:
            return self.builtin[name]
        if name in self._targets:
            return Builtin("")
        return Builtin(self._point(name).value)

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
            UnknownNameError: listing the closest names and all that exist; if two packages bring
                the name; or if the package that brings it can't be loaded.
        """
        if name not in self._targets:
            return self._load(self._point(name))
        target = self._targets[name]
        if isinstance(target, str):
            target = load_target(target)
            self._targets[name] = target
        return target

    def name_of(self, thing: Any) -> str | None:
        """Return the name that `thing`, a class or function, is registered under; None without.

        Imports only what is called like it.
        """
        attribute = getattr(thing, "__name__", None)
        for name, target in sorted(self._targets.items()):
            if target is thing:
                return name
            alike = isinstance(target, str) and target.partition(":")[2] == attribute
            if alike and self.get(name) is thing:
                return name
        for name, points in sorted(self._installed().items()):
            if name in self._targets or len(points) > 1 or points[0].attr != attribute:
                continue
            try:
                if points[0].load() is thing:
                    return name
            except Exception:
                continue
        return None

    def _point(self, name: str) -> EntryPoint:
        """Return the one entry point called `name`."""
        points = self._installed().get(name, [])
        if not points:
            raise self._unknown(name)
        if len(points) > 1:
            owners = " and ".join(f"{_owner(point)} ({point.value})" for point in points)
            raise UnknownNameError(
                f"The {self.kind} {name!r} is brought by {owners}: uninstall one of them, or "
                f"import the one you mean and pass it instead of its name."
            )
        return points[0]

    def _unknown(self, name: str) -> UnknownNameError:
        error = unknown_name(f"No {self.kind} is called {name!r}.", name, self.names())
        own = f" Add your own under the entry-point group {self.group!r}."
        error.args = (f"{error}{own}",)
        return error

    def _load(self, point: EntryPoint) -> Any:
        try:
            return point.load()
        except Exception as error:  # another's module may raise anything when it is imported
            raise UnknownNameError(
                f"The {self.kind} {point.name!r} of {_owner(point)} can't be loaded from "
                f"{point.value!r}: {type(error).__name__}: {error}."
            ) from error


def unknown_name(
    fault: str, name: str, known: Sequence[str], *, listed: str = "Known"
) -> UnknownNameError:
    """Return the error of a name that isn't registered, to be raised by the caller.

    Args:
        fault: what was looked for, as a sentence.
        name: what was given.
        known: the names there are.
        listed: what they are introduced by.

    Example:
        >>> print(unknown_name("No fruit is called 'aple'.", "aple", ["apple", "pear"]))
        No fruit is called 'aple'. Did you mean 'apple'? Known: apple, pear.
    """
    hint = did_you_mean(name, known)
    error = UnknownNameError(f"{fault} {hint}{' ' if hint else ''}{listed}: {', '.join(known)}.")
    error.fault, error.name, error.known = fault, str(name), tuple(known)
    return error


def _owner(point: EntryPoint) -> str:
    return f"the package {point.dist.name!r}" if point.dist else "an installed package"


def load_target(target: str) -> Any:
    """Import and return what `"module:attribute"` names.

    Example:
        >>> load_target("math:sqrt")(9.0)
        3.0
    """
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


ACQUISITIONS = Registry(
    "acquisition function",
    "altasks.acquisitions",
    {
        "bald": "altasks.acquisition.bald:bald",
        "box_disagreement": "altasks.acquisition.box_disagreement:box_disagreement",
        "by_span": "altasks.acquisition.by_span:by_span",
        "consensus_kl": "altasks.acquisition.consensus_kl:consensus_kl",
        "dice_disagreement": "altasks.acquisition.dice_disagreement:dice_disagreement",
        "difficulty_calibrated": (
            "altasks.acquisition.difficulty_calibrated:difficulty_calibrated"
        ),
        "edit_disagreement": "altasks.acquisition.edit_disagreement:edit_disagreement",
        "entropy": "altasks.acquisition.entropy:entropy",
        "epistemic_variance": "altasks.acquisition.epistemic_variance:epistemic_variance",
        "expected_gradient_length": (
            "altasks.acquisition.expected_gradient_length:expected_gradient_length"
        ),
        "label_cardinality_inconsistency": (
            "altasks.acquisition.label_cardinality_inconsistency:label_cardinality_inconsistency"
        ),
        "least_confidence": "altasks.acquisition.least_confidence:least_confidence",
        "margin": "altasks.acquisition.margin:margin",
        "mnlp": "altasks.acquisition.mnlp:mnlp",
        "near_boundary": "altasks.acquisition.near_boundary:near_boundary",
        "sequence_variation_ratio": (
            "altasks.acquisition.sequence_variation_ratio:sequence_variation_ratio"
        ),
        "variance": "altasks.acquisition.variance:variance",
        "variation_ratio": "altasks.acquisition.variation_ratio:variation_ratio",
        "vote_entropy": "altasks.acquisition.vote_entropy:vote_entropy",
    },
)

STRATEGIES = Registry(
    "strategy",
    "altasks.strategies",
    {
        "badge": "altasks.strategies.badge:Badge",
        "badge_regression": "altasks.strategies.badge:BadgeRegression",
        "balanced": "altasks.strategies.balanced:Balanced",
        "batch_bald": "altasks.strategies.batch_bald:BatchBALD",
        "category_matching": "altasks.strategies.category_matching:CategoryMatching",
        "cluster_margin": "altasks.strategies.cluster_margin:ClusterMargin",
        "density_weighted": "altasks.strategies.density_weighted:DensityWeighted",
        "drop_query": "altasks.strategies.drop_query:DropQuery",
        "epsilon_greedy": "altasks.strategies.epsilon_greedy:EpsilonGreedy",
        "expected_error_reduction": (
            "altasks.strategies.expected_error_reduction:ExpectedErrorReduction"
        ),
        "facility_location": "altasks.strategies.facility_location:FacilityLocation",
        "falcun": "altasks.strategies.falcun:Falcun",
        "fisher_matching": "altasks.strategies.fisher_matching:FisherMatching",
        "hybrid": "altasks.strategies.hybrid:Hybrid",
        "k_center": "altasks.strategies.k_center:KCenter",
        "k_dpp": "altasks.strategies.k_dpp:KDPP",
        "lcmd": "altasks.strategies.lcmd:LCMD",
        "max_det": "altasks.strategies.max_det:MaxDet",
        "max_herding": "altasks.strategies.max_herding:MaxHerding",
        "object_herding": "altasks.strategies.object_herding:ObjectHerding",
        "power": "altasks.strategies.power:Power",
        "prob_cover": "altasks.strategies.prob_cover:ProbCover",
        "random": "altasks.strategies.random:Random",
        "soft_rank": "altasks.strategies.soft_rank:SoftRank",
        "softmax": "altasks.strategies.softmax:Softmax",
        "subsampled": "altasks.strategies.subsampled:Subsampled",
        "top_k": "altasks.strategies.top_k:TopK",
        "typiclust": "altasks.strategies.typiclust:TypiClust",
        "uncertainty_herding": "altasks.strategies.uncertainty_herding:UncertaintyHerding",
        "variance_reduction": "altasks.strategies.variance_reduction:VarianceReduction",
    },
)

COMMITTEES = Registry(
    "committee",
    "altasks.committees",
    {
        "bayes_by_backprop": "altasks.committees.bayes_by_backprop:BayesByBackprop",
        "box_views": "altasks.committees.box_views:BoxViews",
        "ensemble": "altasks.committees.ensemble:Ensemble",
        "mc_dropout": "altasks.committees.mc_dropout:MCDropout",
        "views": "altasks.committees.views:Views",
    },
)

ORACLES = Registry(
    "oracle",
    "altasks.oracles",
    {
        "kili": Builtin("altasks.oracles.kili.oracle:Kili", "kili", ("kili",)),
        "label_studio": Builtin(
            "altasks.oracles.label_studio.oracle:LabelStudio", "label-studio", ("label_studio_sdk",)
        ),
        "simulated": "altasks.oracles.simulated:Simulated",
    },
)

_TEXT = ("transformers", "accelerate", "datasets", "safetensors")

TASKS = Registry(
    "task",
    "altasks.tasks",
    {
        "text-classification": Builtin(
            "altasks.tasks.text_classification:TextClassification",
            "text",
            _TEXT,
            "examples/text_classification.py",
        ),
        "object-detection": Builtin(
            "altasks.tasks.object_detection:ObjectDetection",
            "detection",
            ("ultralytics", "torchvision", "PIL", "safetensors"),
            "examples/object_detection.py",
            "Ultralytics YOLO is AGPL-3.0; so is what you distribute with it, unless you have "
            "their licence. altasks itself is Apache-2.0.",
            {"pycocotools": "evaluate(counting='coco')"},
        ),
        "image-classification": Builtin(
            "altasks.tasks.image_classification:ImageClassification",
            "vision",
            # Image processors of transformers are torchvision's.
            ("transformers", "accelerate", "safetensors", "PIL", "torchvision"),
            "examples/image_classification.py",
            optional={"timm": "networks of timm"},
        ),
        "ner": Builtin("altasks.tasks.ner:NER", "text", (*_TEXT, "seqeval"), "examples/ner.py"),
        "srl": Builtin("altasks.tasks.srl:SRL", "text", (*_TEXT, "seqeval"), "examples/srl.py"),
        "regression": Builtin(
            "altasks.tasks.regression:Regression", "text", _TEXT, "examples/regression.py"
        ),
        "segmentation": Builtin(
            "altasks.tasks.segmentation:Segmentation",
            "segmentation",
            (
                "segmentation_models_pytorch",
                "transformers",
                "accelerate",
                "safetensors",
                "PIL",
                "skimage",
            ),
            "examples/segmentation.py",
        ),
        "ocr": Builtin(
            "altasks.tasks.ocr:OCR",
            "ocr",
            ("transformers", "accelerate", "safetensors", "PIL"),
            "examples/ocr.py",
            "python-Levenshtein, for a consensus by median only, is GPL-2.0-or-later: what you "
            "distribute with it falls under that licence.",
            {
                "torchvision": "models of Hugging Face, such as TrOCR",
                "Levenshtein": "a consensus by median",
            },
        ),
    },
)

#: How `altasks rank` reads, scores and shows the samples of a task, by the task's name.
RANKERS = Registry(
    "ranker",
    "altasks.rankers",
    {
        "image-classification": (
            "altasks.cli.rankers.image_classification:ImageClassificationRanker"
        ),
        "ner": "altasks.cli.rankers.tagging:NERRanker",
        "object-detection": "altasks.cli.rankers.object_detection:ObjectDetectionRanker",
        "ocr": "altasks.cli.rankers.ocr:OCRRanker",
        "regression": "altasks.cli.rankers.regression:RegressionRanker",
        "segmentation": "altasks.cli.rankers.segmentation:SegmentationRanker",
        "srl": "altasks.cli.rankers.srl:SRLRanker",
        "text-classification": ("altasks.cli.rankers.text_classification:TextClassificationRanker"),
    },
)

#: When a loop has asked enough.
STOPPING_RULES = Registry(
    "stopping rule",
    "altasks.stopping_rules",
    {
        "budget": "altasks.loop.stopping.rules:Budget",
        "classification_change": "altasks.loop.stopping.rules:ClassificationChange",
        "overall_uncertainty": "altasks.loop.stopping.rules:OverallUncertainty",
        "plateau": "altasks.loop.stopping.rules:Plateau",
        "stabilising_predictions": "altasks.loop.stopping.rules:StabilisingPredictions",
        "target": "altasks.loop.stopping.rules:Target",
    },
)

#: A file format, read into samples with their labels.
READERS = Registry(
    "reader",
    "altasks.readers",
    {
        "alto": "altasks.data.readers:alto",
        "argilla": "altasks.data.readers:argilla",
        "argilla_spans": "altasks.data.readers:argilla_spans",
        "class_folders": "altasks.data.readers:class_folders",
        "coco": "altasks.data.readers:coco",
        "coco_masks": "altasks.data.readers:coco_masks",
        "conll": "altasks.data.readers:conll",
        "conllu": "altasks.data.readers:conllu",
        "cvat": "altasks.data.readers:cvat",
        "cvat_masks": "altasks.data.readers:cvat_masks",
        "cvat_tags": "altasks.data.readers:cvat_tags",
        "doccano": "altasks.data.readers:doccano",
        "image_table": "altasks.data.readers:image_table",
        "label_studio": "altasks.data.readers:label_studio",
        "label_studio_boxes": "altasks.data.readers:label_studio_boxes",
        "label_studio_choices": "altasks.data.readers:label_studio_choices",
        "label_studio_lines": "altasks.data.readers:label_studio_lines",
        "label_studio_masks": "altasks.data.readers:label_studio_masks",
        "label_studio_numbers": "altasks.data.readers:label_studio_numbers",
        "labelme": "altasks.data.readers:labelme",
        "labelme_masks": "altasks.data.readers:labelme_masks",
        "line_folder": "altasks.data.readers:line_folder",
        "line_table": "altasks.data.readers:line_table",
        "masks": "altasks.data.readers:masks",
        "page": "altasks.data.readers:page",
        "prodigy": "altasks.data.readers:prodigy",
        "snips": "altasks.data.readers:snips",
        "srl": "altasks.data.readers:srl",
        "table": "altasks.data.readers:table",
        "tagged_jsonl": "altasks.data.readers:tagged_jsonl",
        "via": "altasks.data.readers:via",
        "via_files": "altasks.data.readers:via_files",
        "via_masks": "altasks.data.readers:via_masks",
        "voc": "altasks.data.readers:voc",
        "yolo": "altasks.data.readers:yolo",
    },
)

#: How a sample of a task is drawn with a prediction or label on it, by the task's name.
PICTURES = Registry(
    "picture",
    "altasks.pictures",
    {
        "image-classification": "altasks.tasks.image_classification.picture:picture",
        "object-detection": "altasks.tasks.object_detection.picture:picture",
        "ocr": "altasks.tasks.ocr.picture:picture",
        "segmentation": "altasks.tasks.segmentation.picture:picture",
    },
)


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


def get_committee(name: str) -> Any:
    """Return the committee class called `name`, such as `"mc_dropout"`."""
    return COMMITTEES.get(name)


def get_task(name: str) -> Any:
    """Return the task class called `name`, such as `"text-classification"`."""
    return TASKS.get(name)


def get_reader(name: str) -> Any:
    """Return the reader of the format called `name`, such as `"coco"`."""
    found = READERS.get(name)
    return found() if isinstance(found, type) else found


def get_picture(name: str) -> Any:
    """Return the function that draws samples of the task called `name`."""
    return PICTURES.get(name)


def get_stopping_rule(name: str) -> Any:
    """Return the class of stopping rules called `name`, such as `"plateau"`."""
    return STOPPING_RULES.get(name)


def get_oracle(name: str) -> Any:
    """Return the oracle class called `name`, such as `"simulated"`."""
    return ORACLES.get(name)
