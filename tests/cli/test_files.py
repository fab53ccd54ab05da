import errno
import os
import stat
from pathlib import Path

import pytest

from altasks.cli import files
from altasks.cli.files import check_target, keep_lines, write_lines
from altasks.errors import InvalidInputError


def test_a_file_is_written_whole_with_the_usual_permissions(tmp_path):
    target = tmp_path / "queue.jsonl"
    write_lines(target, ["a", "\u00e9"])
    assert target.read_bytes() == "a\n\u00e9\n".encode()
    plain = tmp_path / "plain"
    plain.touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


def test_a_failure_leaves_the_old_file_and_no_other(tmp_path):
    target = tmp_path / "queue.jsonl"
    target.write_text("old\n")

    def lines():
        yield "new"
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError, match="out of luck"):
        write_lines(target, lines())
    assert target.read_text() == "old\n"
    assert list(tmp_path.iterdir()) == [target]


def test_an_existing_file_needs_force(tmp_path):
    target = tmp_path / "queue.jsonl"
    check_target(target, force=False)
    target.touch()
    with pytest.raises(InvalidInputError, match=r"which exists.*--force"):
        check_target(target, force=False)
    check_target(target, force=True)


def test_a_folder_or_a_missing_folder_is_refused(tmp_path):
    with pytest.raises(InvalidInputError, match="--out: expected the path of a file"):
        check_target(tmp_path, force=True)
    with pytest.raises(InvalidInputError, match="existing folder"):
        check_target(tmp_path / "no" / "queue.jsonl", force=True)


def test_a_device_keeps_its_place(tmp_path):
    # With force, the rename would put a file where /dev/null was.
    with pytest.raises(InvalidInputError, match="a device or a pipe"):
        check_target(Path(os.devnull), force=True)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InvalidInputError, match="a device or a pipe"):
        check_target(tmp_path / "pipe", force=True)


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(tmp_path):
    closed = Path("/proc")  # also root can't write there
    if not closed.is_dir():
        closed = tmp_path / "closed"
        closed.mkdir(mode=0o500)
    with pytest.raises(InvalidInputError, match="can be written to"):
        check_target(closed / "queue.jsonl", force=False)


@pytest.mark.parametrize("fault", ["a full disk", "a file that came meanwhile", "no folder"])
def test_lines_that_cannot_be_written_are_kept_aside(tmp_path, monkeypatch, fault):
    target, aside = tmp_path / "out" / "queue.jsonl", tmp_path / "aside"
    aside.mkdir()
    monkeypatch.setattr(files.tempfile, "tempdir", str(aside))
    if fault != "no folder":
        target.parent.mkdir()
    if fault == "a file that came meanwhile":
        target.write_text("another's")
    if fault == "a full disk":
        whole = files.write_lines

        def full(path, lines):
            if path == target:
                raise OSError(errno.ENOSPC, "No space left on device")
            whole(path, lines)

        monkeypatch.setattr(files, "write_lines", full)
    with pytest.raises(InvalidInputError, match=r"--out: .*Nothing is lost") as raised:
        keep_lines(target, iter(["a", "b"]), force=False)
    (kept,) = aside.rglob("queue.jsonl")
    assert str(kept) in str(raised.value)
    assert kept.read_text() == "a\nb\n"
    if fault == "a file that came meanwhile":
        assert target.read_text() == "another's"
        assert "--force" in str(raised.value)


def test_lines_that_can_be_kept_nowhere_say_so(tmp_path, monkeypatch):
    def full(path, lines):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(files, "write_lines", full)
    with pytest.raises(InvalidInputError, match=r"No space left.*Nor could it be put aside"):
        keep_lines(tmp_path / "queue.jsonl", ["a"], force=False)
