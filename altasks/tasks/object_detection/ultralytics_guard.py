"""Ultralytics, kept to itself: loaded and run without its side effects on the user's process.

Importing it starts no network look-up and reads or writes no settings file but one in a private
folder; `PIL.Image.open`, OpenCV's threads and the print options of NumPy and torch stay the user's.
While it works, its telemetry, hub sync, loggers of third parties, update checks and automatic
installs are off, checkpoints are read by `torch.load(weights_only=True)` against Ultralytics' list
of known classes, and a model's YAML is built without `eval`.
"""

from __future__ import annotations

import atexit
import json
import logging
import os
import shutil
import sys
import tempfile
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from types import ModuleType
from typing import Any

import numpy as np
import torch

from altasks._internal.extras import require

PURPOSE = "A YOLO detector"

#: Environment variables that the library reads when it is imported.
_ENVIRONMENT = {"YOLO_OFFLINE": "1", "YOLO_AUTOINSTALL": "0", "YOLO_VERBOSE": "False"}
#: Settings that would send something somewhere, or write logs of their own.
_TALKATIVE = (
    "sync",
    "clearml",
    "comet",
    "dvc",
    "mlflow",
    "raytune",
    "tensorboard",
    "wandb",
    "vscode_msg",
    "openvino_msg",
)
#: (module, attribute, value) while the library works.
_OFF: tuple[tuple[str, str, Any], ...] = (
    ("ultralytics.utils.checks", "ONLINE", False),
    ("ultralytics.utils.checks", "AUTOINSTALL", False),
    ("ultralytics.nn.tasks", "SAFE_LOAD", True),
)
_LOCK = threading.RLock()


def load(module: str = "ultralytics") -> ModuleType:
    """Import Ultralytics, or a module of it, and return it.

    Raises:
        MissingExtraError: if it is not installed.
    """
    with _LOCK:
        if "ultralytics.utils" in sys.modules:  # its side effects are the user's already
            return require(module, "detection", PURPOSE)
        with _unchanged_process(), _first_import():
            require("ultralytics", "detection", PURPOSE)
            require("ultralytics.utils", "detection", PURPOSE)
            return require(module, "detection", PURPOSE)


@contextmanager
def isolated_ultralytics() -> Iterator[None]:
    """Run a stretch of Ultralytics' code quietly, and leave the process as it was.

    Not for two threads at once: the library's switches are attributes of its modules.
    """
    with _LOCK, ExitStack() as stack:
        utils = load("ultralytics.utils")
        stack.enter_context(_unchanged_process())
        for module, name, value in _OFF:
            stack.enter_context(_attribute(load(module), name, value))
        events = load("ultralytics.utils.events").events
        stack.enter_context(_attribute(events, "enabled", False))
        stack.enter_context(_silent_settings(utils.SETTINGS))
        stack.enter_context(_level(utils.LOGGER, logging.ERROR))
        yield


@contextmanager
def _first_import() -> Iterator[None]:
    """Give the library a private folder for its settings, and no reason to use the network."""
    folder = tempfile.mkdtemp(prefix="altasks-yolo-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    environment = {**_ENVIRONMENT, "YOLO_CONFIG_DIR": folder}
    pil: Any = require("PIL.Image", "detection", PURPOSE)
    opener = pil.open
    with ExitStack() as stack:
        for name, value in environment.items():
            stack.enter_context(_variable(name, value))
        yield
    # It puts its own in that place, which tries to install a decoder for each damaged file.
    pil.open = opener
    settings = sys.modules["ultralytics.utils"].SETTINGS
    # The user may go on to use the library in this process: quiet there too, and in that file
    # only, which goes away with the process.
    for name in _TALKATIVE:
        if name in settings:
            dict.__setitem__(settings, name, False)
    settings.file.write_text(json.dumps(dict(settings), indent=2), encoding="utf-8")


@contextmanager
def _unchanged_process() -> Iterator[None]:
    """Keep threads, print options and environment as the user has them."""
    environment = dict(os.environ)
    threads = torch.get_num_threads()
    numpy_options = np.get_printoptions()
    torch_options = torch._tensor_str.get_printoptions()
    opencv = require("cv2", "detection", PURPOSE)
    opencv_threads = opencv.getNumThreads()
    benchmark = (torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic)
    deterministic = _determinism()
    try:
        yield
    finally:
        torch.backends.cudnn.benchmark, torch.backends.cudnn.deterministic = benchmark
        if deterministic != _determinism():
            torch.use_deterministic_algorithms(deterministic[0], warn_only=deterministic[1])
        if torch.get_num_threads() != threads:
            torch.set_num_threads(threads)
        np.set_printoptions(**numpy_options)
        torch.set_printoptions(**torch_options)  # type: ignore[no-untyped-call]
        opencv.setNumThreads(opencv_threads)
        _restore_environment(environment)


def _determinism() -> tuple[bool, bool]:
    return (
        torch.are_deterministic_algorithms_enabled(),
        torch.is_deterministic_algorithms_warn_only_enabled(),
    )


def _restore_environment(before: Mapping[str, str]) -> None:
    for name in set(os.environ) - set(before):
        del os.environ[name]
    for name, value in before.items():
        if os.environ.get(name) != value:
            os.environ[name] = value


@contextmanager
def _variable(name: str, value: str) -> Iterator[None]:
    before = os.environ.get(name)
    os.environ[name] = value
    try:
        yield
    finally:
        if before is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = before


@contextmanager
def _attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


@contextmanager
def _silent_settings(settings: dict[str, Any]) -> Iterator[None]:
    """Switch the settings off in memory: its own `update` would write the user's file."""
    before = {name: settings[name] for name in _TALKATIVE if name in settings}
    for name in before:
        dict.__setitem__(settings, name, False)
    try:
        yield
    finally:
        for name, value in before.items():
            dict.__setitem__(settings, name, value)


@contextmanager
def _level(logger: logging.Logger, level: int) -> Iterator[None]:
    before = logger.level
    logger.setLevel(level)
    try:
        yield
    finally:
        logger.setLevel(before)
