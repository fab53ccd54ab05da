from __future__ import annotations

import warnings

import numpy as np
import pytest
import torch
from torch import nn

from altasks.errors import InvalidInputError
from altasks.strategies.base import Candidates
from altasks.strategies.expected_error_reduction import ExpectedErrorReduction
from altasks.testing.strategies import StrategySuite, make_candidates, replace

LOSSES = ["entropy", "error"]


class TestStep(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return ExpectedErrorReduction(sample=20)


class TestRefit(StrategySuite):
    pool_size = 10
    large_pool_size = 150

    @pytest.fixture
    def strategy(self):
        return ExpectedErrorReduction("refit", loss="error")


def loss_of(probs, loss):
    if loss == "error":
        return 1 - probs.max(-1)
    return -(probs * np.log(np.maximum(probs, 1e-300))).sum(-1)


def net(n, d, classes, bias, seed=0, spread=1.0):
    """A last layer in float64, inputs, and the candidates they make."""
    generator = torch.Generator().manual_seed(seed)
    head = nn.Linear(d, classes, bias=bias).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(spread * torch.randn(parameter.shape, generator=generator))
    inputs = torch.randn(n, d, generator=generator).double()
    probs = torch.softmax(head(inputs), 1).detach()
    ids = [f"s{row}" for row in range(n)]
    candidates = Candidates(ids, np.zeros(n), embeddings=inputs, mean_probs=probs)
    return head, inputs, candidates


def after_sgd(head, inputs, row, label, rate, loss):
    """The pool's mean loss after a real step of a real optimiser."""
    twin = nn.Linear(head.in_features, head.out_features, bias=head.bias is not None).double()
    twin.load_state_dict(head.state_dict())
    optimiser = torch.optim.SGD(twin.parameters(), lr=rate)
    nn.functional.cross_entropy(twin(inputs[row]), torch.tensor(label)).backward()
    optimiser.step()
    return loss_of(torch.softmax(twin(inputs), 1).detach().numpy(), loss).mean()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("classes", [2, 5])
def test_a_step_equals_a_step_of_sgd(classes, bias, loss):
    for seed, step in enumerate((0.01, 1.0, 30.0)):
        head, inputs, candidates = net(7, 4, classes, bias, seed)
        length = inputs.square().sum(1).mean() + bias
        probs = candidates.mean_probs.numpy()
        now = loss_of(probs, loss).mean()
        expected = [
            sum(
                probs[row, label]
                * (now - after_sgd(head, inputs, row, label, float(step / length), loss))
                for label in range(classes)
            )
            for row in range(7)
        ]
        made = ExpectedErrorReduction(loss=loss, step=step, bias=bias)
        found = made.reductions(candidates, rng=np.random.default_rng(seed))
        assert found == pytest.approx(expected, rel=1e-5, abs=1e-12)
        best = [f"s{row}" for row in np.argsort(-np.array(expected))]
        made = ExpectedErrorReduction(loss=loss, batch="best", step=step, bias=bias)
        assert made.select(candidates, 7, rng=np.random.default_rng(seed)) == best


def entropy_of(logits):
    logs = torch.log_softmax(logits, -1)
    return -(logs.exp() * logs).sum(-1)


@pytest.mark.parametrize("classes", [2, 4])
def test_small_steps_follow_the_second_order_term(classes):
    """docs/concepts/gradients.md: eta^2/2 k_ij^2 tr(Hessian of the entropy x covariance)."""
    head, inputs, candidates = net(6, 3, classes, bias=True)
    logits, probs = head(inputs).detach(), candidates.mean_probs
    products = inputs @ inputs.T + 1
    length = float(products.diagonal().mean())
    expected = np.zeros(6)
    for i in range(6):
        covariance = probs[i].diag() - torch.outer(probs[i], probs[i])
        for j in range(6):
            hessian = torch.autograd.functional.hessian(entropy_of, logits[j])
            # The formula of the page, by hand.
            p = probs[j]
            a = p.log() + entropy_of(logits[j])
            by_hand = torch.outer(p, p) * (1 + a + a[:, None]) - torch.diag(p * (1 + a))
            torch.testing.assert_close(hessian, by_hand)
            expected[i] -= (
                0.5 * float(products[i, j]) ** 2 * float((hessian * covariance).sum()) / 6
            )
    for step in (1e-2, 1e-3):
        made = ExpectedErrorReduction(step=step)
        found = made.reductions(candidates, rng=np.random.default_rng(0))
        assert found / (step / length) ** 2 == pytest.approx(expected, rel=20 * step, abs=step)


def test_the_two_traps():
    """Both averages over the model's own labels are 0; and its predicted class can only lose."""
    head, inputs, candidates = net(6, 3, 4, bias=True)
    probs = candidates.mean_probs
    for row in range(6):
        parts = [
            torch.autograd.grad(
                nn.functional.cross_entropy(head(inputs[row]), torch.tensor(label)), head.weight
            )[0]
            for label in range(4)
        ]
        average = sum(float(p) * part for p, part in zip(probs[row], parts, strict=True))
        assert float(average.abs().max()) < 1e-12
    for step in (0.01, 1.0, 10.0):
        for i in range(6):
            for j in range(6):
                moved = step * (inputs[i] @ inputs[j] + 1) * (torch.eye(4) - probs[i])
                logs = torch.log_softmax(head(inputs[j]).detach() + moved, 1)  # labels x classes
                best = int(probs[j].argmax())
                assert -float(probs[i] @ logs[:, best]) >= -float(probs[j, best].log()) - 1e-12


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("classes", [2, 3])
def test_a_refit_equals_fitting_with_the_true_labels(classes, loss):
    """scikit-learn fits with labels that the strategy never sees."""
    linear_model = pytest.importorskip("sklearn.linear_model")

    def fitted(x, y, ridge):
        # The bias is a column of ones, so that it is penalised as here.
        model = linear_model.LogisticRegression(
            C=1 / ridge, fit_intercept=False, tol=1e-12, max_iter=10_000, solver="newton-cg"
        )
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a line search at the limit of rounding
            return model.fit(x, y)

    for seed, ridge in enumerate((0.1, 1.0)):
        rng = np.random.default_rng(seed)
        x = np.concatenate([rng.normal(size=(20, 2)), np.ones((20, 1))], 1)
        y = np.concatenate([np.arange(classes), rng.integers(classes, size=8 - classes)])
        model = fitted(x[:8], y, ridge)
        if classes == 2:
            # Two classes are a sigmoid there, whose one row of weights is two rows' difference.
            model = fitted(x[:8], y, ridge / 2)
        probs = model.predict_proba(x[8:])
        now = loss_of(probs, loss).mean()
        expected = []
        for row in range(12):
            total = 0.0
            for label in range(classes):
                again = fitted(
                    np.concatenate([x[:8], x[8 + row : 9 + row]]),
                    np.append(y, label),
                    ridge / 2 if classes == 2 else ridge,
                )
                after = loss_of(again.predict_proba(x[8:]), loss).mean()
                total += probs[row, label] * (now - after)
            expected.append(total)
        candidates = Candidates(
            [f"s{row}" for row in range(12)],
            np.zeros(12),
            embeddings=x[8:, :2],
            mean_probs=probs,
            labelled_embeddings=x[:8, :2],
            pending_embeddings=np.empty((0, 2)),
        )
        made = ExpectedErrorReduction("refit", loss=loss, ridge=ridge)
        found = made.reductions(candidates, rng=np.random.default_rng(0))
        assert found == pytest.approx(expected, rel=1e-4, abs=1e-7)


def test_the_loss_is_averaged_over_those_drawn():
    _, _, candidates = net(60, 3, 3, bias=True)
    exact = ExpectedErrorReduction(sample=None).reductions(candidates, rng=np.random.default_rng(0))
    capped = ExpectedErrorReduction(sample=60).reductions(candidates, rng=np.random.default_rng(1))
    assert capped == pytest.approx(exact)
    made = ExpectedErrorReduction(sample=10)
    drawn = [made.reductions(candidates, rng=np.random.default_rng(s)) for s in range(300)]
    assert not np.allclose(drawn[0], drawn[1])
    error = np.std(drawn, 0) / np.sqrt(300)
    assert (np.abs(np.mean(drawn, 0) - exact) < 5 * error).all()


def test_many_among_the_undecided_beat_one_apart():
    """Equal probabilities: the label that says something of many others is worth more."""
    rng = np.random.default_rng(0)
    crowd = np.array([5.0, 0.0, 0.0]) + 0.1 * rng.normal(size=(30, 3))
    apart = np.array([[0.0, 5.0, 0.0], [0.0, 0.0, 5.0]])
    candidates = Candidates(
        [f"s{row}" for row in range(32)],
        np.zeros(32),
        embeddings=np.concatenate([crowd, apart]),
        mean_probs=np.full((32, 2), 0.5),
        labelled_embeddings=np.zeros((1, 3)),
        pending_embeddings=np.zeros((1, 3)),
    )
    for method in ("step", "refit"):
        for loss in LOSSES:
            made = ExpectedErrorReduction(method, loss=loss, batch="best", bias=False)
            picks = made.select(candidates, 30, rng=np.random.default_rng(0))
            assert not {"s30", "s31"} & set(picks)


def test_a_batch_covers_the_pool():
    """Each pick adds the most to what every sample gains from the pick that serves it best."""
    for seed in range(4):
        head, inputs, candidates = net(9, 3, 3, bias=True, seed=seed)
        probs = candidates.mean_probs
        rate = 1 / float((inputs.square().sum(1) + 1).mean())
        gains = np.zeros((9, 9))  # of the column's sample by the label of the row's
        for i in range(9):
            moved = rate * (inputs @ inputs[i] + 1)
            for label in range(3):
                logits = head(inputs).detach() + torch.outer(moved, torch.eye(3)[label] - probs[i])
                gains[i] += (
                    float(probs[i, label])
                    * (entropy_of(head(inputs)) - entropy_of(logits)).detach().numpy()
                )
        expected = [int(gains.sum(1).argmax())]
        while len(expected) < 5:
            left = [i for i in range(9) if i not in expected]
            now = gains[expected].max(0).sum()
            best = max(left, key=lambda i: gains[[*expected, i]].max(0).sum())
            if gains[[*expected, best]].max(0).sum() <= now + 1e-12:
                break
            expected.append(best)
        found = ExpectedErrorReduction().select(
            candidates, len(expected), rng=np.random.default_rng(seed)
        )
        assert found == [f"s{row}" for row in expected]


def test_a_batch_is_not_one_sample_many_times():
    """Near-copies of the best serve whom the best serves already."""
    rng = np.random.default_rng(0)
    groups = np.repeat(3 * np.eye(4), [40, 30, 20, 10], axis=0)
    points = groups + 0.05 * rng.normal(size=groups.shape)
    candidates = Candidates(
        [f"s{row}" for row in range(100)],
        np.zeros(100),
        embeddings=points,
        mean_probs=np.full((100, 2), 0.5),
    )
    found = {}
    for batch in ("cover", "best"):
        made = ExpectedErrorReduction(batch=batch, bias=False, sample=None)
        picks = made.select(candidates, 4, rng=np.random.default_rng(0))
        found[batch] = sorted(int(groups[int(name[1:])].argmax()) for name in picks)
    assert found == {"cover": [0, 1, 2, 3], "best": [0, 0, 0, 0]}


def test_certain_and_huge():
    """Probabilities of 0, and products that exp() can't take, give finite reductions."""
    rng = np.random.default_rng(0)
    points = rng.normal(size=(12, 4))
    points[5] *= 1e8
    probs = np.eye(3)[rng.integers(3, size=12)]
    probs[::2] = rng.dirichlet(np.ones(3), 6)
    made = make_candidates(ExpectedErrorReduction("refit").needs, 12, dim=4, classes=3)
    candidates = replace(made, embeddings=points, mean_probs=probs)
    for method, step in (("step", 1.0), ("step", 1e6), ("refit", 1.0)):
        for loss in LOSSES:
            strategy = ExpectedErrorReduction(method, loss=loss, step=step)
            found = strategy.reductions(candidates, rng=np.random.default_rng(0))
            assert np.isfinite(found).all()


def test_independent_labels_are_refused():
    candidates = make_candidates(ExpectedErrorReduction().needs, 9)
    candidates = replace(candidates, mean_probs=np.full((9, 4), 0.5))
    with pytest.raises(InvalidInputError, match=r"mean_probs.*sum to 1"):
        ExpectedErrorReduction().select(candidates, 2, rng=np.random.default_rng(0))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"method": "retrain"}, "method"),
        ({"loss": "hinge"}, "loss"),
        ({"batch": "all"}, "batch"),
        ({"step": 0.0}, "step"),
        ({"ridge": np.inf}, "ridge"),
        ({"sample": 0}, "sample"),
        ({"sample": True}, "sample"),
        ({"bias": None}, "bias"),
    ],
)
def test_bad_options(options, message):
    with pytest.raises(InvalidInputError, match=message):
        ExpectedErrorReduction(**options)
