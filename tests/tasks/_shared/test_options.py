"""Settings that tasks share are shown where a user looks: the signature and the docstring."""

import inspect
from dataclasses import fields

import pytest

import altasks as al
from altasks._internal.docstrings import described
from altasks.tasks._shared.options import TrainerOptions, TrainingOptions

TASKS = [
    al.TextClassification,
    al.ImageClassification,
    al.NER,
    al.SRL,
    al.Regression,
    al.Segmentation,
]


@pytest.mark.parametrize("task", TASKS)
def test_the_signature_lists_every_setting(task):
    parameters = inspect.signature(task).parameters
    options = TrainingOptions if task is al.Segmentation else TrainerOptions
    assert {field.name for field in fields(options)} <= set(parameters)
    assert all(one.kind is not one.VAR_KEYWORD for one in parameters.values())
    assert parameters["device"].default is None
    assert parameters["warm_start"].default is False


@pytest.mark.parametrize("task", TASKS)
def test_the_docstring_describes_what_the_signature_lists(task):
    texts = described(task, "Args")
    assert list(texts) == list(inspect.signature(task).parameters)
    assert "Own arguments" not in task.__doc__
    assert all(text.strip() for text in texts.values())


def test_a_task_describes_for_itself_what_differs():
    assert "1024 rows" in described(al.Regression, "Args")["batch_size"]
    assert "windows" in described(al.Segmentation, "Args")["batch_size"]
    assert "one frame" in described(al.SRL, "Args")["training_args"]
    assert "conlleval" in described(al.SRL, "Args")["repair"]  # of the tagger that it is
    assert "gone" not in described(al.NER, "Args")


def test_an_unknown_setting_is_python_s_own_error(tiny_bert):
    with pytest.raises(TypeError, match="wrong_setting"):
        al.TextClassification(tiny_bert, labels=["a", "b"], wrong_setting=1)
