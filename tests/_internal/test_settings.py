from __future__ import annotations

from pathlib import Path

import pytest

import altasks as al
from altasks._internal.settings import read_settings
from altasks.errors import InvalidInputError

DAMAGED = [b'{"task": ', b"[1, 2]", b"\xff\xfe\x00", b""]


def test_what_was_noted_is_read(tmp_path: Path) -> None:
    (tmp_path / "altasks.json").write_text('{"labels": ["Zürich"]}', encoding="utf-8")
    assert read_settings(tmp_path / "altasks.json") == {"labels": ["Zürich"]}


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_named(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "altasks.json").write_bytes(content)
    with pytest.raises(InvalidInputError, match=r"altasks\.json whole.*altasks\.json"):
        read_settings(tmp_path / "altasks.json")


@pytest.mark.parametrize("content", DAMAGED[:2])
@pytest.mark.parametrize("read", ["segmentation", "regression", "ensemble", "detection"])
def test_every_reader_of_a_folder_names_it(tmp_path: Path, read: str, content: bytes) -> None:
    for module in ("transformers", "safetensors"):
        pytest.importorskip(module, reason="needs the extra text")
    for name in ("altasks.json", "ensemble.json"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(b"")
    if read == "detection":
        pytest.importorskip("ultralytics", reason="needs the extra detection")
    call = {
        "segmentation": lambda: al.Segmentation(tmp_path),
        "regression": lambda: al.Regression(features=2).load(tmp_path),
        "ensemble": lambda: al.Ensemble(2).load(tmp_path),
        "detection": lambda: al.ObjectDetection(tmp_path),
    }[read]
    with pytest.raises(InvalidInputError, match=r"\.json whole"):
        call()
