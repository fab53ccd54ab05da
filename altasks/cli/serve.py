"""`altasks serve`: order, loop, project, server."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from altasks.cli.option_names import option_names
from altasks.cli.rankers.base import RankRequest
from altasks.cli.rankers.find import find_ranker
from altasks.cli.serve_options import SHARED
from altasks.cli.silence import silence_transformers
from altasks.errors import invalid

if TYPE_CHECKING:
    from altasks.loop import ActiveLoop
    from altasks.oracles import LabelStudio
    from altasks.serve import LabelStudioBackend

_RENAMED = {
    "allow_network": "--allow-network", "control": "--control", "host": "--host",
    "people": "--people", "port": "--port", "project": "--project", "store": "--store",
    "token": "LABEL_STUDIO_API_KEY", "url": "--url",
}  # fmt: skip


@dataclass(frozen=True)
class ServeOrder:
    """What one `altasks serve` was told, as both of its processes need it.

    Attributes:
        request: task, model and pool, as for `altasks rank`.
        store: a path or a URL.
        project: a number or a title.
        url: of Label Studio; None for that of the environment.
        control: the tag to use; None: the only one.
        people: how many label side by side.
        server: further arguments of `LabelStudioBackend`.
        token_file: with the token; None for that of the environment, or a new one.
    """

    request: RankRequest
    store: str
    project: str
    url: str | None
    control: str | None
    people: int
    server: Mapping[str, Any]
    token_file: Path | None


def order_of(given: Mapping[str, Any], own: Mapping[str, Any]) -> ServeOrder:
    """Return the order of the options' values, by name: those of every task, and the ranker's.

    Raises:
        InvalidInputError: if no tool is named.
    """
    if not given["label_studio"]:
        raise invalid(
            "--label-studio",
            "the tool to be served, and this is the only one so far",
            "no tool",
            hint="Add --label-studio.",
        )
    names = ("task", "pool", "model", "acquisition", "strategy", "id_column", "batch_size")
    return ServeOrder(
        request=RankRequest(
            out=Path(os.devnull), options=dict(own), number=given["number"],
            device=given["device"], seed=given["seed"], **{name: given[name] for name in names},
        ),
        server={
            "connect": not given["no_connect"], "ask": given["number"],
            **{
                name: given[name]
                for name in ("fit_every", "sync_every", "host", "port", "address", "allow_network")
            },
        },
        **{
            name: given[name]
            for name in ("store", "project", "url", "control", "people", "token_file")
        },
    )  # fmt: skip


def open_loop(order: ServeOrder) -> ActiveLoop:
    """Return the loop; each process has its own, with a model of its own."""
    from altasks.loop import ActiveLoop

    if find_spec("transformers") is not None:
        silence_transformers()
    ranker = find_ranker(order.request.task)
    pool = ranker.read(order.request)
    return ActiveLoop(
        ranker.build(order.request),
        pool,
        store=order.store if "://" in order.store else Path(order.store),
        acquisition=order.request.acquisition,
        strategy=order.request.strategy,
        seed=order.request.seed,
        batch_size=order.request.samples_at_once,
        progress=False,
    )


def open_people(order: ServeOrder, loop: ActiveLoop) -> LabelStudio:
    """Return who labels."""
    from altasks.oracles import LabelStudio

    project = int(order.project) if order.project.isdecimal() else order.project
    return LabelStudio(
        loop.task, loop.pool, project, url=order.url, control=order.control, people=order.people
    )


def make_backend(order: ServeOrder, token: str) -> LabelStudioBackend:
    """Return the server; errors are in the shell's words.

    Raises:
        AltasksError: for any option, file or service that can't be used.
    """
    from altasks.serve import LabelStudioBackend

    ranker = find_ranker(order.request.task)
    flags = {option.flag for option in (*SHARED, *ranker.options)}
    with option_names(flags, otherwise="--model", renamed=_RENAMED):
        ranker.check(order.request)
        return LabelStudioBackend(
            partial(open_loop, order), partial(open_people, order), token=token, **order.server
        )


def run_serve(order: ServeOrder) -> None:
    """Serve until Ctrl-C.

    Raises:
        AltasksError: for any option, file or service that can't be used.
    """
    from altasks.serve.secret import USER, VARIABLE, Secret, find_token

    logging.getLogger("altasks.serve").setLevel(logging.INFO)
    logging.basicConfig(format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    token, is_new = find_token(order.token_file)
    with option_names(
        (), renamed={"token": VARIABLE if order.token_file is None else "--token-file"}
    ):
        Secret(token)
    backend = make_backend(order, token)
    lines = [f"Project {backend.project}: {backend.project_url}", f"Serving {backend.address}"]
    if is_new and not order.server["connect"]:
        lines.append(
            f"Connect it by hand with basic authentication: user {USER}, password {token} (shown "
            f"once; set {VARIABLE} to keep one)."
        )
    lines.append("Ctrl-C ends it; nothing that people label is lost by that.")
    typer.echo("\n".join(lines), err=True)
    try:
        backend.run()
    except KeyboardInterrupt:
        typer.echo("Ended. The same command goes on from here.", err=True)
