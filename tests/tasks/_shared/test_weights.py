from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file, save_model
from torch import nn

from altasks.errors import InvalidInputError
from altasks.tasks._shared.weights import read_weights


class Tied(nn.Module):
    """Two layers with one weight, which a file has once."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(3, 3)
        self.second = nn.Linear(3, 3)
        self.second.weight = self.first.weight


def read(model: nn.Module, path: Path) -> None:
    read_weights(model, path, argument="directory", expected="this model's weights", hint="Ask.")


def values(model: nn.Module) -> dict[str, torch.Tensor]:
    return {name: value.clone() for name, value in model.state_dict().items()}


def test_all_of_them_are_read(tmp_path: Path) -> None:
    there, here = Tied(), Tied()
    save_model(there, str(tmp_path / "model.safetensors"))
    read(here, tmp_path / "model.safetensors")
    for name, value in there.state_dict().items():
        torch.testing.assert_close(here.state_dict()[name], value)
    assert here.first.weight is here.second.weight


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"second.bias": torch.zeros(4)}, r"'second.bias' is \[4\], the model's \[3\]"),
        ({"third.bias": torch.zeros(3)}, "'third.bias' is not one of the model's"),
        ({"second.bias": None}, "the model's 'second.bias' is missing"),
        ({"first.weight": None, "second.weight": None}, "'first.weight' is missing"),
    ],
)
def test_a_model_is_left_as_it_was_by_weights_of_another(
    tmp_path: Path, change: dict[str, torch.Tensor | None], found: str
) -> None:
    model = Tied()
    before = values(model)
    other = {name: value + 1 for name, value in before.items() if name != "second.weight"}
    kept = {name: value for name, value in {**other, **change}.items() if value is not None}
    save_file(kept, str(tmp_path / "model.safetensors"))
    with pytest.raises(InvalidInputError, match=f"directory.*{found}.*Ask."):
        read(model, tmp_path / "model.safetensors")
    for name, value in values(model).items():
        assert torch.equal(value, before[name])


def test_a_damaged_file_and_none_are_named(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"damaged")
    for name in ("model.safetensors", "none.safetensors"):
        with pytest.raises(InvalidInputError, match=rf"damaged file.*{name}"):
            read(Tied(), tmp_path / name)
