"""Does it pay? A sentence that claims no more than the numbers."""

from __future__ import annotations

from collections.abc import Sequence

from altasks.comparison.arm_result import ArmResult
from altasks.comparison.text import chance, number, sure_of

#: With fewer seeds than this, more are advised where gain can't be told from chance.
ENOUGH_SEEDS = 5


def verdict_of(
    arms: Sequence[ArmResult],
    *,
    metric: str,
    less_is_better: bool,
    seeds: int,
    last: str,
    unit: str,
    flat: float | None = None,
) -> str:
    """Return whether asking pays, and with what.

    Args:
        arms: those beside random.
        metric: what was compared.
        less_is_better: whether it is an error.
        seeds: how many there were.
        last: the end of the curve: `"200 labels"`.
        unit: what is saved: `"labels"`.
        flat: the score of all arms in all rounds, where it never changes.
    """
    if flat is not None:
        return (
            f"Nothing can be told on this data: {metric} is {number(flat)} for every arm in every "
            "round, so the model learns nothing that is measured. Train it longer, or measure "
            "something else."
        )
    best = max(arms, key=lambda arm: arm.ahead.mean)
    standing = f"{sure_of(best.ahead)} {metric}"
    if seeds == 1:
        side = "ahead of" if best.ahead.mean > 0 else "not ahead of"
        return (
            f"One seed can't tell whether it pays on this data: {best.name} is {side} random "
            f"labels ({standing}), and another seed may turn that round. Run {ENOUGH_SEEDS}."
        )
    better = [arm for arm in arms if arm.better]
    worse = [arm.name for arm in arms if arm.worse]
    behind = f" Worse than random: {', '.join(worse)}." if worse else ""
    if better:
        best = max(better, key=lambda arm: arm.ahead.mean)
        ahead = f"{number(abs(best.ahead.mean))} {'less' if less_is_better else 'more'} {metric}"
        return (
            f"It pays on this data, with {best.name}: {ahead} than random labels on average "
            f"(p {chance(best.p_holm, '= ')} over {seeds} seeds), and "
            f"{_saving(best.share, last, unit)}.{behind}"
        )
    if len(worse) == len(arms):
        which = best.name if len(arms) == 1 else f"even the best arm, {best.name},"
        return (
            f"It does not pay on this data: {which} is worse than random labels ({standing}, "
            f"p {chance(best.p_holm, '= ')} over {seeds} seeds). Label at random."
        )
    side = "ahead of" if best.ahead.mean >= 0 else "behind"
    more = f"; {ENOUGH_SEEDS} seeds may tell" if seeds < ENOUGH_SEEDS else ""
    return (
        f"Whether it pays on this data can't be told from chance: the best arm, {best.name}, is "
        f"{side} random labels by {number(abs(best.ahead.mean))} {metric} on average "
        f"(p {chance(best.p_holm, '= ')} over {seeds} seeds{more}).{behind}"
    )


def _saving(share: float | None, last: str, unit: str) -> str:
    if share is None:
        return f"yet it never has random's score at {last}"
    if share > 1.005:
        return f"random's score at {last} with {share - 1:.0%} more {unit}"
    if share > 0.995:
        return f"random's score at {last} with as many {unit}"
    return f"random's score at {last} with {1 - share:.0%} fewer {unit}"
