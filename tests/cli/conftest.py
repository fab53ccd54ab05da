"""A tiny checkpoint and a small pool: everything the shell's tests rank."""

import csv
import json

import pytest

WORDS = ["card", "lost", "rate", "exchange", "top", "up", "failed", "my", "what", "is", "the"]
SPECIAL = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]


@pytest.fixture(scope="session")
def checkpoint(tmp_path_factory):
    """A two-layer BERT with three named classes, saved as a fine-tuned model would be."""
    transformers = pytest.importorskip("transformers", reason="needs the extra text")
    import torch

    from altasks._internal.random import isolated

    folder = tmp_path_factory.mktemp("checkpoint")
    (folder / "vocab.txt").write_text("\n".join(SPECIAL + WORDS) + "\n", encoding="utf-8")
    config = transformers.BertConfig(
        vocab_size=len(SPECIAL + WORDS),
        hidden_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=32,
        id2label={0: "card", 1: "rate", 2: "top-up"},
        label2id={"card": 0, "rate": 1, "top-up": 2},
    )
    with isolated(0):
        model = transformers.BertForSequenceClassification(config)
        with torch.no_grad():
            # Fresh weights are so small that every text gets the same answer.
            model.classifier.weight.mul_(40)
    model.save_pretrained(folder)
    transformers.BertTokenizer(str(folder / "vocab.txt")).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def trunk(checkpoint, tmp_path_factory):
    """The same encoder saved without its head: a model nobody has fine-tuned."""
    transformers = pytest.importorskip("transformers")
    folder = tmp_path_factory.mktemp("trunk")
    transformers.BertModel.from_pretrained(checkpoint).save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(checkpoint).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def rows():
    """Thirty distinct short texts with ids."""
    return [
        {
            "id": f"q{i}",
            "text": " ".join(WORDS[(i * step) % len(WORDS)] for step in range(1, 3 + i % 7)),
            "note": "x",
        }
        for i in range(30)
    ]


@pytest.fixture
def pool_csv(tmp_path, rows):
    path = tmp_path / "pool.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["id", "text", "note"])
        writer.writeheader()
        writer.writerows(rows)
    return path


@pytest.fixture
def pool_jsonl(tmp_path, rows):
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path
