"""Optional abilities of a task, with one small protocol for each.

Scoring needs `Predictor` or `StreamingPredictor` and nothing else. Everything below is used where a
task has it, and each docstring says what it buys. A task declares an ability by having its
members; it may also inherit the protocol, so that type checkers hold it to the signatures.

`provides(task, Grouped)` asks whether a task has an ability.
"""

from altasks.abilities.asking import (
    Ability,
    members_of,
    provides,
)
from altasks.abilities.defaults import (
    DefaultAcquisition,
    DefaultColdStart,
    DefaultStrategy,
)
from altasks.abilities.ensembles import (
    JoinsMembers,
    NamesClasses,
    OrdersUnits,
)
from altasks.abilities.labels import (
    ChecksLabels,
    LeavesOut,
    MeasuresClasses,
    ReportsClassWeights,
    StreamsTargets,
    TellsObjects,
    TellsTargets,
)
from altasks.abilities.others import (
    AveragesFeatures,
    CostsLabels,
    FitsToTask,
    HasCommittee,
    ReadsLabels,
    StreamsItself,
)
from altasks.abilities.people import (
    Describes,
    DescribesMany,
    DrawsPictures,
)
from altasks.abilities.predicting import (
    DrawsByRound,
    Embeds,
    JointDraws,
    Predictor,
    StartsRounds,
    StreamingPredictor,
)
from altasks.abilities.samples import (
    ChecksSamples,
    Costs,
    CountsLabels,
    Grouped,
    OpensSamples,
    PredictsCosts,
    Sized,
    UniformSize,
)
from altasks.abilities.training import (
    Evaluates,
    KeepsFeatures,
    Loads,
    MainMetric,
    Measures,
    Saves,
    StartsOver,
    Trainable,
    WarmStarts,
)

__all__ = [
    "Ability",
    "AveragesFeatures",
    "ChecksLabels",
    "ChecksSamples",
    "Costs",
    "CostsLabels",
    "CountsLabels",
    "DefaultAcquisition",
    "DefaultColdStart",
    "DefaultStrategy",
    "Describes",
    "DescribesMany",
    "DrawsByRound",
    "DrawsPictures",
    "Embeds",
    "Evaluates",
    "FitsToTask",
    "Grouped",
    "HasCommittee",
    "JoinsMembers",
    "JointDraws",
    "KeepsFeatures",
    "LeavesOut",
    "Loads",
    "MainMetric",
    "Measures",
    "MeasuresClasses",
    "NamesClasses",
    "OpensSamples",
    "OrdersUnits",
    "Predictor",
    "PredictsCosts",
    "ReadsLabels",
    "ReportsClassWeights",
    "Saves",
    "Sized",
    "StartsOver",
    "StartsRounds",
    "StreamingPredictor",
    "StreamsItself",
    "StreamsTargets",
    "TellsObjects",
    "TellsTargets",
    "Trainable",
    "UniformSize",
    "WarmStarts",
    "members_of",
    "provides",
]
