import pytest
import torch

from altasks.errors import InvalidInputError
from altasks.tasks.ocr.crnn import CRNN, ENGLISH_G2, steps_of


@pytest.fixture
def tiny():
    return CRNN("abc ", height=32, channels=16, hidden=8)


def pictures(*widths, seed=0):
    generator = torch.Generator().manual_seed(seed)
    return [torch.rand(1, 32, width, generator=generator) * 2 - 1 for width in widths]


def padded(parts, beyond=0.0):
    widest = max(part.shape[2] for part in parts)
    whole = torch.full((len(parts), 1, 32, widest), beyond)
    for row, part in enumerate(parts):
        whole[row, :, :, : part.shape[2]] = part
    return whole, torch.tensor([part.shape[2] for part in parts])


@pytest.mark.parametrize("trained", [False, True])
def test_padding_changes_nothing(tiny, trained):
    for module in tiny.modules():  # running means that are not 0 and 1
        if isinstance(module, torch.nn.BatchNorm2d):
            torch.nn.init.uniform_(module.running_mean)
    tiny.train(trained)
    if trained:  # the means must not move between the two calls
        for module in tiny.modules():
            if isinstance(module, torch.nn.BatchNorm2d):
                module.eval()
    parts = pictures(40, 20, 64, 8)
    logits, steps = tiny(*padded(parts))
    assert steps.tolist() == [9, 4, 15, 1]
    for row, part in enumerate(parts):
        alone, _ = tiny(*padded([part]))
        torch.testing.assert_close(logits[row, : steps[row]], alone[0], atol=1e-5, rtol=1e-4)


def test_the_means_of_a_batch_leave_padding_out(tiny):
    tiny.train()
    parts = pictures(40, 20)
    with torch.no_grad():
        tiny(*padded(parts))
    first = {name: value.clone() for name, value in tiny.named_buffers()}
    again = CRNN("abc ", height=32, channels=16, hidden=8).train()
    wider, widths = padded([*parts])
    with torch.no_grad():
        again(torch.nn.functional.pad(wider, (0, 80)), widths)
    for name, value in again.named_buffers():
        torch.testing.assert_close(value, first[name])


def test_the_loss_is_the_mean_over_lines_of_the_loss_per_character(tiny):
    tiny.eval()
    pixels, widths = padded(pictures(40, 64))
    labels = torch.tensor([[1, 2, -100], [3, 3, 1]])
    given = tiny(pixels, widths, labels)
    logits, steps = tiny(pixels, widths)
    logs = logits.log_softmax(-1)
    each = [
        torch.nn.functional.ctc_loss(
            logs[row, : steps[row]], labels[row][labels[row] >= 0], steps[row],
            (labels[row] >= 0).sum(), reduction="sum",
        ) / (labels[row] >= 0).sum()
        for row in range(2)
    ]  # fmt: skip
    assert given["loss"].item() == pytest.approx(torch.stack(each).mean().item(), rel=1e-5)
    weighted = tiny(pixels, widths, labels, torch.tensor([2.0, 0.0]))
    assert weighted["loss"].item() == pytest.approx(each[0].item(), rel=1e-5)
    assert given["best"].shape == (2, 15)
    assert (given["best"][0, 9:] == -100).all()
    assert (given["best"][0, :9] >= 0).all()


def test_a_line_too_narrow_for_its_text_teaches_nothing(tiny):
    loss = tiny.train()(*padded(pictures(8)), torch.tensor([[1, 2, 3, 1]]))["loss"]
    assert loss.item() == 0


def test_known_characters_keep_their_outputs():
    old = CRNN("abcd", height=32, channels=16, hidden=8, seed=3)
    old.untrained = []
    new = old.with_alphabet("xdab", seed=5)
    for mine, theirs in (("d", "d"), ("a", "a"), ("b", "b")):
        row, before = 1 + new.alphabet.index(mine), 1 + old.alphabet.index(theirs)
        assert torch.equal(new.output.weight[row], old.output.weight[before])
        assert new.output.bias[row] == old.output.bias[before]
    assert torch.equal(new.output.weight[0], old.output.weight[0])
    assert new.untrained == [1]
    for name, value in old.state_dict().items():
        if "output" not in name:
            assert torch.equal(new.state_dict()[name], value)
    first = new.output.weight[1].clone()
    new.draw(9)
    assert not torch.equal(new.output.weight[1], first)
    assert torch.equal(new.output.weight[2], old.output.weight[4])
    new.draw(5)
    assert torch.equal(new.output.weight[1], first)
    # A second graft has not forgotten which of the first are new.
    assert new.with_alphabet("xay").untrained == [1, 3]


def test_what_was_never_trained_is_drawn_whole():
    one, other = CRNN("ab", channels=8, hidden=4), CRNN("ab", channels=8, hidden=4, seed=1)
    assert not torch.equal(one.output.weight, other.output.weight)
    other.draw(0)
    for mine, theirs in zip(one.parameters(), other.parameters(), strict=True):
        assert torch.equal(mine, theirs)


def test_making_one_leaves_the_generator_alone():
    before = torch.get_rng_state()
    CRNN("ab", channels=8, hidden=4)
    assert torch.equal(before, torch.get_rng_state())


def test_saved_and_read(tiny, tmp_path):
    tiny.save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["crnn.json", "crnn.safetensors"]
    read = CRNN.read(tmp_path)
    assert read.settings() == tiny.settings()
    assert read.untrained == []
    for mine, theirs in zip(tiny.parameters(), read.parameters(), strict=True):
        assert torch.equal(mine, theirs)
    (tmp_path / "crnn.safetensors").write_bytes(b"damaged")
    with pytest.raises(InvalidInputError, match=r"written by save\(\)"):
        CRNN.read(tmp_path)


def test_easyocr_weights(english_g2):
    model = CRNN.from_easyocr(english_g2)
    assert sum(value.numel() for value in model.parameters()) == pytest.approx(3.78e6, rel=0.01)
    assert "".join(model.alphabet) == ENGLISH_G2
    assert len(ENGLISH_G2) == 96
    grafted = CRNN.from_easyocr(english_g2, "abſẽ")
    assert grafted.untrained == [3, 4]


def test_easyocr_weights_that_are_none(tmp_path):
    with pytest.raises(InvalidInputError, match="an existing file"):
        CRNN.from_easyocr(tmp_path / "none.pth")
    other = tmp_path / "other.pth"
    torch.save({"module.Prediction.weight": torch.zeros(2)}, other)
    with pytest.raises(InvalidInputError, match="the weights of EasyOCR's english_g2"):
        CRNN.from_easyocr(other)
    for damaged in (b"\x80\x04cos\nsystem\n.", b"", b"PK\x03\x04", b"<html>"):
        other.write_bytes(damaged)
        with pytest.raises(InvalidInputError, match="the weights of EasyOCR's english_g2"):
            CRNN.from_easyocr(other)


@pytest.mark.parametrize(
    ("alphabet", "message"),
    [("", "at least one"), ("aba", "each character once"), (["ab"], "one code point"), (5, "5")],
)
def test_an_alphabet_is_characters(alphabet, message):
    with pytest.raises(InvalidInputError, match=message):
        CRNN(alphabet)


def test_sizes_that_cannot_be():
    with pytest.raises(InvalidInputError, match="height: expected a whole number of at least 32"):
        CRNN("a", height=16)


def test_a_step_is_four_pixels():
    assert steps_of(torch.tensor([8, 40])).tolist() == [1, 9]
