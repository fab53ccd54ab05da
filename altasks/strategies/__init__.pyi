# Written by `python -m altasks._internal.stubs`: change `_HOMES` or the registry instead.

from altasks.strategies.badge import (
    Badge as Badge,
    BadgeRegression as BadgeRegression,
)
from altasks.strategies.balanced import (
    Balanced as Balanced,
)
from altasks.strategies.base import (
    Candidates as Candidates,
    PricesGains as PricesGains,
    ReadsScores as ReadsScores,
    Strategy as Strategy,
    check_request as check_request,
    id_hashes as id_hashes,
    id_uniforms as id_uniforms,
    top_rows as top_rows,
)
from altasks.strategies.batch_bald import (
    BatchBALD as BatchBALD,
)
from altasks.strategies.category_matching import (
    CategoryMatching as CategoryMatching,
)
from altasks.strategies.cluster_margin import (
    ClusterMargin as ClusterMargin,
)
from altasks.strategies.density_weighted import (
    DensityWeighted as DensityWeighted,
)
from altasks.strategies.drop_query import (
    DropQuery as DropQuery,
)
from altasks.strategies.epsilon_greedy import (
    EpsilonGreedy as EpsilonGreedy,
)
from altasks.strategies.expected_error_reduction import (
    ExpectedErrorReduction as ExpectedErrorReduction,
)
from altasks.strategies.facility_location import (
    FacilityLocation as FacilityLocation,
)
from altasks.strategies.falcun import (
    Falcun as Falcun,
)
from altasks.strategies.fisher_matching import (
    FisherMatching as FisherMatching,
)
from altasks.strategies.hybrid import (
    Hybrid as Hybrid,
)
from altasks.strategies.k_center import (
    KCenter as KCenter,
)
from altasks.strategies.k_dpp import (
    KDPP as KDPP,
)
from altasks.strategies.lcmd import (
    LCMD as LCMD,
)
from altasks.strategies.max_det import (
    MaxDet as MaxDet,
)
from altasks.strategies.max_herding import (
    MaxHerding as MaxHerding,
)
from altasks.strategies.object_herding import (
    ObjectHerding as ObjectHerding,
)
from altasks.strategies.power import (
    Power as Power,
)
from altasks.strategies.prob_cover import (
    ProbCover as ProbCover,
)
from altasks.strategies.random import (
    Random as Random,
)
from altasks.strategies.soft_rank import (
    SoftRank as SoftRank,
)
from altasks.strategies.softmax import (
    Softmax as Softmax,
)
from altasks.strategies.subsampled import (
    Subsampled as Subsampled,
)
from altasks.strategies.top_k import (
    TopK as TopK,
)
from altasks.strategies.typiclust import (
    TypiClust as TypiClust,
)
from altasks.strategies.uncertainty_herding import (
    UncertaintyHerding as UncertaintyHerding,
)
from altasks.strategies.variance_reduction import (
    VarianceReduction as VarianceReduction,
)

__all__ = [
    "Badge",
    "BadgeRegression",
    "Balanced",
    "BatchBALD",
    "Candidates",
    "CategoryMatching",
    "ClusterMargin",
    "DensityWeighted",
    "DropQuery",
    "EpsilonGreedy",
    "ExpectedErrorReduction",
    "FacilityLocation",
    "Falcun",
    "FisherMatching",
    "Hybrid",
    "KCenter",
    "KDPP",
    "LCMD",
    "MaxDet",
    "MaxHerding",
    "ObjectHerding",
    "Power",
    "PricesGains",
    "ProbCover",
    "Random",
    "ReadsScores",
    "SoftRank",
    "Softmax",
    "Strategy",
    "Subsampled",
    "TopK",
    "TypiClust",
    "UncertaintyHerding",
    "VarianceReduction",
    "check_request",
    "id_hashes",
    "id_uniforms",
    "top_rows",
]
