"""The layers of a line recogniser: what pads a batch is kept out of each."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from altasks.tasks.ocr.ctc import BLANK


class ConvolutionLayer(nn.Module):
    """Convolution, norm, activation and pooling that mask the padding."""

    def __init__(
        self, inside: int, outside: int, *, norm: bool = False, pool: tuple[int, int] | None = None,
        kernel: int = 3,
    ) -> None:  # fmt: skip
        super().__init__()
        self.convolution = nn.Conv2d(
            inside, outside, kernel, padding=1 if kernel == 3 else 0, bias=not norm
        )
        self.norm = nn.BatchNorm2d(outside) if norm else None
        self.pool = pool
        self.shrinks = 0 if kernel == 3 else kernel - 1

    def forward(self, x: Tensor, widths: Tensor) -> tuple[Tensor, Tensor]:
        """Return the maps `n x outside x H x W` and how wide each line is now."""
        x = self.convolution(x)  # n x outside x H x W
        widths = widths - self.shrinks
        inside = torch.arange(x.shape[3], device=x.device) < widths[:, None]  # n x W
        if self.norm is not None:
            x = self._normed(x, inside)
        # Beyond its edge a line is followed by zeros, as if it were alone.
        x = torch.relu(x) * inside[:, None, None]
        if self.pool is not None:
            x = nn.functional.max_pool2d(x, self.pool)
            widths = widths // self.pool[1]
        return x, widths

    def _normed(self, x: Tensor, inside: Tensor) -> Tensor:
        assert self.norm is not None
        if not self.training:
            rest: Tensor = self.norm(x)
            return rest
        columns = x.permute(0, 3, 1, 2)  # n x W x outside x H
        normed = torch.zeros_like(columns)
        # The means are those of the lines, not of what pads them.
        normed[inside] = self.norm(columns[inside].unsqueeze(-1)).squeeze(-1).to(normed.dtype)
        return normed.permute(0, 2, 3, 1)


class RecurrentLayer(nn.Module):
    """A bidirectional LSTM over each line's own steps, and a linear layer.

    Each direction is an LSTM of its own that starts at a real step, the lines turned round for
    the second; what it makes of padding comes after all that is used. A packed sequence would give
    the same, many times slower on a CPU.
    """

    def __init__(self, inside: int, hidden: int) -> None:
        super().__init__()
        self.onward = nn.LSTM(inside, hidden, batch_first=True)
        self.backwards = nn.LSTM(inside, hidden, batch_first=True)
        self.linear = nn.Linear(2 * hidden, hidden)

    def forward(self, x: Tensor, steps: Tensor) -> Tensor:
        """Return what both directions read at each step, `n x steps x hidden`."""
        places = torch.arange(x.shape[1], device=x.device)
        last = steps[:, None] - 1
        # Step t of a turned line is its last minus t; padding stays where it is.
        turn = torch.where(places <= last, last - places, places).unsqueeze(-1)  # n x T x 1
        onward, _ = self.onward(x)
        turned, _ = self.backwards(x.gather(1, turn.expand_as(x)))
        both = torch.cat([onward, turned.gather(1, turn.expand_as(turned))], -1)
        linear: Tensor = self.linear(both)
        return linear


def convolutions(channels: int) -> nn.ModuleList:
    """Return the convolutions, whose last has `channels` channels."""
    eighth, quarter, half = channels // 8, channels // 4, channels // 2
    return nn.ModuleList(
        [
            ConvolutionLayer(1, eighth, pool=(2, 2)),
            ConvolutionLayer(eighth, quarter, pool=(2, 2)),
            ConvolutionLayer(quarter, half),
            ConvolutionLayer(half, half, pool=(2, 1)),
            ConvolutionLayer(half, channels, norm=True),
            ConvolutionLayer(channels, channels, norm=True, pool=(2, 1)),
            ConvolutionLayer(channels, channels, kernel=2),
        ]
    )


def ctc_loss(logits: Tensor, steps: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """Return the mean over lines of the CTC loss per character, weighted."""
    lengths = (labels >= 0).sum(1)
    losses = nn.functional.ctc_loss(
        # The sums over paths need float32, whatever the layers were computed in.
        logits.float().log_softmax(-1).transpose(0, 1),
        labels.clamp(min=0),
        steps,
        lengths,
        blank=BLANK,
        reduction="none",
        # Augmentation may have made a line too narrow for its text; it then teaches nothing.
        zero_infinity=True,
    )
    losses = losses / lengths.clamp(min=1)
    return losses.mean() if weights is None else (losses * weights).mean()
