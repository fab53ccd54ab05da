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
    path.write_bytes(gzip.compress(b"fine\n" * 70_000 + b"\xe9\n", mtime=0))
    with pytest.raises(InvalidInputError, match=r"found byte 0xe9 \(line 70001\)"):
        list(read_lines(path))


def test_a_gzip_file_that_would_fill_the_memory_is_refused(tmp_path):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(bytes(2**26 + 1), 1, mtime=0))
    with pytest.raises(
        InvalidInputError, match=r"a\.txt\.gz: .*at most [0-9,]+ bytes .*found more"
    ):
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


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "utf-32"])
def test_a_mark_tells_the_encoding(tmp_path, encoding):
    path = tmp_path / "a.txt"
    path.write_bytes("née\r\n😀".encode(encoding))
    assert list(read_lines(path)) == [(1, "née"), (2, "😀")]


def test_carriage_returns_end_lines_where_nothing_else_does(tmp_path):
    path = tmp_path / "a.txt"
    for content in (b"a\r\rb\r", b"a\n\nb\n", b"a\r\n\r\nb\r\n", b"a\r\r\n\r\r\nb\r\r\n"):
        path.write_bytes(content)
        assert [line for _, line in read_lines(path)] == ["a", "", "b", ""]


@pytest.mark.parametrize(
    ("content", "options", "says"),
    [
        ("ab\ncd".encode("utf-16-be"), {}, r"a NUL character \(line 1\).*UTF-16"),
        (b"fine\nno\0", {}, r"a NUL character \(line 2\)"),
        (b"a\rb\r\xff", {}, r"byte 0xff \(line 3\)"),
        (gzip.compress(b"a", mtime=0), {}, r"a gzip file.*\.gz"),
        (b"PK\x03\x04...", {}, "text, found a zip archive. Unpack it first"),
        (b"a", {"encoding": "base-9"}, "an encoding that Python knows"),
        (b"a", {"encoding": "rot13"}, "an encoding of text"),
        (b"a", {"encoding": "hex"}, "an encoding of text"),
    ],
)
def test_what_is_no_text_is_named(tmp_path, content, options, says):
    path = tmp_path / "a.txt"
    path.write_bytes(content)
    with pytest.raises(InvalidInputError, match=says):
        list(read_lines(path, **options))


def test_a_name_twice_in_an_object_is_a_fault_of_its_line(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": {"b": 1}}\n{"a": {"b": 1, "b": 2}}\n')
    with pytest.raises(InvalidInputError, match=r"the name 'b' twice \(line 2\)"):
        list(read_json_lines(path))
