"""The seam between the shell and a task: what a ranker is, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from altasks.cli.rankers.labelled_files import read_format
from altasks.errors import invalid

if TYPE_CHECKING:
    from torch import Tensor

    from altasks.data import LabelledPool, Pool

T = TypeVar("T")

#: Samples per call of the model, for most tasks.
SAMPLES_AT_ONCE = 32


@dataclass(frozen=True)
class RankOption(Generic[T]):
    """An option that `altasks rank` has for some tasks.

    Args:
        flag: as it is typed: `"--image-size"`.
        type: of its value: `str`, `int`, `float`, `bool` (a flag without a value), `Path`, an
            `enum.StrEnum` of choices, or `list[str]` for one that may be given several times.
        help: one sentence for `altasks rank --task NAME --help`.
        default: its value where it isn't given; the help shows it unless it is None.
        min: the smallest number that is accepted.

    Example:
        >>> RankOption("--image-size", int, "The longer side, in pixels.", 640).name
        'image_size'
    """

    flag: str
    type: Any
    help: str
    default: T
    min: float | None = None

    @property
    def name(self) -> str:
        """The key of its value in `RankRequest.options`."""
        return self.flag.lstrip("-").replace("-", "_")


@dataclass(frozen=True, kw_only=True)
class RankRequest:
    """The options of one `altasks rank`, as they were given.

    Attributes:
        task: the registered name.
        pool: the file or folder of samples.
        out: the queue to write.
        model: a checkpoint; None if none was given.
        number: how many samples to pick.
        acquisition: a registered name; None for the task's own.
        strategy: a registered name; None for the task's own.
        id_column: the column of a table that holds the ids; None for `id` or row numbers.
        labelled: a file with the ids to leave out.
        target: a file or folder of what the model will meet, for strategies that pick for it.
        skip_unreadable: whether to go on without samples that can't be read.
        batch_size: samples per call of the model; None for the task's own choice.
        device: `"cpu"`, `"cuda"`, ...; None for the model's own.
        seed: of dropout, ties and random strategies.
        engine: who scores: `"ray"`; None for this process.
        address: of the engine's cluster; None for one on this machine.
        actors: how many of the engine's actors hold the model; None for as many as fit.
        num_gpus: GPUs for each of them.
        force: whether files that exist are overwritten.
        options: values of the ranker's own options, by name; `value` fills in defaults.
    """

    task: str
    pool: Path
    out: Path
    model: str | None = None
    number: int = 100
    acquisition: str | None = None
    strategy: str | None = None
    id_column: str | None = None
    labelled: Path | None = None
    target: Path | None = None
    skip_unreadable: bool = False
    batch_size: int | None = None
    device: str | None = None
    seed: int = 0
    engine: str | None = None
    address: str | None = None
    actors: int | None = None
    num_gpus: float = 0.0
    force: bool = False
    options: Mapping[str, Any] = field(default_factory=dict)

    def value(self, option: RankOption[T]) -> T:
        """Return the value of one of the ranker's own options, or its default."""
        given: T = self.options.get(option.name, option.default)
        return given

    @property
    def samples_at_once(self) -> int:
        """How many samples go through the model at once, unless the task chooses for itself."""
        return SAMPLES_AT_ONCE if self.batch_size is None else self.batch_size

    @property
    def checkpoint(self) -> str:
        """`--model`, for a task that needs one.

        Raises:
            InvalidInputError: if it wasn't given.
        """
        if self.model is None:
            raise invalid("--model", "a fine-tuned checkpoint: a folder or a hub name", "none")
        return self.model


@dataclass(frozen=True, kw_only=True)
class CompareRequest(RankRequest):
    """The options of one `altasks compare` that concern data and model.

    Attributes:
        format: the registered reader of the data; None: the ranker's choice.
        reader_options: further options of that reader.
        label_columns: the columns of a table with labels; empty for the ranker's choice.
        training_args: of the model's library; empty for the task's own.
    """

    format: str | None = None
    reader_options: Mapping[str, Any] = field(default_factory=dict)
    label_columns: Sequence[str] = ()
    training_args: Mapping[str, Any] = field(default_factory=dict)

    @property
    def checkpoint(self) -> str:
        """`--model`, for a task that needs one.

        Raises:
            InvalidInputError: if it wasn't given.
        """
        if self.model is None:
            raise invalid("--model", "a model to train: a folder or a hub name", "none")
        return self.model

    @property
    def label_column(self) -> str | None:
        """`--label-column`, where there can be only one; None if it wasn't given.

        Raises:
            InvalidInputError: if it was given twice.
        """
        if len(self.label_columns) > 1:
            raise invalid("--label-column", "one column", f"{len(self.label_columns)}")
        return next(iter(self.label_columns), None)


class Scorer(Protocol):
    """An acquisition function that notes what it sees while it scores."""

    __name__: str

    def __call__(self, prediction: Any, **options: Any) -> Tensor:
        """Return the scores of one batch, `[n]`."""
        ...

    def lines(self) -> list[str]:
        """Return lines for the summary; one that begins with `Warning:` is shown as such."""
        ...


@runtime_checkable
class Ranker(Protocol):
    """How the shell reads, builds, scores, trains and shows one task.

    A ranker is made without arguments and registered under the task's name, altasks' own as well
    as a third party's (entry-point group `altasks.rankers`). Its module should import nothing
    heavy at its top, since `altasks rank --task NAME --help` loads it. Inherit from this class to
    get the defaults of what a task doesn't need.

    Attributes:
        options: the options that only this task has, or that differ for it.
        compare_options: the options that only this task has in `altasks compare`; None: `options`.
        project_options: those that `[options]` of a project's `altasks.toml` takes; None: those of
            `altasks compare`.
        label_keys: where `altasks tell` finds the label in a row, the first of these that is there.
        sheet: how a contact sheet is laid out, where pictures aren't about square: keyword
            arguments of `altasks.report.contact_sheet`.
        predicts: the kinds of prediction that the task makes, such as `"Categorical"`: a misspelt
            name is answered by the functions that read one of them. Empty: any.
        fields_predicted: of its `Ragged` predictions, what functions may read.
    """

    options: tuple[RankOption[Any], ...] = ()
    compare_options: tuple[RankOption[Any], ...] | None = None
    project_options: tuple[RankOption[Any], ...] | None = None
    label_keys: tuple[str, ...] = ("label",)
    sheet: Mapping[str, int] = {}
    predicts: tuple[str, ...] = ()
    fields_predicted: tuple[str, ...] = ()

    def check(self, request: RankRequest) -> None:
        """Refuse options that contradict each other, before any file is read.

        Raises:
            InvalidInputError: naming the options.
        """
        _ = request.checkpoint

    def read(self, request: RankRequest) -> Pool:
        """Return the samples of `--pool`, all of them."""
        ...

    def build(self, request: RankRequest) -> Any:
        """Return the task with the model that is asked for."""
        ...

    def scorer(self, request: RankRequest, task: Any) -> Scorer | None:
        """Return an acquisition function of its own; None: the registered one alone will do."""
        del request, task
        return None

    def fields(self, sample: Any) -> dict[str, Any]:
        """Return what of a sample goes into its row of the queue, as JSON."""
        ...

    def classes(self, description: Mapping[str, Any]) -> Sequence[str]:
        """Return the predicted classes, which the summary counts; none by default."""
        del description
        return []

    def reason(self, description: Mapping[str, Any]) -> str:
        """Return one line on why a sample scores as it does, from what the task describes."""
        ...

    # For `altasks compare`.

    def check_compare(self, request: CompareRequest) -> None:
        """Refuse options that contradict each other, before any file is read.

        By default, that there is no `--model`; a task that is trained without one says so here.

        Raises:
            InvalidInputError: naming the options.
        """
        _ = request.checkpoint

    def read_labelled(self, request: CompareRequest, path: Path) -> LabelledPool:
        """Return the samples and labels of `--data`, or of `--test`.

        By default by the reader that is registered for the task.
        """
        return read_format(
            path,
            request.task,
            format=request.format,
            options=request.reader_options,
            columns={"label_column": request.label_column, "id_column": request.id_column},
        )

    def build_to_train(
        self, request: CompareRequest, data: LabelledPool, committee: Any = None
    ) -> Any:
        """Return a fresh task for these classes, to be trained; by default, that of `build`.

        Args:
            request: its `seed` is the run's.
            data: with the classes.
            committee: of an arm that brings one; None: as the options say.

        Raises:
            InvalidInputError: for a committee, or training arguments, that the task can't take.
        """
        del data
        refuse_training(request, committee)
        return self.build(request)

    # For a project: `altasks init` and the commands after it.

    def read_open(self, request: CompareRequest) -> Pool:
        """Return the samples of a pool that is yet to be labelled; by default, those of `read`.

        The model is one to train: it need not say what it reads, and there may be none.
        """
        return self.read(request)

    def labelled_fields(self, sample: Any, label: Any) -> dict[str, Any]:
        """Return a labelled sample as JSON, by default as the fields of `fields` and `label`.

        Where a reader of the task takes other names, this has those.
        """
        return {**self.fields(sample), "label": label}


def compare_options_of(ranker: Ranker) -> tuple[RankOption[Any], ...]:
    """Return the options that a ranker's task has in `altasks compare`."""
    own = ranker.compare_options
    return ranker.options if own is None else own


def project_options_of(ranker: Ranker) -> tuple[RankOption[Any], ...]:
    """Return the options that a ranker's task has in a project."""
    own = ranker.project_options
    return compare_options_of(ranker) if own is None else own


def refuse_training(request: CompareRequest, committee: Any) -> None:
    """Refuse what only the task's own ranker could pass on.

    Raises:
        InvalidInputError: naming the option.
    """
    if committee is not None:
        raise invalid("--arm", f"no committee: {request.task} takes none from here", "one")
    if request.training_args:
        raise invalid("--training-arg", f"not to be given: {request.task} takes none", "it")
