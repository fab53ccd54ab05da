"""A tiny TrOCR made on the spot: one member, beams, samples, dropout draws."""

import numpy as np
import pytest
import torch

import altasks as al
from altasks._internal.random import isolated
from altasks.errors import CommitteeError, InvalidInputError
from altasks.testing.tasks import TaskSuite

transformers = pytest.importorskip("transformers", reason="needs the extra ocr")
Image = pytest.importorskip("PIL.Image", reason="needs the extra ocr")

LETTERS = "abcdefgh"


def make_processor():
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers

    vocab = {name: i for i, name in enumerate(["<pad>", "<s>", "</s>", "<unk>", *LETTERS])}
    tokenizer = Tokenizer(models.WordLevel(vocab, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Split(Regex("."), "isolated")
    tokenizer.decoder = decoders.Fuse()
    fast = transformers.PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>",
        unk_token="<unk>",
    )  # fmt: skip
    images = transformers.ViTImageProcessor(size={"height": 16, "width": 32})
    return transformers.TrOCRProcessor(images, fast)


def make_model(dropout=0.3):
    encoder = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        image_size=(16, 32), patch_size=8, hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )  # fmt: skip
    decoder = transformers.TrOCRConfig(
        vocab_size=4 + len(LETTERS), d_model=16, decoder_layers=1, decoder_attention_heads=2,
        decoder_ffn_dim=16, dropout=dropout, attention_dropout=dropout, activation_dropout=0.0,
        max_position_embeddings=32, pad_token_id=0, bos_token_id=1, eos_token_id=2,
        decoder_start_token_id=1, cross_attention_hidden_size=16, init_std=1.0,
    )  # fmt: skip
    config = transformers.VisionEncoderDecoderConfig.from_encoder_decoder_configs(encoder, decoder)
    with isolated(0):
        model = transformers.VisionEncoderDecoderModel(config)
    for name, value in (("decoder_start_token_id", 1), ("pad_token_id", 0), ("eos_token_id", 2),
                        ("bos_token_id", 1)):  # fmt: skip
        setattr(model.generation_config, name, value)
    return model.eval()


@pytest.fixture(scope="module")
def processor():
    return make_processor()


@pytest.fixture
def samples():
    rng = np.random.default_rng(0)
    return [
        Image.fromarray(rng.integers(0, 256, (20, width), dtype=np.uint8))
        for width in (30, 60, 44, 50)
    ]


def reader(processor, **options):
    return al.ImageToText(make_model(), processor, max_new_tokens=8, **options)


class TestBeams(TaskSuite):
    trains = False
    tolerance = 1e-3

    @pytest.fixture
    def make_task(self, processor):
        return lambda: al.OCR(reader(processor, beams=3))

    @pytest.fixture
    def samples(self):
        rng = np.random.default_rng(0)
        return [
            Image.fromarray(rng.integers(0, 256, (20, w), dtype=np.uint8)) for w in (30, 60, 44, 50)
        ]

    @pytest.fixture
    def labels(self):
        return ["abc", "a", "", "hh"]

    @pytest.fixture
    def bad_labels(self):
        return [5, "a\nb"]


def test_the_log_probability_is_the_sum_over_tokens(processor, samples):
    one = reader(processor)
    found = one.read([sample.convert("RGB") for sample in samples])
    model, tokenizer = one.model, processor.tokenizer
    for sample, (reading,) in zip(samples, found, strict=True):
        pixels = processor(images=[sample.convert("RGB")], return_tensors="pt").pixel_values
        ids = [1]
        total = 0.0
        with torch.no_grad():
            for _ in range(8):  # greedy, token by token
                logits = model(pixel_values=pixels, decoder_input_ids=torch.tensor([ids])).logits[
                    0, -1
                ]
                ids.append(int(logits.argmax()))
                total += float(logits.log_softmax(-1).max())
                if ids[-1] == 2:
                    break
        assert reading.text == tokenizer.decode(ids, skip_special_tokens=True)
        assert reading.log_prob == pytest.approx(total, abs=1e-3)


def test_what_follows_any_of_several_ends_is_padding(processor, samples):
    images = [sample.convert("RGB") for sample in samples]
    one = reader(processor)
    one.model.generation_config.eos_token_id = [2, 8]
    lengths = {len(row[0].text) for row in one.read(images)}
    assert len(lengths) > 1  # so that some are padded in their batch
    together = [row[0].log_prob for row in one.read(images)]
    alone = [one.read([image])[0][0].log_prob for image in images]
    assert together == pytest.approx(alone, abs=1e-3)


def test_beams_come_best_first(processor, samples):
    rows = reader(processor, beams=3).read([sample.convert("RGB") for sample in samples])
    assert all(len(row) == 3 for row in rows)
    assert all(len({one.text for one in row}) > 1 for row in rows)


@pytest.mark.parametrize("kind", ["samples", "passes"])
def test_draws_are_of_the_round(processor, samples, kind):
    task, other = (al.OCR(reader(processor, **{kind: 4})) for _ in range(2))
    assert not task.joint_draws
    before = torch.get_rng_state()
    first = task.predict(samples).texts
    assert torch.equal(before, torch.get_rng_state())
    assert first == other.predict(samples).texts
    task.start_round(1)
    assert first != task.predict(samples).texts
    assert any(len(set(row)) > 1 for row in first)


def test_a_folder_is_a_member(processor, samples, tmp_path):
    model = make_model()
    model.save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    task = al.OCR(members=[tmp_path, lambda images: ["abc"] * len(images)])
    assert task.predict(samples).members == 2
    assert task.embed(samples).shape == (4, 16)


def test_a_checkpoint_by_path_works_where_the_task_does(processor, tmp_path, monkeypatch):
    from altasks.tasks.ocr import image_to_text

    make_model().save_pretrained(tmp_path)
    processor.save_pretrained(tmp_path)
    asked = []
    pick = image_to_text.pick_device

    def noted(device, model, *, loaded):
        asked.append(device)
        return pick("cpu", model, loaded=loaded)

    monkeypatch.setattr(image_to_text, "pick_device", noted)
    al.OCR(tmp_path, device="cpu")
    al.OCR(members=[tmp_path])
    assert asked == ["cpu", None]


def test_what_cannot_be(processor):
    with pytest.raises(InvalidInputError, match="samples: expected 1 beside beams"):
        reader(processor, beams=2, samples=2)
    with pytest.raises(InvalidInputError, match="passes: expected a whole number"):
        reader(processor, passes=0)
    with pytest.raises(InvalidInputError, match="processor: expected what makes pixels"):
        al.ImageToText(make_model())
    with pytest.raises(InvalidInputError, match="an encoder-decoder that generates text"):
        al.ImageToText(torch.nn.Linear(1, 1), processor)
    with pytest.raises(CommitteeError, match="every dropout probability"):
        al.ImageToText(make_model(dropout=0.0), processor, passes=3)
    with pytest.raises(InvalidInputError, match="model: expected a local folder"):
        al.ImageToText("./nowhere")


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("options", [{}, {"beams": 3}])
def test_half_precision_reads_nearly_the_same(processor, samples, dtype, options):
    half, whole = (
        al.OCR(al.ImageToText(model, processor, max_new_tokens=8, **options))
        for model in (make_model().to(dtype), make_model().to(dtype).float())
    )
    found, expected = half.predict(samples), whole.predict(samples)
    assert found.log_probs.dtype == torch.float32
    assert [row[0] for row in found.texts] == [row[0] for row in expected.texts]
    best = found.log_probs[:, 0], expected.log_probs[:, 0]
    torch.testing.assert_close(*best, rtol=0.02, atol=0.3)
    assert half.embed(samples).dtype == torch.float32
