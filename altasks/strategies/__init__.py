"""Strategies: from scores (and what else they declare they need) to the ids to label next."""

from altasks.strategies.badge import Badge, BadgeRegression
from altasks.strategies.balanced import Balanced
from altasks.strategies.base import (
    Candidates,
    Strategy,
    check_request,
    id_hashes,
    id_uniforms,
    top_rows,
)
from altasks.strategies.batch_bald import BatchBALD
from altasks.strategies.cluster_margin import ClusterMargin
from altasks.strategies.density_weighted import DensityWeighted
from altasks.strategies.epsilon_greedy import EpsilonGreedy
from altasks.strategies.expected_error_reduction import ExpectedErrorReduction
from altasks.strategies.facility_location import FacilityLocation
from altasks.strategies.fisher_matching import FisherMatching
from altasks.strategies.hybrid import Hybrid
from altasks.strategies.k_center import KCenter
from altasks.strategies.k_dpp import KDPP
from altasks.strategies.lcmd import LCMD
from altasks.strategies.max_det import MaxDet
from altasks.strategies.power import Power
from altasks.strategies.prob_cover import ProbCover
from altasks.strategies.random import Random
from altasks.strategies.soft_rank import SoftRank
from altasks.strategies.softmax import Softmax
from altasks.strategies.subsampled import Subsampled
from altasks.strategies.top_k import TopK
from altasks.strategies.typiclust import TypiClust
from altasks.strategies.variance_reduction import VarianceReduction

__all__ = [
    "KDPP",
    "LCMD",
    "Badge",
    "BadgeRegression",
    "Balanced",
    "BatchBALD",
    "Candidates",
    "ClusterMargin",
    "DensityWeighted",
    "EpsilonGreedy",
    "ExpectedErrorReduction",
    "FacilityLocation",
    "FisherMatching",
    "Hybrid",
    "KCenter",
    "MaxDet",
    "Power",
    "ProbCover",
    "Random",
    "SoftRank",
    "Softmax",
    "Strategy",
    "Subsampled",
    "TopK",
    "TypiClust",
    "VarianceReduction",
    "check_request",
    "id_hashes",
    "id_uniforms",
    "top_rows",
]
