"""Checks of `altasks rank` before any work: contradictory options, files in the way."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from altasks.cli.files import check_distinct, check_target
from altasks.cli.partial import is_kept, partial_path
from altasks.cli.partial_arrays import arrays_path
from altasks.cli.rankers.base import Ranker, RankRequest
from altasks.errors import invalid
from altasks.registry import get_acquisition

if TYPE_CHECKING:
    from altasks.data import Pool


def check_request(request: RankRequest, ranker: Ranker) -> None:
    """Refuse, before any file is read, what can't be done or would overwrite what is read.

    Raises:
        InvalidInputError: naming the option.
        UnknownNameError: for a misspelt acquisition function.
    """
    known = {option.name: option for option in ranker.options}
    for name in request.options:
        if name not in known:
            flag = f"--{name.replace('_', '-')}"
            raise invalid(flag, f"not to be given for {request.task}", "it")
    if request.out.name in ("", "-"):
        hint = "Lines for a pipe: write a file, then read it." if request.out.name else ""
        raise invalid("--out", "the path of a file", repr(str(request.out)), hint=hint)
    ranker.check(request)
    if request.engine is None:
        for name in ("address", "actors", "num_gpus"):
            if getattr(request, name):
                flag = f"--{name.replace('_', '-')}"
                raise invalid(flag, "not to be given without --engine ray", "it")
    sheet = request.options.get("sheet")
    paths = {
        option.flag: request.value(option)
        for option in ranker.options
        if option.name != "sheet" and isinstance(request.value(option), Path)
    }
    check_distinct(
        {
            "--out": request.out,
            "--out (its .partial)": partial_path(request.out),
            "--out (its .partial.npz)": arrays_path(request.out),
            "--sheet": sheet,
        },
        {
            "--pool": request.pool,
            "--labelled": request.labelled,
            "--target": request.target,
            "--model": None if request.model is None else Path(request.model),
            **paths,
        },
        replaceable=is_kept,
    )
    check_target(request.out, force=request.force)
    if sheet is not None:
        if sheet.suffix.lower() != ".png":
            raise invalid("--sheet", "a file that ends in .png", repr(str(sheet)))
        check_target(sheet, force=request.force, argument="--sheet")
        if request.pool.is_dir() and request.pool.resolve() in sheet.resolve().parents:
            raise invalid(
                "--sheet",
                "a path outside the folder of --pool, where it would be the next run's sample",
                repr(str(sheet)),
            )
    if request.acquisition is not None:
        get_acquisition(request.acquisition)  # a misspelt name is an error before any work


def check_no_sample(request: RankRequest, pool: Pool) -> None:
    """Refuse a queue that is itself one of the files to rank.

    Raises:
        InvalidInputError: naming it.
    """
    folder = request.pool.resolve()
    for path in (request.out, partial_path(request.out), arrays_path(request.out)):
        if folder in path.resolve().parents:
            name = path.resolve().relative_to(folder).as_posix()
            if name in pool:
                raise invalid(
                    "--out", "a path that is not read as --pool", f"the sample {name!r}",
                    where=str(path),
                )  # fmt: skip
