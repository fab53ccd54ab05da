"""What `altasks rank` was asked for, and what it must know of a task to do it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.data import Pool

#: Fields of a request that not every task reads -> the option, as the shell spells it.
OWN_OPTIONS = {
    "members": "--member",
    "views": "--views",
    "sheet": "--sheet",
    "regions": "--regions",
    "class_weights": "--class-weights",
    "reduce": "--reduce",
    "conf": "--conf",
    "image_size": "--image-size",
    "passes": "--passes",
    "dropout": "--dropout",
    "text_column": "--text-column",
}


@dataclass(frozen=True, kw_only=True)
class RankRequest:
    """The options of `altasks rank`; see its help."""

    task: str
    model: str | None = None
    members: tuple[str, ...] = ()
    pool: Path
    out: Path
    number: int = 100
    acquisition: str | None = None
    strategy: str | None = None
    text_column: str | None = None
    id_column: str | None = None
    labelled: Path | None = None
    passes: int | None = None
    views: bool = False
    sheet: Path | None = None
    skip_unreadable: bool = False
    dropout_layers: Literal["all", "head"] = "all"
    dropout: float | None = None
    truncate: bool = False
    regions: str | None = None
    batch_size: int = 32
    device: str | None = None
    seed: int = 0
    force: bool = False
    class_weights: Path | None = None
    reduce: Literal["sum", "mean", "max", "top_k"] | None = None
    conf: float | None = None
    image_size: int | None = None

    @property
    def checkpoint(self) -> str:
        """`--model`, which this task can't do without.

        Raises:
            InvalidInputError: if it wasn't given.
        """
        if self.model is None:
            raise invalid("--model", "a fine-tuned checkpoint: a folder or a hub name", "none")
        return self.model


@dataclass(frozen=True)
class Ranker:
    """What the shell must know of a task beyond its adapter: one entry of the table below.

    Attributes:
        build: makes the task from the options.
        read: makes the pool from the options.
        fields: what of a sample goes into its row of the queue.
        classes: the predicted classes of a description, for the counts.
        reason: one line on why a sample scores as it does, from its description.
        scorer: makes the acquisition function from the options and the task, where the function
            alone won't do (None where it will); its `lines()` go into the summary.
        options: which of `OWN_OPTIONS` the task reads; another one is refused.
        sheet: the layout of a contact sheet, where pictures aren't about square.
    """

    build: Callable[[RankRequest], Any]
    read: Callable[[RankRequest], Pool]
    fields: Callable[[Any], dict[str, Any]]
    classes: Callable[[Mapping[str, Any]], list[str]]
    reason: Callable[[Mapping[str, Any]], str]
    scorer: Callable[[RankRequest, Any], Any] | None = None
    options: frozenset[str] = frozenset()
    sheet: Mapping[str, int] = field(default_factory=dict)


def settings_of(folder: Path, task: str, adapter: str) -> dict[str, Any]:
    """Return what a task's `save` noted in `folder`; nothing of another checkpoint.

    Raises:
        InvalidInputError: if another task wrote it.
    """
    ours = folder / "altasks.json"
    if not ours.is_file():
        return {}
    try:
        settings: dict[str, Any] = json.loads(ours.read_text(encoding="utf-8"))
        found = settings.get("task")
    except (ValueError, AttributeError) as error:
        raise invalid(
            "--model", f"a folder written by {adapter}.save", f"a damaged {ours.name} ({error})",
            where=str(folder),
        ) from error  # fmt: skip
    if found != task:
        raise invalid(
            "--model",
            f"a folder written by {adapter}.save",
            f"one of the task {found!r}",
            where=str(folder),
        )
    return settings


def kind_of(folder: Path) -> dict[str, bool]:
    """Return whether the labels of a checkpoint are independent, if its config is there to say so.

    Raises:
        InvalidInputError: for a config that is damaged.
    """
    config = folder / "config.json"
    if not config.is_file():
        return {}
    try:
        kind = json.loads(config.read_text(encoding="utf-8")).get("problem_type")
    except (ValueError, AttributeError) as error:
        raise invalid(
            "--model", "a checkpoint", f"a damaged {config.name} ({error})", where=str(folder)
        ) from error
    return {"multi_label": kind == "multi_label_classification"}


def check_options(request: RankRequest, ranker: Ranker) -> None:
    """Refuse an option that the task would not read, and a missing model, before any work.

    Raises:
        InvalidInputError: naming the option.
    """
    for name, option in OWN_OPTIONS.items():
        given = getattr(request, name)
        # A 0 was given too.
        if given is not None and given is not False and given != () and name not in ranker.options:
            raise invalid(option, f"not to be given for {request.task}", "it")
    if request.dropout_layers != "all" and "passes" not in ranker.options:
        raise invalid("--dropout-layers", f"not to be given for {request.task}", "it")
    if request.passes == 0 and (request.dropout is not None or request.dropout_layers != "all"):
        raise invalid("--dropout, --dropout-layers", "--passes beside them", "--passes 0")
    if "members" not in ranker.options:
        _ = request.checkpoint
