"""From each earlier version of the schema to the next, on opening, in one transaction.

A migration here is finished: it reads and writes what its two versions had, by names written out,
and never changes with the code around it.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection, insert, select, update

from altasks._internal.jsonable import dumps
from altasks.loop.store.schema import ASKS, META


def to_version_2(connection: Connection) -> None:
    """Give the store an id, and record strategies and functions as recipes.

    Version 1 wrote them as text with the path of their module, such as
    `"altasks.strategies.power.Power(beta=2.0)"`, in the settings and in each ask.
    """
    connection.execute(insert(META).values(key="store_id", value=dumps(uuid.uuid4().hex)))
    for key in ("strategy", "cold_start", "acquisition"):
        value = connection.scalar(select(META.c.value).where(META.c.key == key))
        if value is not None:
            recipe = dumps(recipe_of_text(json.loads(value)))
            connection.execute(update(META).where(META.c.key == key).values(value=recipe))
    recipes: dict[str, Any] = {}
    for row in connection.execute(select(ASKS.c.round, ASKS.c.how)).all():
        how = json.loads(row.how)
        text = how.get("strategy")
        if isinstance(text, str):
            how["strategy"] = recipes.setdefault(text, recipe_of_text(text))
            connection.execute(update(ASKS).where(ASKS.c.round == row.round).values(how=dumps(how)))


def to_version_3(connection: Connection) -> None:
    """Let events say how many seconds a person spent."""
    connection.exec_driver_sql("ALTER TABLE altasks_events ADD COLUMN seconds FLOAT")


#: Version -> what brings a store of it to the next one.
MIGRATIONS: dict[int, Callable[[Connection], None]] = {1: to_version_2, 2: to_version_3}


# The text of version 1.

#: Class of altasks 0.1 -> the name it was registered under.
_STRATEGIES = {
    "Badge": "badge",
    "BadgeRegression": "badge_regression",
    "Balanced": "balanced",
    "BatchBALD": "batch_bald",
    "ClusterMargin": "cluster_margin",
    "DensityWeighted": "density_weighted",
    "EpsilonGreedy": "epsilon_greedy",
    "ExpectedErrorReduction": "expected_error_reduction",
    "FacilityLocation": "facility_location",
    "FisherMatching": "fisher_matching",
    "Hybrid": "hybrid",
    "KCenter": "k_center",
    "KDPP": "k_dpp",
    "LCMD": "lcmd",
    "MaxDet": "max_det",
    "Power": "power",
    "ProbCover": "prob_cover",
    "Random": "random",
    "SoftRank": "soft_rank",
    "Softmax": "softmax",
    "Subsampled": "subsampled",
    "TopK": "top_k",
    "TypiClust": "typiclust",
    "VarianceReduction": "variance_reduction",
}

_HEAD = re.compile(r"[^(),=]+(?=\()")
_DIGEST = re.compile(r"[0-9a-f]{16}(?=[,)])")
_TYPE = re.compile(r"[^(),=]+(?=[,)])")
_KEY = re.compile(r"([^(),=]+)=")


def recipe_of_text(text: str) -> Any:
    """Return the recipe that version 1 wrote as text; the text itself if it is no such text.

    Example:
        >>> recipe_of_text("altasks.strategies.power.Power(beta=2.0)")["name"]
        'power'
    """
    try:
        recipe, end = _thing(text, 0)
    except ValueError:
        return text
    return text if end != len(text) else {**recipe, "migrated": True}


def _thing(text: str, start: int) -> tuple[dict[str, Any], int]:
    """Read `module.Class(option=value, ...)`."""
    head = _HEAD.match(text, start)
    if head is None:
        raise ValueError(text)
    place, options = head.end() + 1, {}
    while not text.startswith(")", place):
        key = _KEY.match(text, place)
        if key is None:
            raise ValueError(text)
        value, place = _option(text, key.end())
        if key[1] not in ("needs", "reads_scores"):  # they followed from the other options
            options[key[1]] = value
        if text.startswith(", ", place):
            place += 2
        elif not text.startswith(")", place):
            raise ValueError(text)
    return {**_named(head[0]), "options": options}, place + 1


def _option(text: str, start: int) -> tuple[Any, int]:
    """Read an option: a digest, JSON, another strategy, or the type of an object."""
    if digest := _DIGEST.match(text, start):
        return {"digest": digest[0]}, digest.end()
    try:
        value, end = json.JSONDecoder().raw_decode(text, start)
    except ValueError:
        pass
    else:
        if text.startswith((",", ")"), end):
            return value, end
    if kind := _TYPE.match(text, start):
        return {"type": kind[0]}, kind.end()
    return _thing(text, start)


def _named(path: str) -> dict[str, str]:
    """Return the registry's name, and what a class or function calls itself, without its module."""
    module, _, called = path.rpartition(".")
    if module.startswith("altasks.strategies.") and called in _STRATEGIES:
        return {"name": _STRATEGIES[called], "object": called}
    if not module:  # a function given by its registered name, or one of altasks' own
        return {"name": path, "object": path}
    # `module.function.<locals>.inner`: the module ends before the last name that is not local.
    outer, local, inner = path.partition(".<locals>")
    return {"object": outer.rpartition(".")[2] + local + inner}
