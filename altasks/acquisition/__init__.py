"""Acquisition functions: `f(prediction, **options) -> scores [N]`, higher = label first.

Each reads a prediction and nothing else. Scores are finite, and there is one sign: whatever a
paper calls its quantity, here the largest is labelled first. Your own needs no more than to be
such a function; `acquisition` and `reduce_units` give it the messages and reductions of these.
"""

from altasks.acquisition._declare import acquisition, units_of
from altasks.acquisition._reduce import Reduce, StreamedReduction, reduce_units
from altasks.acquisition._rows import LabelReduction
from altasks.acquisition.bald import bald
from altasks.acquisition.box_disagreement import box_disagreement
from altasks.acquisition.by_span import by_span
from altasks.acquisition.class_weights import class_weights_from_counts
from altasks.acquisition.consensus_kl import consensus_kl
from altasks.acquisition.dice_disagreement import dice_disagreement
from altasks.acquisition.edit_disagreement import edit_disagreement
from altasks.acquisition.entropy import entropy
from altasks.acquisition.epistemic_variance import epistemic_variance
from altasks.acquisition.expected_gradient_length import expected_gradient_length
from altasks.acquisition.least_confidence import least_confidence
from altasks.acquisition.margin import margin
from altasks.acquisition.mnlp import mnlp
from altasks.acquisition.near_boundary import near_boundary
from altasks.acquisition.sequence_variation_ratio import sequence_variation_ratio
from altasks.acquisition.variance import variance
from altasks.acquisition.variation_ratio import variation_ratio
from altasks.acquisition.vote_entropy import vote_entropy

#: Its name until version 0.2.
Labels = LabelReduction

__all__ = [
    "LabelReduction",
    "Labels",
    "Reduce",
    "StreamedReduction",
    "acquisition",
    "bald",
    "box_disagreement",
    "by_span",
    "class_weights_from_counts",
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
    "reduce_units",
    "sequence_variation_ratio",
    "units_of",
    "variance",
    "variation_ratio",
    "vote_entropy",
]
