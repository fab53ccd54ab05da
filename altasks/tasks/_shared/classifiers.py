"""Loading a Hugging Face classifier whose head fits the labels."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any

import torch
from torch import nn

from altasks._internal.extras import require
from altasks._internal.random import derive_seed, isolated
from altasks.errors import invalid
from altasks.tasks._shared.checkpoints import (
    Loaded,
    draw_parameters,
    head_parameters,
    load_model,
    load_tokenizer,
    reading,
)
from altasks.tasks._shared.classes import Classes

_GENERIC = re.compile(r"LABEL_\d+")


def load_classifier(
    auto_class: str,
    model: str | os.PathLike[str] | nn.Module,
    labels: Sequence[Any] | None,
    multi_label: bool = False,
) -> Loaded:
    """Return the model with one output for each label.

    Args:
        auto_class: `"AutoModelForSequenceClassification"` and the like.
        model: hub name, folder, or a model object, which is taken as it is.
        labels: class names, or None for those the checkpoint has.
        multi_label: sets the loss that the model trains with.

    Raises:
        InvalidInputError: if the model is no sequence classifier, a checkpoint without a head
            comes without labels, or the labels are the checkpoint's in another order.
    """
    problem = "multi_label_classification" if multi_label else "single_label_classification"
    if isinstance(model, nn.Module):
        config = getattr(model, "config", None)
        if config is None or not hasattr(config, "num_labels"):
            raise invalid(
                "model",
                f"a Hugging Face model as {auto_class} makes them",
                type(model).__name__,
                hint="Its config.num_labels says how many classes it has.",
            )
        brought = [str(name) for _, name in sorted((config.id2label or {}).items())]
        if labels is not None:
            _same_classes(brought, [str(name) for name in labels])
        config.problem_type = problem
        return Loaded(model, head_parameters(model))
    if labels is None:
        loaded = load_model(auto_class, model, problem_type=problem)
        if loaded.new:
            raise invalid(
                "labels",
                f"the class names, since {os.fspath(model)!r} has no classification head",
                "None",
                hint="Pass labels=[...]; the head is made to fit.",
            )
        return loaded
    names = [str(name) for name in Classes(labels, multi_label).names]
    transformers = require("transformers", "text", "A Hugging Face model")
    with reading(model):
        known = transformers.AutoConfig.from_pretrained(
            os.fspath(model), trust_remote_code=False
        ).id2label
    loaded = load_model(
        auto_class,
        model,
        problem_type=problem,
        num_labels=len(names),
        id2label=dict(enumerate(names)),
        label2id={name: place for place, name in enumerate(names)},
    )
    if loaded.new:
        return loaded
    brought = [str(known[place]) for place in sorted(known)]
    return loaded if _same_classes(brought, names) else with_new_head(loaded)


def _same_classes(brought: Sequence[str], names: Sequence[str]) -> bool:
    """Return whether a trained head's outputs mean `names`, as far as can be known.

    Raises:
        InvalidInputError: if they do, in another order.
    """
    if all(_GENERIC.fullmatch(name) for name in brought):
        return True
    before, after = ([name.casefold() for name in part] for part in (brought, names))
    if before != after and sorted(before) == sorted(after):
        raise invalid(
            "labels",
            f"the order of the checkpoint's outputs, {list(brought)!r}",
            f"{list(names)!r}",
            hint="Pass them in that order, or leave labels out.",
        )
    return before == after


def with_new_head(loaded: Loaded) -> Loaded:
    """Return the model with its trained head drawn anew."""
    new = head_parameters(loaded.model)
    with isolated(derive_seed(0, "head")), torch.no_grad():
        draw_parameters(loaded.model, new)
    return Loaded(loaded.model, new)


def class_names(model: Any, labels: Sequence[Any] | None) -> list[Any]:
    """Return the name of each of the model's outputs.

    Raises:
        InvalidInputError: if there are more or fewer labels than outputs.
    """
    outputs = model.config.num_labels
    if labels is None:
        return [model.config.id2label[place] for place in range(outputs)]
    if len(labels) != outputs:
        raise invalid(
            "labels", f"{outputs} names, one for each output of the model", f"{len(labels)}"
        )
    return list(labels)


def find_tokenizer(model: Any, tokenizer: Any) -> Any:
    """Return the tokenizer: the one given, or the one beside the model.

    Raises:
        InvalidInputError: if a model object doesn't say where it is from.
    """
    if tokenizer is not None:
        if isinstance(tokenizer, str | os.PathLike):
            return load_tokenizer(tokenizer)
        return tokenizer
    source = getattr(model, "name_or_path", "") if isinstance(model, nn.Module) else model
    if not source:
        raise invalid(
            "tokenizer",
            "the tokenizer of the model, since the model object doesn't say where it is from",
            "None",
        )
    return load_tokenizer(source)
