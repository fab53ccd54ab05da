"""Readings as JSON: of one line for people, of many as error rates."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from altasks.predictions import Transcripts
from altasks.report.consensus import Consensus, consensus
from altasks.report.error_rates import error_rates
from altasks.tasks.ocr.lines import Form
from altasks.tasks.ocr.readers import Reading, as_transcripts


def describe_readings(prediction: Transcripts) -> dict[str, Any]:
    """Return, as JSON, the readings of one line, their consensus, and the agreement on it."""
    vote = consensus(prediction)[0]
    shown: dict[str, Any] = {
        "predicted": vote.text,
        "agreement": [round(share, 4) for share in vote.agreement],
        "readings": list(prediction.texts[0]),
        "members": prediction.members,
    }
    if prediction.log_probs is not None:
        shown["log_probs"] = [round(value, 4) for value in prediction.log_probs[0].tolist()]
    return shown


def vote_on(readings: Sequence[Sequence[Reading]], members: int) -> list[Consensus]:
    """Return the consensus on each line, voted by the confidences of single characters.

    Args:
        readings: of each line, one of each member.
        members: K.
    """
    return consensus(
        as_transcripts(readings, members),
        confidences=[[one.confidences for one in row] for row in readings],
    )


def rates_of(
    readings: Sequence[Sequence[Reading]], truths: Sequence[str], members: int, form: Form | None
) -> dict[str, float]:
    """Return error rates of the vote with their intervals, and of the members on average.

    Args:
        readings: of each line, one of each member.
        truths: what the lines read.
        members: K.
        form: the Unicode form in which texts are compared.
    """
    votes = vote_on(readings, members)
    rates = error_rates([vote.text for vote in votes], truths, normalize=form)
    each = [
        error_rates([row[k].text for row in readings], truths, normalize=form)
        for k in range(members)
    ]
    return {
        "cer": rates.cer.mean,
        "cer_low": rates.cer.low,
        "cer_high": rates.cer.high,
        "wer": rates.wer.mean,
        "wer_low": rates.wer.low,
        "wer_high": rates.wer.high,
        "exact": rates.exact,
        "member_cer": sum(one.cer.mean for one in each) / len(each),
        "member_wer": sum(one.wer.mean for one in each) / len(each),
    }
