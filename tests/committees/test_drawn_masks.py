from __future__ import annotations

import pytest
import torch
from torch import nn
from torch.nn import functional

from altasks.committees import MCDropout, Network
from altasks.committees.drawn_masks import DrawnMasks
from altasks.committees.dropout_calls import DropoutCalls


def normal(*shape: int, dtype: torch.dtype = torch.float32) -> torch.Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(dtype)


def calls_with(seed: int) -> DropoutCalls:
    calls = DropoutCalls()
    calls.masks = DrawnMasks(seed)
    return calls


@pytest.mark.parametrize("p", [0.0005, 0.01, 0.1, 0.5, 0.9])
def test_as_many_are_dropped_as_should_be(p: float) -> None:
    count = 400_000
    dropped = int((DrawnMasks(3).kept(torch.Size((4, count // 4)), p) == 0).sum())
    assert abs(dropped - p * count) < 4.5 * (p * (1 - p) * count) ** 0.5


def test_neighbours_and_calls_are_independent() -> None:
    masks = DrawnMasks(0)
    first, second = (masks.kept(torch.Size((200_000,)), 0.5).double() for _ in range(2))
    for one, other in ((first, second), (first[1:], first[:-1]), (first[4:], first[:-4])):
        assert abs(float(torch.corrcoef(torch.stack([one, other]))[0, 1])) < 0.01


def test_the_bits_are_the_same_for_ever() -> None:
    """NumPy promises them; scores of an old round can be drawn again."""
    kept = DrawnMasks(12345).kept(torch.Size((24,)), 0.5)
    assert "".join(map(str, kept.tolist())) == BITS
    assert DrawnMasks(12345).kept(torch.Size((2, 3)), 0.5).flatten().tolist() == kept[:6].tolist()


BITS = "111011101110110110010111"


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
@pytest.mark.parametrize("shape", [(), (1,), (7,), (3, 5, 2), (0, 4)])
def test_values_are_zero_or_scaled(dtype: torch.dtype, shape: tuple[int, ...]) -> None:
    values = normal(*shape, dtype=dtype)
    kept = DrawnMasks(1).kept(values.shape, 0.25)
    found = DrawnMasks(1).dropout(values, 0.25)
    assert found.dtype == dtype
    torch.testing.assert_close(found, torch.where(kept.bool(), values / 0.75, 0).to(dtype))


def brute_force(
    query: torch.Tensor,
    key: torch.Tensor,
    value: torch.Tensor,
    shown: torch.Tensor,
    added: torch.Tensor,
    kept: torch.Tensor,
    scale: float,
    p: float,
) -> torch.Tensor:
    """Attention row by row; what isn't shown is left out of the sums."""
    found = torch.zeros(*query.shape[:-1], value.shape[-1], dtype=torch.float64)
    for b, h, i in torch.cartesian_prod(*(torch.arange(n) for n in query.shape[:3])).tolist():
        places = shown[b, h, i].nonzero().flatten().tolist()
        if not places:
            continue
        scores = [float(query[b, h, i] @ key[b, h, j]) * scale for j in places]
        scores = [one + float(added[b, h, i, j]) for one, j in zip(scores, places, strict=True)]
        weights = torch.tensor(scores, dtype=torch.float64).softmax(0)
        for weight, j in zip(weights, places, strict=True):
            found[b, h, i] += weight * int(kept[b, h, i, j]) / (1 - p) * value[b, h, j]
    return found


@pytest.mark.parametrize("kind", ["none", "bool", "float", "causal", "causal and bool"])
def test_attention_is_a_sum_over_what_is_shown(kind: str) -> None:
    query, key, value = (normal(2, 3, length, 4).double() for length in (5, 6, 6))
    shown = torch.ones(2, 3, 5, 6, dtype=torch.bool)
    added = torch.zeros(2, 3, 5, 6, dtype=torch.float64)
    options: dict[str, object] = {}
    if "bool" in kind:
        mask = normal(2, 1, 5, 6) > -0.5
        mask[0, 0, 2] = False  # shown nothing at all
        shown = shown & mask
        options["attn_mask"] = mask
    if kind == "float":
        added = added + normal(2, 1, 5, 6).double()
        options["attn_mask"] = added
    if "causal" in kind:
        shown = shown & torch.ones(5, 6, dtype=torch.bool).tril()
        options["is_causal"] = True
    kept = DrawnMasks(5).kept(torch.Size((2, 3, 5, 6)), 0.3)
    expected = brute_force(query, key, value, shown, added, kept, 0.7, 0.3)
    found = DrawnMasks(5).attention(query, key, value, dropout_p=0.3, scale=0.7, **options)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected)


def test_attention_is_torch_s_but_for_the_masks() -> None:
    query, key, value = (normal(2, 2, 4, 8) for _ in range(3))
    mask = torch.tensor([True, True, False, True]).expand(2, 1, 4, 4)
    expected = functional.scaled_dot_product_attention(query, key, value, mask)
    with calls_with(0):
        many = [
            functional.scaled_dot_product_attention(query, key, value, mask, 0.2)
            for _ in range(3000)
        ]
    torch.testing.assert_close(torch.stack(many).mean(0), expected, atol=0.05, rtol=0)


def test_what_masks_cannot_serve_is_left_to_torch() -> None:
    values = torch.ones(50, 20)
    with calls_with(0) as calls, torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        whole = torch.ones(50, 20)
        functional.dropout(whole, 0.5, inplace=True)
        assert set(whole.unique().tolist()) == {0.0, 2.0}  # in place indeed
        assert not functional.dropout(values, 1.0).any()
        assert torch.equal(functional.dropout(values, 0.5, training=False), values)
        rows = functional.dropout1d(values[None], 0.5)[0]
        assert all(len(row.unique()) == 1 for row in rows)
        tied = values.clone().requires_grad_()
        functional.dropout(tied, 0.5).sum().backward()
        assert set(tied.grad.unique().tolist()) == {0.0, 2.0}  # type: ignore[union-attr]
        shared = functional.scaled_dot_product_attention(
            torch.ones(1, 4, 3, 8), torch.ones(1, 2, 3, 8), torch.ones(1, 2, 3, 8),
            dropout_p=0.5, enable_gqa=True,
        )  # fmt: skip
        assert shared.shape == (1, 4, 3, 8)
    assert calls.fired == {"dropout", "dropout1d", "scaled_dot_product_attention"}


def test_a_pass_draws_its_own_masks_for_each_batch() -> None:
    model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.5), nn.Linear(16, 2)).eval()
    network = Network(model, model, model[-1], 2)
    batch = torch.ones(4, 3)
    drawn = MCDropout(3).draw(network, [batch, batch])
    again = MCDropout(3).draw(network, [batch, batch])
    for one, other in zip(drawn, again, strict=True):
        assert torch.equal(one.logits, other.logits)
    rows = torch.cat([part.logits.flatten(0, 1) for part in drawn])  # 24 x 2
    assert len(rows.unique(dim=0)) == len(rows)


def test_the_generator_of_torch_does_not_matter_on_the_cpu() -> None:
    model = nn.Sequential(nn.Linear(3, 16), nn.Dropout(0.5), nn.Linear(16, 2)).eval()
    network = Network(model, model, model[-1], 2)
    found = []
    for seed in (0, 1):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            found.append(MCDropout(3).draw(network, [torch.ones(4, 3)])[0].logits)
    assert torch.equal(*found)
