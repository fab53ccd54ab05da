"""Loading a Hugging Face classifier whose head fits the labels."""

from __future__ import annotations

import copy
import json
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import nn

from altasks._internal.random import derive_seed, isolated
from altasks._internal.settings import read_settings
from altasks.errors import InvalidInputError, invalid
from altasks.tasks._shared.adapters import adapter_base, adapter_shapes
from altasks.tasks._shared.checkpoints import (
    Loaded,
    draw_parameters,
    head_parameters,
    load_model,
    load_tokenizer,
    read_config,
)
from altasks.tasks._shared.classes import Classes

_GENERIC = re.compile(r"LABEL_\d+")
#: How transformers' sequence, token and image classifiers name their last layer.
_HEAD = re.compile(r"(^|\.)(classifier|score)(\.out_proj)?\.weight$")


#: `problem_type` in a transformers config.
SINGLE, MULTI, NUMBERS = (
    "single_label_classification",
    "multi_label_classification",
    "regression",
)


def is_multi_label(model: Any, multi_label: bool | None) -> bool:
    """Return whether labels are independent: by the user's choice, else by the checkpoint.

    Args:
        model: hub name, folder or model object.
        multi_label: the user's choice; None for none.

    Raises:
        InvalidInputError: for anything but True, False or None.
    """
    if multi_label is not None:
        if not isinstance(multi_label, bool):
            raise invalid("multi_label", "True, False or None", repr(multi_label))
        return multi_label
    if isinstance(model, str | os.PathLike):
        saved = _saved_beside(model)
        if isinstance(saved.get("multi_label"), bool):
            return bool(saved["multi_label"])
        config = read_config(model)
    else:
        config = getattr(model, "config", None)
    return getattr(config, "problem_type", None) == MULTI


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
    problem = MULTI if multi_label else SINGLE
    if isinstance(model, nn.Module):
        config = getattr(model, "config", None)
        if config is None or not hasattr(config, "num_labels"):
            raise invalid(
                "model",
                f"a Hugging Face model as {auto_class} makes them",
                type(model).__name__,
                hint="Its config.num_labels says how many classes it has.",
            )
        brought = output_names(config)
        if labels is not None:
            _same_classes(brought, [str(name) for name in labels])
        _require_kind(config, multi_label, type(model).__name__)
        config.problem_type = problem
        return Loaded(model, head_parameters(model))
    config = read_config(model)
    brought = output_names(config, model)
    if labels is None:
        named = {} if adapter_base(model) is None else _head_of(brought)
        loaded = load_model(auto_class, model, problem_type=problem, **named)
        if loaded.new:
            raise invalid(
                "labels",
                f"the class names, since {os.fspath(model)!r} has no classification head",
                "None",
                hint="Pass labels=[...]; the head is made to fit.",
            )
        _require_kind(config, multi_label, os.fspath(model))
        return loaded
    names = [str(name) for name in Classes(labels, multi_label).names]
    loaded = load_model(auto_class, model, problem_type=problem, **_head_of(names))
    if loaded.new:
        return loaded
    if not _same_classes(brought, names):
        return with_new_head(loaded)
    _require_kind(config, multi_label, os.fspath(model))
    return loaded


def _head_of(names: Sequence[str]) -> dict[str, Any]:
    """Return what to set on a config for outputs of these names."""
    return {
        "num_labels": len(names),
        "id2label": dict(enumerate(names)),
        "label2id": {name: place for place, name in enumerate(names)},
    }


def _require_kind(config: Any, multi_label: bool, model: str) -> None:
    """Refuse to read a trained head's outputs as another kind than they were trained as."""
    kind = getattr(config, "problem_type", None)
    if kind == MULTI and not multi_label:
        raise invalid(
            "multi_label",
            "True or None for a model trained on independent labels (problem_type "
            f"{MULTI!r} in its config)",
            "False",
            where=model,
            hint="A softmax over its outputs would say something else than it learned.",
        )
    if kind == NUMBERS:
        raise invalid(
            "model",
            "a classifier",
            f"one trained for regression (problem_type {NUMBERS!r} in its config)",
            where=model,
            hint="Use al.Regression, or pass labels= of other classes for a new head.",
        )


def output_names(config: Any, source: Any = None) -> list[str]:
    """Return the name of each output, as text, in the order of the outputs.

    Args:
        config: a transformers config. Its `id2label` may have numbers or texts as keys, or be a
            list, or JSON of either.
        source: where the model is from; names that altasks or an adapter keep there go first.

    Raises:
        InvalidInputError: if the keys are not 0 to C - 1.

    Example:
        >>> from types import SimpleNamespace
        >>> output_names(SimpleNamespace(id2label={"1": "bird", "0": "cat"}))
        ['cat', 'bird']
    """
    if adapter_base(source) is not None:
        names = _saved_beside(source).get("labels")
        if isinstance(names, list):
            return [str(name) for name in names]
        heads = [
            shape[0]
            for name, shape in adapter_shapes(source).items()
            if _HEAD.search(name) and len(shape) == 2
        ]
        if heads and heads[0] != config.num_labels:
            return [f"LABEL_{place}" for place in range(heads[0])]
    named = getattr(config, "id2label", None)
    if isinstance(named, str):
        try:
            named = json.loads(named)
        except ValueError:
            raise _misnamed(repr(named)) from None
    if named is None or len(named) == 0:
        return [f"LABEL_{place}" for place in range(config.num_labels)]
    if isinstance(named, list | tuple):
        return [str(name) for name in named]
    if not isinstance(named, Mapping):
        raise _misnamed(repr(named))
    try:
        places = {int(key): str(name) for key, name in named.items()}
    except (TypeError, ValueError):
        raise _misnamed(f"the keys {list(named)[:8]!r}") from None
    if sorted(places) != list(range(len(named))):
        raise _misnamed(f"the keys {sorted(places)[:12]!r}")
    return [places[place] for place in range(len(places))]


def _misnamed(found: str) -> InvalidInputError:
    return invalid(
        "model",
        "a config whose id2label maps 0, 1, ... to the name of each output",
        found,
        hint="Set model.config.id2label = dict(enumerate(names)).",
    )


def _saved_beside(source: Any) -> dict[str, Any]:
    """Return what altasks kept beside a checkpoint; nothing for other checkpoints."""
    if not isinstance(source, str | os.PathLike):
        return {}
    path = Path(source) / "altasks.json"
    return read_settings(path) if path.is_file() else {}


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


def class_names(model: Any, labels: Sequence[Any] | None, source: Any = None) -> list[Any]:
    """Return the name of each of the model's outputs.

    Names that altasks saved beside a checkpoint keep their type: a config has texts alone.

    Args:
        model: a Hugging Face model.
        labels: the names the user gave.
        source: where the model is from.

    Raises:
        InvalidInputError: if there are more or fewer labels than outputs.
    """
    names = output_names(model.config)
    if labels is None:
        kept = _saved_beside(source).get("labels")
        same = isinstance(kept, list) and [str(name) for name in kept] == names
        return list(kept) if isinstance(kept, list) and same else list(names)
    if len(labels) != len(names):
        raise invalid(
            "labels", f"{len(names)} names, one for each output of the model", f"{len(labels)}"
        )
    return list(labels)


def find_tokenizer(model: Any, tokenizer: Any) -> Any:
    """Return the tokenizer: the one given, or the one beside the model.

    Raises:
        InvalidInputError: if a model object doesn't say where it is from.
    """
    if tokenizer is not None:
        if isinstance(tokenizer, str | os.PathLike):
            return load_tokenizer(tokenizer, "tokenizer")
        return tokenizer
    source = getattr(model, "name_or_path", "") if isinstance(model, nn.Module) else model
    if not source:
        raise invalid(
            "tokenizer",
            "the tokenizer of the model, since the model object doesn't say where it is from",
            "None",
        )
    return load_tokenizer(source)


def with_padding(tokenizer: Any, model: Any) -> Any:
    """Return a tokenizer with a padding token that the model knows.

    Decoders (GPT-2, Llama, Qwen, Pythia) come without one; their end token takes its place, as
    is usual. Their classifiers read the last token that isn't padding, so the model's config
    must name the same token.

    Args:
        tokenizer: left as it is; a copy is returned where something is missing.
        model: whose config is completed.

    Raises:
        InvalidInputError: if there is no token to pad with, or the model has no embedding of it.
    """
    if tokenizer.pad_token_id is None:
        token = tokenizer.eos_token or tokenizer.unk_token
        if token is None:
            raise invalid(
                "tokenizer",
                "one with a padding token, or an end token to take its place",
                f"neither in {type(tokenizer).__name__}",
                hint="Set tokenizer.pad_token to a token that the model knows.",
            )
        tokenizer = copy.deepcopy(tokenizer)
        tokenizer.pad_token = token
    pad = int(tokenizer.pad_token_id)
    embeddings = getattr(model, "get_input_embeddings", lambda: None)()
    known = getattr(embeddings, "num_embeddings", None)
    if isinstance(known, int) and pad >= known:
        raise invalid(
            "tokenizer",
            f"a padding token among the {known} that the model knows",
            f"{tokenizer.pad_token!r} with the number {pad}",
            hint="Call model.resize_token_embeddings(len(tokenizer)), or set "
            "tokenizer.pad_token = tokenizer.eos_token.",
        )
    config = getattr(model, "config", None)
    reads_last = isinstance(getattr(model, "score", None), nn.Module)
    if config is not None and (
        getattr(config, "pad_token_id", None) is None or (reads_last and config.pad_token_id != pad)
    ):
        config.pad_token_id = pad
    return tokenizer
