"""From CTC's distributions over time to strings, and how probable a string is.

A path gives each time step a character or the blank (number 0). Its string is what is left when
repeats are merged and blanks dropped, so many paths spell one string, and the string's probability
is the sum over all of them (Graves, Fernández, Gomez and Schmidhuber 2006, "Connectionist temporal
classification: labelling unsegmented sequence data with recurrent neural networks", section 3).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence

import torch
from torch import Tensor

from altasks._internal.numbers import require_whole

#: The number of the symbol that stands for no character.
BLANK = 0
_NEVER = -math.inf


def greedy(log_probs: Tensor) -> tuple[list[int], list[float]]:
    """Return the string of the most probable path, and how sure it was of each character.

    Graves et al. 2006, section 3.2, "best path decoding": fast, and not always the most probable
    string.

    Args:
        log_probs: `[T, C]` natural logs, class 0 the blank.

    Returns:
        Class numbers, and for each the largest probability it has in its run of time steps.

    Example:
        >>> path = torch.tensor([[0.1, 0.9], [0.2, 0.8], [0.9, 0.1], [0.3, 0.7]])
        >>> greedy(path.log())[0]
        [1, 1]
    """
    best, steps = log_probs.max(-1)
    symbols: list[int] = []
    sureness: list[float] = []
    last = BLANK
    for symbol, value in zip(steps.tolist(), best.exp().tolist(), strict=True):
        if symbol not in (BLANK, last):
            symbols.append(symbol)
            sureness.append(value)
        elif symbol != BLANK:
            sureness[-1] = max(sureness[-1], value)
        last = symbol
    return symbols, sureness


def prefix_beam(log_probs: Tensor, width: int, *, candidates: int = 12) -> list[int]:
    """Return the most probable string that a search over prefixes finds.

    For each prefix the probabilities of the paths that end in a blank and of those that don't are
    kept apart and summed, so all paths to a string count together; after each step the `width`
    most probable prefixes go on (the prefix search of Graves et al. 2006, section 3.2, with a beam
    as in Hannun, Maas, Jurafsky and Ng 2014, "First-pass large vocabulary continuous speech
    recognition using bi-directional recurrent DNNs", algorithm 1, without a language model).
    With a beam as wide as there are prefixes, it is exact.

    Args:
        log_probs: `[T, C]` natural logs, class 0 the blank.
        width: how many prefixes are kept.
        candidates: how many classes are tried at each step, the most probable first.

    Example:
        >>> torn = torch.tensor([[0.6, 0.4], [0.6, 0.4]])  # the best path, two blanks: 0.36
        >>> prefix_beam(torn.log(), 4)  # "a", by three paths together: 0.64
        [1]
    """
    width = require_whole("beam", width, 1)
    count = min(candidates, log_probs.shape[-1])
    values, classes = log_probs.double().topk(count, -1)  # T x count
    # prefix -> (log probability of its paths that end in a blank, of those that don't)
    beam: dict[tuple[int, ...], tuple[float, float]] = {(): (0.0, _NEVER)}
    for logs, symbols in zip(values.tolist(), classes.tolist(), strict=True):
        grown: dict[tuple[int, ...], list[float]] = defaultdict(lambda: [_NEVER, _NEVER])
        for prefix, (blank, other) in beam.items():
            total = _add(blank, other)
            for log, symbol in zip(logs, symbols, strict=True):
                if symbol == BLANK:
                    here = grown[prefix]
                    here[0] = _add(here[0], total + log)
                    continue
                longer = grown[(*prefix, symbol)]
                if prefix and prefix[-1] == symbol:
                    # Without a blank between, a repeat is the same character going on.
                    here = grown[prefix]
                    here[1] = _add(here[1], other + log)
                    longer[1] = _add(longer[1], blank + log)
                else:
                    longer[1] = _add(longer[1], total + log)
        # Ties go to the prefix of lower numbers, so that the result has no chance in it.
        ranked = sorted(grown.items(), key=lambda item: (-_add(*item[1]), item[0]))
        beam = {prefix: (both[0], both[1]) for prefix, both in ranked[:width]}
    return list(next(iter(beam)))


def total_log_probs(log_probs: Tensor, lengths: Tensor, strings: Sequence[Sequence[int]]) -> Tensor:
    """Return the total natural log probability of each string, over all paths that spell it.

    Minus the CTC loss: the forward algorithm of Graves et al. 2006, section 4.1.

    Args:
        log_probs: `[n, T, C]`.
        lengths: `[n]`, how many time steps of each are its own.
        strings: n lists of class numbers.

    Returns:
        `[n]`, at most 0; -inf for a string that doesn't fit into its time steps.
    """
    targets = torch.tensor([symbol for string in strings for symbol in string], dtype=torch.long)
    sizes = torch.tensor([len(string) for string in strings], dtype=torch.long)
    loss = torch.nn.functional.ctc_loss(
        log_probs.float().cpu().transpose(0, 1),
        targets,
        lengths.cpu(),
        sizes,
        blank=BLANK,
        reduction="none",
    )
    return (-loss).clamp(max=0)


def _add(a: float, b: float) -> float:
    """Return log(exp(a) + exp(b))."""
    if a < b:
        a, b = b, a
    return a if b == _NEVER else a + math.log1p(math.exp(b - a))
