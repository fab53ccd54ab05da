"""Lines of text files, which the readers share; what they say of faults is in their own tests."""

import gzip

import pytest

from altasks.data.text_files import read_json_lines, read_lines
from altasks.errors import InvalidInputError


def test_lines_end_at_line_feeds_only(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("\ufeffa\u2028b\x85\x0c\r\nc\rd\n\n".encode())
    assert list(read_lines(path)) == [(1, "a\u2028b\x85\x0c"), (2, "c\rd"), (3, ""), (4, "")]
    assert list(read_lines(str(path))) == list(read_lines(path))


def test_the_line_of_a_bad_byte_is_counted_in_what_was_unpacked(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"fine\n" * 70_000 + b"\xe9\n"))
    with pytest.raises(InvalidInputError, match=r"found byte 0xe9 \(line 70001\)"):
        list(read_lines(path))


def test_numbers_of_lines_count_the_blank_ones(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('\n{"a": 1}\n\n{"a": 2}')
    assert list(read_json_lines(path)) == [(2, {"a": 1}), (4, {"a": 2})]


def test_json_beyond_limits_is_a_fault_of_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("{}\n" + "[" * 100_000)
    with pytest.raises(InvalidInputError, match=r"a JSON object, .*\(line 2\)"):
        list(read_json_lines(path))
