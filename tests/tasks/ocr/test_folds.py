from types import SimpleNamespace

import numpy as np
import pytest
import torch

from altasks.tasks.ocr.crnn import CRNN
from altasks.tasks.ocr.folds import (
    MINIMUM_STEPS,
    PATIENCE,
    _best_keeper,
    default_arguments,
    folds_of,
    held_out_errors,
)

pytest.importorskip("transformers", reason="needs the extra ocr")


@pytest.mark.parametrize(("count", "folds"), [(7, 3), (15, 5), (2, 5), (60, 3)])
def test_every_line_is_held_out_once(count, folds):
    parts = folds_of(count, folds, seed=0)
    assert sorted(row for part in parts for row in part) == list(range(count))
    sizes = [len(part) for part in parts]
    assert max(sizes) - min(sizes) <= 1
    assert len(parts) == min(count, folds)
    assert parts == folds_of(count, folds, seed=0)
    assert count < 7 or parts != folds_of(count, folds, seed=1)


def test_a_single_line_or_network_holds_nothing_out():
    assert folds_of(1, 3, seed=0) == [[]]
    assert folds_of(10, 1, seed=0) == [[]]


def test_the_error_rate_on_held_out_lines():
    evaluated = SimpleNamespace(
        # "aab" with a repeat merged and a blank between, "b" and nothing
        predictions=np.array([[1, 1, 0, 1, 2, -100], [2, 0, -100, -100, -100, -100], [0] * 6]),
        label_ids=np.array([[1, 1, 2], [1, -100, -100], [-100] * 3]),
    )
    assert held_out_errors(evaluated) == {"cer": 1 / 4}


def test_the_best_weights_come_back_and_waiting_ends():
    model = CRNN("ab", height=32, channels=8, hidden=4)
    keeper, control = _best_keeper(model), SimpleNamespace(should_training_stop=False)

    def evaluate(cer, loss):
        with torch.no_grad():
            model.output.bias += 1
        keeper.on_evaluate(None, None, control, metrics={"eval_cer": cer, "eval_loss": loss})

    # A network that writes nothing yet is given time, whatever its loss does.
    for _ in range(PATIENCE + 2):
        evaluate(1.0, 5.0)
    assert not control.should_training_stop
    evaluate(0.5, 2.0)
    evaluate(0.5, 1.0)  # equal rates: the lower loss
    best = model.output.bias.detach().clone()
    for waited in range(PATIENCE):
        assert not control.should_training_stop, waited
        evaluate(0.5, 1.5)
    assert control.should_training_stop
    keeper.restore(model)
    assert torch.equal(model.output.bias, best)


def test_few_lines_are_looked_at_more_often():
    few = default_arguments(10, None, stops=True)
    assert few["num_train_epochs"] == 40
    assert few["eval_strategy"] == "epoch"
    some = default_arguments(40, {"learning_rate": 5e-4}, stops=False)
    assert some["num_train_epochs"] * 10 >= MINIMUM_STEPS
    assert (some["learning_rate"], some["eval_strategy"]) == (5e-4, "no")
    assert default_arguments(4000, None, stops=True)["num_train_epochs"] == 12
    given = object()
    assert default_arguments(10, given, stops=True) is given
