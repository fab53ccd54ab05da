# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.

from altasks.acquisition._declare import (
    acquisition as acquisition,
    units_of as units_of,
)
from altasks.acquisition._reduce import (
    Reduce as Reduce,
    StreamedReduction as StreamedReduction,
    reduce_units as reduce_units,
)
from altasks.acquisition._rows import (
    LabelReduction as LabelReduction,
)
from altasks.acquisition.bald import (
    bald as bald,
)
from altasks.acquisition.box_disagreement import (
    box_disagreement as box_disagreement,
)
from altasks.acquisition.by_span import (
    by_span as by_span,
)
from altasks.acquisition.class_weights import (
    class_weights_from_counts as class_weights_from_counts,
)
from altasks.acquisition.consensus_kl import (
    consensus_kl as consensus_kl,
)
from altasks.acquisition.dice_disagreement import (
    dice_disagreement as dice_disagreement,
)
from altasks.acquisition.difficulty_calibrated import (
    DifficultyCalibrated as DifficultyCalibrated,
    difficulty_calibrated as difficulty_calibrated,
    difficulty_weights as difficulty_weights,
)
from altasks.acquisition.edit_disagreement import (
    edit_disagreement as edit_disagreement,
)
from altasks.acquisition.entropy import (
    entropy as entropy,
)
from altasks.acquisition.epistemic_variance import (
    epistemic_variance as epistemic_variance,
)
from altasks.acquisition.expected_gradient_length import (
    expected_gradient_length as expected_gradient_length,
)
from altasks.acquisition.label_cardinality_inconsistency import (
    label_cardinality_inconsistency as label_cardinality_inconsistency,
)
from altasks.acquisition.least_confidence import (
    least_confidence as least_confidence,
)
from altasks.acquisition.margin import (
    margin as margin,
)
from altasks.acquisition.mnlp import (
    mnlp as mnlp,
)
from altasks.acquisition.near_boundary import (
    near_boundary as near_boundary,
)
from altasks.acquisition.sequence_variation_ratio import (
    sequence_variation_ratio as sequence_variation_ratio,
)
from altasks.acquisition.variance import (
    variance as variance,
)
from altasks.acquisition.variation_ratio import (
    variation_ratio as variation_ratio,
)
from altasks.acquisition.vote_entropy import (
    vote_entropy as vote_entropy,
)

Labels = LabelReduction

__all__ = [
    "DifficultyCalibrated",
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
    "difficulty_calibrated",
    "difficulty_weights",
    "edit_disagreement",
    "entropy",
    "epistemic_variance",
    "expected_gradient_length",
    "label_cardinality_inconsistency",
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
