"""altasks: task-specific active learning.

Every public name can be reached from here (`import altasks as al`); each is loaded at first use,
so importing altasks loads no optional library, and not torch either.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from altasks._version import __version__

if TYPE_CHECKING:
    from altasks.acquisition import (
        bald,
        by_span,
        consensus_kl,
        edit_disagreement,
        entropy,
        epistemic_variance,
        expected_gradient_length,
        least_confidence,
        margin,
        mnlp,
        sequence_variation_ratio,
        variance,
        variation_ratio,
        vote_entropy,
    )
    from altasks.committees import BayesByBackprop, Ensemble, MCDropout
    from altasks.data import Pool, as_pool
    from altasks.errors import AltasksError
    from altasks.loop import ActiveLoop, Query
    from altasks.oracles import Simulated
    from altasks.predictions import (
        Bernoulli,
        Categorical,
        Normal,
        Prediction,
        Ragged,
        Transcripts,
    )
    from altasks.registry import get_acquisition, get_oracle, get_strategy, get_task
    from altasks.report.consensus import Consensus, consensus
    from altasks.scoring import Scores, score
    from altasks.strategies import (
        KDPP,
        LCMD,
        Badge,
        BadgeRegression,
        Balanced,
        BatchBALD,
        Candidates,
        ClusterMargin,
        DensityWeighted,
        EpsilonGreedy,
        ExpectedErrorReduction,
        FacilityLocation,
        FisherMatching,
        Hybrid,
        KCenter,
        MaxDet,
        Power,
        ProbCover,
        Random,
        Softmax,
        SoftRank,
        Strategy,
        Subsampled,
        TopK,
        TypiClust,
        VarianceReduction,
    )
    from altasks.strategies.budget import select_within
    from altasks.tasks import (
        CRNN,
        NER,
        OCR,
        SRL,
        ImageToText,
        Regression,
        Task,
        Tesseract,
        TextClassification,
    )

# name -> the module that holds it
_HOMES = {
    "bald": "altasks.acquisition",
    "by_span": "altasks.acquisition",
    "consensus_kl": "altasks.acquisition",
    "edit_disagreement": "altasks.acquisition",
    "entropy": "altasks.acquisition",
    "epistemic_variance": "altasks.acquisition",
    "expected_gradient_length": "altasks.acquisition",
    "least_confidence": "altasks.acquisition",
    "margin": "altasks.acquisition",
    "mnlp": "altasks.acquisition",
    "sequence_variation_ratio": "altasks.acquisition",
    "variance": "altasks.acquisition",
    "variation_ratio": "altasks.acquisition",
    "vote_entropy": "altasks.acquisition",
    "BayesByBackprop": "altasks.committees",
    "Ensemble": "altasks.committees",
    "MCDropout": "altasks.committees",
    "Pool": "altasks.data",
    "as_pool": "altasks.data",
    "AltasksError": "altasks.errors",
    "ActiveLoop": "altasks.loop",
    "Query": "altasks.loop",
    "Simulated": "altasks.oracles",
    "Bernoulli": "altasks.predictions",
    "Categorical": "altasks.predictions",
    "Normal": "altasks.predictions",
    "Prediction": "altasks.predictions",
    "Ragged": "altasks.predictions",
    "Transcripts": "altasks.predictions",
    "get_acquisition": "altasks.registry",
    "get_oracle": "altasks.registry",
    "get_strategy": "altasks.registry",
    "get_task": "altasks.registry",
    "Consensus": "altasks.report.consensus",
    "consensus": "altasks.report.consensus",
    "Scores": "altasks.scoring",
    "score": "altasks.scoring",
    "Candidates": "altasks.strategies",
    "Balanced": "altasks.strategies",
    "ClusterMargin": "altasks.strategies",
    "DensityWeighted": "altasks.strategies",
    "EpsilonGreedy": "altasks.strategies",
    "ExpectedErrorReduction": "altasks.strategies",
    "FisherMatching": "altasks.strategies",
    "VarianceReduction": "altasks.strategies",
    "Hybrid": "altasks.strategies",
    "ProbCover": "altasks.strategies",
    "SoftRank": "altasks.strategies",
    "Softmax": "altasks.strategies",
    "Subsampled": "altasks.strategies",
    "TypiClust": "altasks.strategies",
    "select_within": "altasks.strategies.budget",
    "Power": "altasks.strategies",
    "Random": "altasks.strategies",
    "Strategy": "altasks.strategies",
    "TopK": "altasks.strategies",
    "FacilityLocation": "altasks.strategies",
    "KDPP": "altasks.strategies",
    "MaxDet": "altasks.strategies",
    "LCMD": "altasks.strategies",
    "BatchBALD": "altasks.strategies",
    "BadgeRegression": "altasks.strategies",
    "Badge": "altasks.strategies",
    "KCenter": "altasks.strategies",
    "CRNN": "altasks.tasks",
    "ImageToText": "altasks.tasks",
    "NER": "altasks.tasks",
    "OCR": "altasks.tasks",
    "Regression": "altasks.tasks",
    "SRL": "altasks.tasks",
    "Task": "altasks.tasks",
    "Tesseract": "altasks.tasks",
    "TextClassification": "altasks.tasks",
}

__all__ = [
    "CRNN",
    "KDPP",
    "LCMD",
    "NER",
    "OCR",
    "SRL",
    "ActiveLoop",
    "AltasksError",
    "Badge",
    "BadgeRegression",
    "Balanced",
    "BatchBALD",
    "BayesByBackprop",
    "Bernoulli",
    "Candidates",
    "Categorical",
    "ClusterMargin",
    "Consensus",
    "DensityWeighted",
    "Ensemble",
    "EpsilonGreedy",
    "ExpectedErrorReduction",
    "FacilityLocation",
    "FisherMatching",
    "Hybrid",
    "ImageToText",
    "KCenter",
    "MCDropout",
    "MaxDet",
    "Normal",
    "Pool",
    "Power",
    "Prediction",
    "ProbCover",
    "Query",
    "Ragged",
    "Random",
    "Regression",
    "Scores",
    "Simulated",
    "SoftRank",
    "Softmax",
    "Strategy",
    "Subsampled",
    "Task",
    "Tesseract",
    "TextClassification",
    "TopK",
    "Transcripts",
    "TypiClust",
    "VarianceReduction",
    "__version__",
    "as_pool",
    "bald",
    "by_span",
    "consensus",
    "consensus_kl",
    "edit_disagreement",
    "entropy",
    "epistemic_variance",
    "expected_gradient_length",
    "get_acquisition",
    "get_oracle",
    "get_strategy",
    "get_task",
    "least_confidence",
    "margin",
    "mnlp",
    "score",
    "select_within",
    "sequence_variation_ratio",
    "variance",
    "variation_ratio",
    "vote_entropy",
]


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'altasks' has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOMES})
