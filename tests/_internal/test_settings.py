from __future__ import annotations

import json
from pathlib import Path

import pytest

import altasks as al
from altasks._internal.settings import FORMAT, read_settings, write_settings
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


def require_libraries(reader: str) -> None:
    for module in ("transformers", "safetensors"):
        pytest.importorskip(module, reason="needs the extra text")
    if reader == "detection":
        pytest.importorskip("ultralytics", reason="needs the extra detection")


def read_folder(reader: str, folder: Path) -> None:
    {
        "segmentation": lambda: al.Segmentation(folder),
        "regression": lambda: al.Regression(features=2).load(folder),
        "ensemble": lambda: al.Ensemble(2).load(folder),
        "detection": lambda: al.ObjectDetection(folder),
        "ocr": lambda: al.OCR(folder),
        "network": lambda: al.OCR(folder),
    }[reader]()


@pytest.mark.parametrize("content", DAMAGED[:2])
@pytest.mark.parametrize("read", ["segmentation", "regression", "ensemble", "detection"])
def test_every_reader_of_a_folder_names_it(tmp_path: Path, read: str, content: bytes) -> None:
    require_libraries(read)
    for name in ("altasks.json", "ensemble.json"):
        (tmp_path / name).write_bytes(content)
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InvalidInputError, match=r"\.json whole"):
        read_folder(read, tmp_path)


def test_the_format_is_written_and_not_handed_back(tmp_path: Path) -> None:
    path = tmp_path / "altasks.json"
    write_settings(path, {"labels": ["Zürich"]})
    assert json.loads(path.read_text(encoding="utf-8")) == {"format": FORMAT, "labels": ["Zürich"]}
    assert read_settings(path) == {"labels": ["Zürich"]}


@pytest.mark.parametrize("version", ["1", None, True, 0, 1.5])
def test_a_format_that_is_no_version_is_damage(tmp_path: Path, version: object) -> None:
    (tmp_path / "altasks.json").write_text(json.dumps({"format": version}), encoding="utf-8")
    with pytest.raises(InvalidInputError, match=r"altasks\.json whole.*format"):
        read_settings(tmp_path / "altasks.json")


@pytest.mark.parametrize(
    "read", ["segmentation", "regression", "ensemble", "detection", "ocr", "network"]
)
def test_every_reader_refuses_a_newer_format(tmp_path: Path, read: str) -> None:
    require_libraries(read)
    for name in ("altasks.json", "ensemble.json", "crnn.json"):
        if (name == "crnn.json") == (read == "network"):
            write_settings(tmp_path / name, {"format": FORMAT + 1})
    for name in ("model.safetensors", "crnn.safetensors"):
        (tmp_path / name).write_bytes(b"")
    words = rf"format {FORMAT} or older.*found format {FORMAT + 1}.*upgrade"
    with pytest.raises(InvalidInputError, match=words):
        read_folder(read, tmp_path)
