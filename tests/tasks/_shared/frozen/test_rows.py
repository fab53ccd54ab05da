"""Rows by key: what is found is what was added, wherever it lies, or it isn't found."""

from __future__ import annotations

import json
import warnings

import numpy as np
import pytest

from altasks.tasks._shared.frozen.rows import BLOCK, Room, Rows

PLENTY = 2**40


def made(count, seed=0, dtype=np.float32, longest=40):
    rng = np.random.default_rng(seed)
    keys = [bytes([seed, place % 256, place // 256]) for place in range(count)]
    return keys, [rng.normal(size=rng.integers(0, longest)).astype(dtype) for _ in range(count)]


def same(found, wanted):
    return all(
        one is not None and np.array_equal(one, two) for one, two in zip(found, wanted, strict=True)
    )


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
@pytest.mark.parametrize("memory", [0, 3000, PLENTY])
@pytest.mark.parametrize("folder", [True, False])
def test_all_that_was_added_is_found(dtype, memory, folder, tmp_path):
    rows = Rows(dtype, Room(memory, PLENTY), tmp_path / "kept" if folder else None)
    keys, values = made(300, dtype=dtype)
    for start in range(0, 300, 7):
        rows.add(keys[start : start + 7], values[start : start + 7])
        rows.add(keys[start : start + 2], values[start : start + 2])  # again, to no effect
    assert len(rows) == 300
    order = np.random.default_rng(1).permutation(300)
    assert same(rows.find([keys[i] for i in order]), [values[i] for i in order])
    assert rows.find([b"another"]) == [None]


def test_memory_is_taken_up_to_the_limit_and_no_further():
    room = Room(3 * BLOCK, 0)
    rows = Rows(np.float32, room)
    keys, values = made(500, longest=40_000)
    rows.add(keys, values)
    assert room.used <= 3 * BLOCK
    kept = [row for row in rows.find(keys) if row is not None]
    assert 2 * BLOCK < sum(row.nbytes for row in kept) <= 3 * BLOCK  # nothing went to the disk


def test_a_disk_is_filled_up_to_its_limit():
    room = Room(0, 10_000)
    rows = Rows(np.float64, room)
    keys, values = made(500)
    for key, value in zip(keys, values, strict=True):
        rows.add([key], [value])
    found = rows.find(keys)
    assert 5_000 < sum(row.nbytes for row in found if row is not None) <= 10_000
    assert same([row for row in found if row is not None], values[: len(rows)])


def test_another_process_finds_them(tmp_path):
    keys, values = made(60)
    Rows(np.float32, Room(0, PLENTY), tmp_path / "kept").add(keys[:40], values[:40])
    second = Rows(np.float32, Room(0, PLENTY), tmp_path / "kept")
    assert same(second.find(keys[:40]), values[:40])
    assert second.find(keys[40:]) == [None] * 20
    second.add(keys, values)
    assert same(Rows(np.float32, Room(0, PLENTY), tmp_path / "kept").find(keys), values)
    assert len(list((tmp_path / "kept").iterdir())) == 4  # a pair of files each


@pytest.mark.parametrize(
    "damage", ["cut numbers", "cut line", "changed number", "no numbers", "junk"]
)
def test_what_is_half_written_or_damaged_is_not_found(damage, tmp_path):
    keys, values = made(60, longest=40)
    first = Rows(np.float32, Room(0, PLENTY), tmp_path)
    first.add(keys[:30], values[:30])
    first.add(keys[30:], values[30:])
    numbers, index = next(tmp_path.glob("*.bin")), next(tmp_path.glob("*.jsonl"))
    if damage == "cut numbers":
        numbers.write_bytes(numbers.read_bytes()[: -4 * len(values[-1]) - 6])
    elif damage == "changed number":
        content = bytearray(numbers.read_bytes())
        content[5] ^= 255
        numbers.write_bytes(content)
    elif damage == "no numbers":
        numbers.unlink()
    elif damage == "cut line":
        index.write_text(index.read_text()[:-30])
    else:
        lines = index.read_text().splitlines()
        lines[1] = json.dumps({"start": 0, "keys": ["00"], "sizes": [-3], "checksums": [0]})
        index.write_text("\n".join(lines))
    second = Rows(np.float32, Room(0, PLENTY), tmp_path)
    found = second.find(keys)
    lost = [place for place, row in enumerate(found) if row is None]
    assert lost
    assert {"no numbers": 60, "changed number": 1}.get(damage, len(lost)) == len(lost)
    assert same([row for row in found if row is not None],
                [one for place, one in enumerate(values) if place not in lost])  # fmt: skip
    second.add(keys, values)
    assert same(second.find(keys), values)


def test_moving_takes_all_along(tmp_path):
    keys, values = made(50)
    room = Room(PLENTY, PLENTY)
    rows = Rows(np.float32, room)
    rows.add(keys[:30], values[:30])
    rows.move_to(tmp_path / "one")
    assert room.used == 0
    rows.add(keys[30:], values[30:])
    rows.move_to(tmp_path / "two")
    assert same(rows.find(keys), values)
    assert same(Rows(np.float32, Room(0, PLENTY), tmp_path / "two").find(keys), values)


def test_a_folder_that_is_gone_is_warned_of_once(tmp_path):
    (tmp_path / "kept").write_text("a file where the folder belongs")
    rows = Rows(np.float32, Room(0, PLENTY), tmp_path / "kept")
    keys, values = made(10)
    with pytest.warns(UserWarning, match="can't be written any more"):
        rows.add(keys[:5], values[:5])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        rows.add(keys, values)
    assert rows.find(keys) == [None] * 10
