"""The seam between `altasks rank` and a task: what a ranker is, and what it is given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Protocol, TypeVar, runtime_checkable

from altasks.errors import invalid

if TYPE_CHECKING:
    from torch import Tensor

    from altasks.data import Pool

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
        skip_unreadable: whether to go on without samples that can't be read.
        batch_size: samples per call of the model; None for the task's own choice.
        device: `"cpu"`, `"cuda"`, ...; None for the model's own.
        seed: of dropout, ties and random strategies.
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
    skip_unreadable: bool = False
    batch_size: int | None = None
    device: str | None = None
    seed: int = 0
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
    """How `altasks rank` reads, builds, scores and shows one task.

    A ranker is made without arguments and registered under the task's name, altasks' own as well
    as a third party's (entry-point group `altasks.rankers`). Its module should import nothing
    heavy at its top, since `altasks rank --task NAME --help` loads it. Inherit from this class to
    get the defaults of what a task doesn't need.

    Attributes:
        options: the options that only this task has, or that differ for it.
        sheet: how a contact sheet is laid out, where pictures aren't about square: keyword
            arguments of `altasks.report.contact_sheet`.
    """

    options: tuple[RankOption[Any], ...] = ()
    sheet: Mapping[str, int] = {}

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
