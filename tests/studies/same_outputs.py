"""Whether two checkouts of altasks compute the same bits: digests of outputs of drawn inputs.

Write the digests of each checkout, then compare them::

    PYTHONPATH=/path/to/one   python same_outputs.py write one.jsonl
    PYTHONPATH=/path/to/other python same_outputs.py write other.jsonl
    python same_outputs.py compare one.jsonl other.jsonl

Only public names are used, so that checkouts of any layout can be compared. Four kinds of output:
scores of every acquisition function, picks of every strategy, scores of pools, and what training
and writing leave on the disk. An input that is refused counts by the kind of its error. One thread,
since sums of several may differ in their last bits.
"""

from __future__ import annotations

import argparse
import hashlib
import inspect
import itertools
import json
import os
import sys
import tempfile
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
import torch

import altasks as al
from altasks.testing.acquisitions import make_predictions
from altasks.testing.strategies import POOLS, make_candidates, replace

ACQUISITIONS = (
    "bald", "box_disagreement", "by_span", "consensus_kl", "dice_disagreement",
    "edit_disagreement", "entropy", "epistemic_variance", "expected_gradient_length",
    "least_confidence", "margin", "mnlp", "near_boundary", "sequence_variation_ratio", "variance",
    "variation_ratio", "vote_entropy",
)  # fmt: skip
DTYPES = (torch.float64, torch.float32, torch.float16, torch.bfloat16)

#: A strategy under a name; wrappers hold another. Those that are slow get smaller pools.
STRATEGIES: dict[str, Callable[[], Any]] = {
    "top_k": al.TopK,
    "random": al.Random,
    "power": al.Power,
    "softmax": al.Softmax,
    "soft_rank": al.SoftRank,
    "k_center": al.KCenter,
    "k_center_cosine": lambda: al.KCenter("cosine"),
    "k_center_outliers": lambda: al.KCenter(outliers=0.1),
    "badge": al.Badge,
    "badge_regression": al.BadgeRegression,
    "badge_by_score": lambda: al.BadgeRegression("score"),
    "batch_bald": lambda: al.BatchBALD(200),
    "k_dpp": al.KDPP,
    "max_det": al.MaxDet,
    "lcmd": al.LCMD,
    "facility_location": al.FacilityLocation,
    "facility_location_sampled": lambda: al.FacilityLocation(20, 10),
    "cluster_margin": al.ClusterMargin,
    "density_weighted": al.DensityWeighted,
    "typiclust": al.TypiClust,
    "prob_cover": lambda: al.ProbCover(1.0),
    "prob_cover_estimated": lambda: al.ProbCover(classes=3),
    "expected_error_reduction": al.ExpectedErrorReduction,
    "error_reduction_by_refit": lambda: al.ExpectedErrorReduction("refit"),
    "variance_reduction": al.VarianceReduction,
    "variance_reduction_trace": lambda: al.VarianceReduction("trace"),
    "fisher_matching": lambda: al.FisherMatching(fisher_target()),
    "epsilon_greedy": lambda: al.EpsilonGreedy("top_k", 0.3),
    "hybrid": lambda: al.Hybrid("k_center"),
    "balanced": lambda: al.Balanced("top_k"),
    "subsampled": lambda: al.Subsampled("k_center", 30),
}
SLOW = {"error_reduction_by_refit", "fisher_matching", "batch_bald"}

Case = tuple[str, Callable[[], Any]]


def digest(value: Any) -> str:
    """Return a hash of a value's bits, shape and type."""
    found = hashlib.blake2b(digest_size=12)
    _feed(found, value)
    return found.hexdigest()


def _feed(found: Any, value: Any) -> None:
    if isinstance(value, torch.Tensor):
        found.update(f"{list(value.shape)}{value.dtype}".encode())
        bits = value.detach().cpu().contiguous().reshape(-1)
        found.update(bits.view(torch.uint8).numpy().tobytes() if bits.numel() else b"")
    elif isinstance(value, np.ndarray):
        found.update(f"{list(value.shape)}{value.dtype}".encode() + value.tobytes())
    elif isinstance(value, bytes):
        found.update(value)
    elif isinstance(value, dict):
        for key in sorted(value):
            found.update(f"{key}:".encode())
            _feed(found, value[key])
    elif isinstance(value, list | tuple):
        for item in value:
            _feed(found, item)
            found.update(b",")
    else:
        found.update(repr(value).encode())


def with_dtype(prediction: Any, dtype: torch.dtype, rng: np.random.Generator) -> Any:
    """Return a copy of a prediction with numbers of another type, and features to look at."""
    if isinstance(prediction, al.Transcripts):
        return prediction
    if isinstance(prediction, al.Normal):
        parts = (prediction.mean.to(dtype), prediction.variance.to(dtype))
        return al.Normal(*parts, prediction.scale)
    logits = torch.from_numpy(3 * rng.standard_normal(tuple(prediction.probs.shape)))
    features = torch.from_numpy(rng.standard_normal((len(prediction), 5)))
    if dtype == torch.float64:
        return type(prediction)(prediction.probs, features)
    return type(prediction).from_logits(logits.to(dtype), features.to(dtype))


def in_samples(units: Any, rng: np.random.Generator) -> Any:
    """Return units as a `Ragged` of samples, one of them empty, with all fields there are."""
    total = len(units)
    cuts = np.sort(rng.integers(0, total + 1, 6))
    lengths = np.diff(np.concatenate([[0], cuts, [total]]))
    spans = np.concatenate([np.arange(n) // 2 - (np.arange(n) % 3 == 0) for n in lengths])
    overlap = rng.random((total, units.members)).astype(np.float32)
    overlap[:, 0] = 1
    fields = {
        "boundary": torch.from_numpy(rng.random(total) < 0.4),
        "span": torch.from_numpy(spans.clip(-1).astype(np.int64)),
        "overlap": torch.from_numpy(overlap),
    }
    return al.Ragged(units, lengths.tolist(), fields)


def acquisition_cases() -> Iterator[Case]:
    """Every function on every kind of prediction, type of number, size of committee, reduction."""
    kinds = (al.Categorical, al.Bernoulli, al.Normal, al.Transcripts)
    for kind, members, dtype in itertools.product(kinds, (1, 4), DTYPES):
        if kind is al.Transcripts and dtype != torch.float64:
            continue
        for number, drawn in enumerate(make_predictions(kind, members=members)):
            rng = np.random.default_rng([members, number])
            plain = with_dtype(drawn, dtype, rng)
            ragged = in_samples(plain, rng)
            label = f"{kind.__name__}-{number} K={members} {dtype}"
            for name in ACQUISITIONS:
                function = al.get_acquisition(name)
                yield f"score {name} {label}", lambda f=function, p=plain: f(p)
                for options in options_of(function):
                    yield (
                        f"score {name} {label} {options}",
                        lambda f=function, p=ragged, o=options: f(p, **o),
                    )


def options_of(function: Callable[..., Any]) -> Iterator[dict[str, Any]]:
    """Yield options that a function takes: each reduction, and weights and labels once."""
    takes = inspect.signature(function).parameters
    offered: list[dict[str, Any]] = [
        {"reduce": reduce, "k": 2, "empty": -0.25}
        for reduce in ("mean", "sum", "max", "top_k", "none")
    ]
    offered += [{"class_weights": [0.5, 2.0]}, {"labels": "max"}, {"labels": "sum"}]
    for options in offered:
        if any(name in takes for name in ("reduce", "class_weights", "labels") if name in options):
            yield {name: value for name, value in options.items() if name in takes}


def strategy_cases() -> Iterator[Case]:
    """Every strategy on pools of every kind, in every type of number, small and larger."""
    for name, make in STRATEGIES.items():
        for kind, dtype, seed in itertools.product(POOLS, ("f2", "f4", "f8", "b2"), (0, 1)):
            yield (
                f"pick {name} 37 {kind} {dtype} {seed}",
                lambda m=make, k=kind, d=dtype, s=seed: picks_of(m(), 37, 9, k, d, s),
            )
        size = 150 if name in SLOW else 3000
        for kind, dtype in itertools.product(("random", "duplicates"), ("f4", "f8")):
            yield (
                f"pick {name} {size} {kind} {dtype}",
                lambda m=make, n=size, k=kind, d=dtype: picks_of(m(), n, 60, k, d, 3),
            )


def fisher_target() -> tuple[Any, ...]:
    """Return 20 drawn samples to match: embeddings, probabilities and labels."""
    drawn = make_candidates(frozenset({"embeddings", "mean_probs"}), 20, seed=9)
    return drawn.embeddings, drawn.mean_probs, [row % 4 for row in range(20)]


def picks_of(strategy: Any, size: int, n: int, kind: str, dtype: str, seed: int) -> list[str]:
    """Return what a strategy picks from a drawn pool."""
    candidates = make_candidates(strategy.needs, size, kind=kind, seed=seed)
    fields = {}
    for field in ("embeddings", "labelled_embeddings", "pending_embeddings"):
        array = getattr(candidates, field)
        if array is not None:
            narrow = torch.from_numpy(array).to(torch.bfloat16)
            fields[field] = narrow if dtype == "b2" else array.astype(dtype)
    drawn = replace(candidates, **fields)
    picks: list[str] = strategy.select(drawn, n, rng=np.random.default_rng(seed))
    return picks


class _Giver:
    """A task that gives predictions made beforehand, and embeddings."""

    def __init__(self, prediction: Any) -> None:
        self.prediction = prediction

    def predict(self, rows: Any) -> Any:
        return self.prediction[list(rows)]

    def embed(self, rows: Any) -> Any:
        return np.stack([np.arange(3, dtype=np.float32) * row for row in rows])


def pool_cases() -> Iterator[Case]:
    """Pools scored through `al.score`, plain and of units, in batches of several sizes."""
    for members, size in itertools.product((1, 4), (1, 5, 64)):
        for kind in (al.Categorical, al.Bernoulli):
            units = make_predictions(kind, members=members)[0]
            ragged = in_samples(units, np.random.default_rng(members))
            for form, given in (("plain", units), ("ragged", ragged)):
                for name in ("entropy", "margin", "bald", "vote_entropy"):
                    yield (
                        f"pool {kind.__name__} K={members} {form} {name} in {size}",
                        lambda g=given, a=name, s=size: scored(_Giver(g), range(len(g)), a, s),
                    )


def scored(task: Any, samples: Any, acquisition: str, size: int) -> list[Any]:
    """Return the ids and scores of a pool."""
    scores = al.score(task, list(samples), acquisition, batch_size=size, progress=False)
    return [list(scores.ids), scores.values]


def trained(task: Any, samples: list[Any], labels: list[Any]) -> dict[str, Any]:
    """Fit, save, predict: the weights' bytes and the predictions."""
    task.fit(samples, labels, seed=3)
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        task.save(folder)
        for path in sorted(Path(folder).rglob("*.safetensors")):
            found[path.name] = path.read_bytes()
    prediction = task.predict(samples)
    units = getattr(prediction, "units", prediction)
    found["prediction"] = units.mean if isinstance(units, al.Normal) else units.probs
    found["metrics"] = task.evaluate(samples, labels)
    return found


WORDS = (
    "ada",
    "king",
    "lived",
    "in",
    "new",
    "york",
    "wrote",
    "to",
    "paul",
    "jones",
    "about",
    "engines",
)
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def language_model(folder: Path, names: tuple[str, ...], head: str) -> Path:
    """Write a tiny untrained BERT with a tokenizer that knows the words."""
    import transformers as tf
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({p: i for i, p in enumerate(pieces)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tf.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", cls_token="[CLS]",
        sep_token="[SEP]", mask_token="[MASK]", model_max_length=32,
    ).save_pretrained(folder)  # fmt: skip
    config = tf.BertConfig(
        vocab_size=len(pieces), hidden_size=16, num_hidden_layers=2, num_attention_heads=2,
        intermediate_size=32, max_position_embeddings=32, pad_token_id=0,
        id2label=dict(enumerate(names)), label2id={name: i for i, name in enumerate(names)},
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        getattr(tf, f"AutoModelFor{head}").from_config(config).save_pretrained(folder)
    return folder


def net(*layers: Callable[[], Any]) -> Any:
    """Build a network of seeded weights."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(5)
        return torch.nn.Sequential(*(layer() for layer in layers))


def fit_cases(folder: Path) -> Iterator[Case]:
    """Tiny models of five tasks, trained for a few steps."""
    from torch import nn

    rng = np.random.default_rng(0)
    steps = {"max_steps": 4, "use_cpu": True}
    texts = [" ".join(rng.choice(WORDS, 6)) for _ in range(12)]
    topics = [("work", "play")[i % 2] for i in range(12)]
    table = list(rng.normal(size=(24, 3)))
    targets = [float(row @ [1.0, -2.0, 0.5]) for row in table]
    pictures = [rng.integers(0, 256, (20, 24, 3), np.uint8) for _ in range(6)]
    masks = [(picture[:, :, 0] // 128).astype(np.uint8) for picture in pictures]

    def text() -> Any:
        model = language_model(folder / "text", ("work", "play"), "SequenceClassification")
        task = al.TextClassification(model, training_args=steps)
        return trained(task, texts, topics)

    def ner() -> Any:
        model = language_model(folder / "ner", TAGS, "TokenClassification")
        task = al.NER(model, training_args=steps, committee=al.MCDropout(3, layers="head"))
        tags = [[TAGS[i % 2] for i in range(6)] for _ in texts]
        return trained(task, [words.split() for words in texts], tags)

    def image() -> Any:
        body = net(lambda: nn.Conv2d(3, 4, 3), nn.ReLU, lambda: nn.AdaptiveAvgPool2d(1),
                   nn.Flatten, lambda: nn.Linear(4, 2))  # fmt: skip
        options = {"labels": ["a", "b"], "input_size": 16, "training_args": steps}
        return trained(al.ImageClassification(body, **options), pictures, ["a", "b"] * 3)

    def segmentation() -> Any:
        body = net(lambda: nn.Conv2d(3, 4, 3, padding=1), nn.ReLU,
                   lambda: nn.Conv2d(4, 2, 3, padding=1))  # fmt: skip
        options = {"labels": ["dark", "light"], "stages": ["0"], "stride": 4}
        return trained(al.Segmentation(body, **options, training_args=steps), pictures, masks)

    yield "fit text", text
    yield "fit ner", ner
    yield "fit image", image
    yield "fit segmentation", segmentation
    yield "fit regression", lambda: trained(al.Regression(training_args=steps), table, targets)


def file_cases(folder: Path) -> Iterator[Case]:
    """What the writers of four formats put into a folder."""
    from PIL import Image

    import altasks.data as data

    for seed in range(10):
        rng = np.random.default_rng(seed)
        images: dict[str, Path] = {}
        labels: dict[str, list[dict[str, Any]]] = {}
        source = folder / f"images-{seed}"
        source.mkdir(parents=True)
        for i in range(4):
            name = f"{i}.png"
            Image.fromarray(rng.integers(0, 256, (30, 40, 3), np.uint8)).save(source / name)
            images[name] = source / name
            corners = np.sort(rng.uniform(0, 30, (i, 2, 2)), axis=1).reshape(i, 4)
            labels[name] = [
                {"label": ("cat", "dog")[n % 2], "box": [float(side) for side in box]}
                for n, box in enumerate(corners)
            ]
        boxed = data.BoxedImages(["cat", "dog"], images, labels)
        words = [list(rng.choice(WORDS, 4)) for _ in range(5)]
        tags = [["O", "B-PER", "I-PER", "O"] if i % 2 else ["B-LOC"] + ["O"] * 3 for i in range(5)]
        tokens = [[str(word) for word in sentence] for sentence in words]
        tagged = data.TaggedSentences(tokens, tags, [str(i) for i in range(5)])
        writers: dict[str, Callable[[Path], Any]] = {
            "coco": lambda root, b=boxed: data.write_coco(b, root / "coco.json"),
            "voc": lambda root, b=boxed: data.write_voc(b, root),
            "yolo": lambda root, b=boxed: data.write_yolo(b, root),
            "conll": lambda root, t=tagged: data.write_conll(root / "tags.conll", t),
            "conll iobes": lambda root, t=tagged: data.write_conll(
                root / "tags.conll", t, scheme="IOBES"
            ),
        }
        for name, write in writers.items():
            yield f"file {name} {seed}", lambda w=write, n=name, s=seed: written(w, folder, n, s)


def written(write: Callable[[Path], Any], folder: Path, name: str, seed: int) -> dict[str, Any]:
    """Return what a writer wrote, path by path, without the folder's own name."""
    root = folder / f"{name}-{seed}"
    root.mkdir(parents=True)
    write(root)
    return {
        str(path.relative_to(root)): path.read_bytes().replace(str(root).encode(), b"ROOT")
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def write(path: Path) -> int:
    """Write a line for each case, and return how many there are."""
    torch.set_num_threads(1)
    warnings.simplefilter("ignore")
    count = 0
    with tempfile.TemporaryDirectory() as folder, path.open("w", encoding="utf-8") as lines:
        parts = (acquisition_cases(), strategy_cases(), pool_cases(), fit_cases(Path(folder)),
                 file_cases(Path(folder)))  # fmt: skip
        for name, make in itertools.chain(*parts):
            try:
                found = digest(make())
            except Exception as error:
                # The kind alone: the words of a message may be put better.
                found = type(error).__name__
            lines.write(json.dumps({"case": name, "digest": found}) + "\n")
            count += 1
    return count


def compare(one: Path, other: Path) -> int:
    """Print which cases differ, and return how many do."""
    left, right = (
        {row["case"]: row["digest"] for row in map(json.loads, path.open(encoding="utf-8"))}
        for path in (one, other)
    )
    differing = [name for name in left if left[name] != right.get(name)]
    differing += [name for name in right if name not in left]
    for name in differing:
        print(f"{name}: {left.get(name, 'absent')} / {right.get(name, 'absent')}")
    refused = sum(1 for found in left.values() if len(found) != 24)
    print(f"{len(left)} cases ({refused} of them refused), {len(differing)} differ")
    return len(differing)


def main() -> None:
    """Run one of the two commands."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("write").add_argument("path", type=Path)
    both = commands.add_parser("compare")
    both.add_argument("one", type=Path)
    both.add_argument("other", type=Path)
    options = parser.parse_args()
    if options.command == "write":
        print(f"{write(options.path)} cases of {Path(al.__file__).parents[1]}")
    else:
        sys.exit(compare(options.one, options.other) > 0)


if __name__ == "__main__":
    main()
