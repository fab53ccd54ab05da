"""CoNLL columns: what people's files hold, and that what is written is read back."""

import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from altasks.data.tagging.conll import read_conll, read_conllu, write_conll
from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.tags import SCHEMES, tags_of
from altasks.errors import InvalidInputError

REAL = Path(__file__).parents[4] / "shared" / "data" / "ner"


@pytest.fixture
def read(tmp_path):
    def read(text, **options):
        path = tmp_path / "sentences.conll"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return read_conll(path, **options)

    return read


def test_sentences_end_at_blank_lines_and_at_the_end(read):
    sentences = read("\n\nAda\tB-PER\nwrote\tO\n\t\n\n \nParis\tB-LOC")
    assert sentences.tokens == [["Ada", "wrote"], ["Paris"]]
    assert sentences.tags == [["B-PER", "O"], ["B-LOC"]]
    assert sentences.ids == ["0", "1"]
    assert sentences.extra == {}


def test_line_ends_and_byte_order_mark(read):
    assert read(b"\xef\xbb\xbfAda\tB-PER\r\nwrote\tO\r\n\r\nIt\tO\r\n").tokens == [
        ["Ada", "wrote"],
        ["It"],
    ]


@pytest.mark.parametrize("odd", ["a\u2028b", "a\x85b", "a\x0cb", "a\u00a0b", "a\rb", "\u200b"])
def test_only_line_feeds_end_lines_and_only_spaces_and_tabs_separate(read, odd):
    assert read(f"{odd} O\nx O\n").tokens == [[odd, "x"]]
    assert read(f"{odd}\tO\n").tokens == [[odd]]


def test_a_tab_in_every_line_means_tabs_separate(read):
    assert read("New York\tB-LOC\n\tO\n \tO\n").tokens == [["New York", "", " "]]
    assert read("York\tB-LOC\nis  O\n").tokens == [["York", "is"]]
    with pytest.raises(InvalidInputError, match=r"2 columns, as in line 1, found 3 .*line 2"):
        read("is O\nNew York\tB-LOC\n")


def test_columns_by_number(read):
    text = "1 Ada NNP B-PER _\n2 wrote VBD O _\n"
    sentences = read(text, token_column=1, tag_column=-2)
    assert sentences.tokens == [["Ada", "wrote"]]
    assert sentences.tags == [["B-PER", "O"]]
    assert read(text, token_column=1, tag_column=3).tags == sentences.tags
    assert read("Ada|B-PER\n", delimiter="|").tokens == [["Ada"]]


@pytest.mark.parametrize("scheme", SCHEMES)
def test_every_scheme_is_found_and_read_as_iob2(read, scheme):
    spans = [(0, 1, "PER"), (1, 3, "PER"), (4, 5, "LOC")]
    tags = tags_of(spans, 6, scheme)
    text = "".join(f"w{i} {tag}\n" for i, tag in enumerate(tags))
    for named in (None, scheme):
        assert read(text, scheme=named).tags == [tags_of(spans, 6)]


def test_hashes_are_words(read):
    text = "#hashtag\tB-LOC\n#\tO\n# \tO\n"
    assert read(text).tokens == [["#hashtag", "#", "# "]]
    assert read(text.replace("\t", " ").replace("#  O\n", "")).tokens == [["#hashtag", "#"]]


def test_comments_only_when_asked_and_never_in_doubt(read):
    text = "# id = 1\n#hashtag\tO\n# text\tof it\nword\tO\n"
    with pytest.raises(InvalidInputError, match=r"line 1.*comments='# '"):
        read("# id\nword O\n")
    assert read(text, comments="# ").tokens == [["#hashtag", "word"]]
    # A word "#" with its tag, or a comment "# O"?
    with pytest.raises(InvalidInputError, match=r"'# O', which could be either \(line 2\)"):
        read("word O\n# O\n", comments="#")
    assert read("word X O\n# O\n", comments="#").tokens == [["word"]]


def test_documents(read):
    text = "-DOCSTART- -X- O O\n\na X O O\n\nb X O O\n-DOCSTART- -X- -X- O\nc X O O\n"
    sentences = read(text)
    assert sentences.tokens == [["a"], ["b"], ["c"]]
    assert sentences.extra == {"document": [1, 1, 2]}
    assert read("a\tO\n\n-DOCSTART-\n\nb\tO\n").extra == {"document": [0, 1]}
    # Spaces between the columns of what is no word, tabs between those of words.
    assert read("-DOCSTART- -X- O O\n\na b\tO\n").extra == {"document": [1]}
    assert read("-DOCSTART- x\tO\n").tokens == [["-DOCSTART- x"]]


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("a O\nb\n", {}, r"at least 2 columns .*1 in 'b' \(line 2\)"),
        ("a\tO\nb\n", {}, r"found 1 in 'b' \(line 2\)"),
        ("a O\n", {"tag_column": 3}, r"at least 4 columns \(tag_column=3\), found 2"),
        ("a O\n", {"token_column": -3}, r"at least 3 columns \(token_column=-3\)"),
        ("a O\n", {"token_column": 1}, r"two columns \(token_column=1, tag_column=-1\).* the same"),
        ("a O\n", {"token_column": "0"}, "token_column: expected the number of a column"),
        ("a O\n\nb O\nc X-PER\n", {}, r"conll: .*found 'X-PER' in 'c X-PER' \(line 4\)"),
        ("a O\nb S-PER\n", {"scheme": "IOB2", "repair": True}, r"'S-PER' \(.*, line 2\)"),
        ("a O\n\nb O\nc I-PER\n", {"scheme": "IOB2"}, r"'I-PER' after 'O' \(.*, line 4\)"),
        ("a I-PER\n\nb O\nc B-PER\n", {}, r"'I-PER'.*line 1\) and 'B-PER'.*line 4\)"),
        (b"a O\nb\xff O\n", {}, r"utf-8 text, found byte 0xff \(line 2\)"),
        ("", {}, "a word and its tag, found none"),
        ("\n\n", {}, "a word and its tag, found none"),
        ("a O\n", {"delimiter": ""}, "delimiter: expected at least one character"),
        ("a O\n", {"comments": ""}, "comments: expected at least one character"),
        ("a O\n", {"tag_column": 0}, "another column than the words'"),
        ("a O\n", {"encoding": "utf8000"}, "encoding: .* found 'utf8000'"),
        ("a O\n", {"scheme": "IOB"}, "scheme: expected one of"),
    ],
)
def test_faults_name_the_file_and_the_line(read, text, options, says):
    with pytest.raises(InvalidInputError, match=says):
        read(text, **options)


def test_repair_is_only_on_request(read):
    text = "a I-PER\nb I-LOC\n\nc B-PER\n"
    assert read(text, repair=True).tags == [["B-PER", "B-LOC"], ["B-PER"]]


def test_encodings_and_compression(tmp_path, read):
    assert read("Zürich B-LOC\n".encode("latin-1"), encoding="latin-1").tokens == [["Zürich"]]
    packed = tmp_path / "a.conll.gz"
    packed.write_bytes(gzip.compress(b"a O\n"))
    assert read_conll(packed).tokens == [["a"]]
    packed.write_bytes(b"a O\n")
    with pytest.raises(InvalidInputError, match="a gzip file"):
        read_conll(packed)
    packed.write_bytes(gzip.compress(b"a O\n" * 100)[:-12])
    with pytest.raises(InvalidInputError, match="a gzip file"):
        read_conll(packed)


def test_no_file(tmp_path):
    with pytest.raises(InvalidInputError, match="an existing file, found none"):
        read_conll(tmp_path / "none.conll")
    with pytest.raises(InvalidInputError, match="an existing file, found a folder"):
        read_conll(tmp_path)


WORD = st.text(st.characters(exclude_characters="\n\r\t", exclude_categories=["Cs"]), max_size=4)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    tokens=st.lists(st.lists(WORD, min_size=1, max_size=4), min_size=1, max_size=4),
    scheme=st.sampled_from(SCHEMES),
    documents=st.booleans(),
)
def test_what_is_written_is_read(tmp_path, tokens, scheme, documents):
    spans = [[(0, 1, "A"), *([(1, 3, "B-C")] if len(words) > 2 else [])] for words in tokens]
    tags = [tags_of(each, len(words)) for each, words in zip(spans, tokens, strict=True)]
    extra = {"document": [1 + i // 2 for i in range(len(tokens))]} if documents else {}
    wanted = TaggedSentences(tokens, tags, [str(i) for i in range(len(tokens))], extra)
    path = tmp_path / "written.conll"
    write_conll(path, wanted, scheme=scheme, overwrite=True)
    assert read_conll(path) == wanted
    assert read_conll(path, scheme=scheme, delimiter="\t") == wanted


@pytest.mark.parametrize(
    ("word", "delimiter", "says"),
    [
        ("a\nb", "\t", r"no '\\n' in a word"),
        ("a\rb", "\t", r"no '\\r' in a word"),
        ("a\tb", "\t", r"no '\\t' in a word, found 'a\\tb' \(sentence '7'\). Another delimiter"),
        ("a b", " ", "no ' ' in a word"),
        ("", " ", "a file can hold"),
        ("-DOCSTART-", "\t", "a file can hold"),
    ],
)
def test_words_that_a_file_cannot_hold(tmp_path, word, delimiter, says):
    path = tmp_path / "written.conll"
    with pytest.raises(InvalidInputError, match=says):
        write_conll(path, TaggedSentences([[word]], [["O"]], ["7"]), delimiter=delimiter)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_file_is_kept(tmp_path):
    path = tmp_path / "written.conll"
    path.write_text("mine")
    one = TaggedSentences([["a"]], [["O"]], ["0"])
    with pytest.raises(InvalidInputError, match="overwrite=True"):
        write_conll(path, one)
    assert path.read_text() == "mine"
    write_conll(path, one, overwrite=True)
    assert read_conll(path) == one


@pytest.mark.parametrize(
    ("name", "sentences", "words", "labels"),
    [
        ("broad_twitter_corpus/btc.train", 6338, 99933, ["LOC", "ORG", "PER"]),
        ("broad_twitter_corpus/btc.dev", 1001, 15027, ["LOC", "ORG", "PER"]),
        # One of its 2,000 tweets has a line of one space inside, which ends a sentence.
        ("broad_twitter_corpus/btc.test", 2001, 35428, ["LOC", "ORG", "PER"]),
        ("wnut17/wnut17train.conll", 3394, 62730, None),
        ("wnut17/emerging.dev.conll", 1009, 15733, None),
        ("wnut17/emerging.test.annotated", 1287, 23394, None),
    ],
)
def test_real_files(name, sentences, words, labels):
    path = REAL / name
    if not path.exists():
        pytest.skip(f"{name} is not here")
    read = read_conll(path)
    assert (len(read), read.words) == (sentences, words)
    assert read.labels == labels or labels is None
    lines = [line for line in path.read_text(encoding="utf-8").split("\n") if line.strip()]
    assert [word for tokens in read.tokens for word in tokens] == [
        line.partition("\t")[0] for line in lines
    ]
    if "twitter" in name:
        assert any(word.startswith("#") for tokens in read.tokens for word in tokens)


CONLLU = (
    "# sent_id = {name}-1\n# text = du Mans\n1-2\tdu\t_\t_\n1\tde\tde\t_\n2\tle\tle\t_\n"
    "2.1\tville\tville\t_\n3\tMans\tMans\tSpaceAfter=No|NER=B-LOC\n\n"
    "# sent_id = {name}-2\n1\tOui\toui\tNER=O\n"
)


def test_ranges_and_empty_nodes_are_no_words(read, tmp_path):
    text = CONLLU.format(name="a")
    found = read(text, token_column=1, tag_key="NER", comments="# ")
    assert found.tokens == [["de", "le", "Mans"], ["Oui"]]
    assert found.tags == [["O", "O", "B-LOC"], ["O"]]
    (tmp_path / "a.conllu").write_text(text)
    sentences = read_conllu(tmp_path / "a.conllu", tag_key="NER")
    assert (sentences.tokens, sentences.tags) == (found.tokens, found.tags)
    assert sentences.ids == ["a-1", "a-2"]
    assert not sentences.positional
    # Without all the names the ids are positions.
    (tmp_path / "a.conllu").write_text(text.replace("# sent_id = a-2\n", ""))
    assert read_conllu(tmp_path / "a.conllu", tag_key="NER").ids == ["0", "1"]


@pytest.mark.parametrize("tag", ["PER-B", "b-per", "B_PER", "per-b"])
def test_letters_that_are_written_otherwise_are_no_plain_labels(read, tag):
    with pytest.raises(InvalidInputError, match=f"found '{tag}'") as caught:
        read(f"Ada {tag}\n")
    assert "PLAIN" not in str(caught.value)


def test_ranges_are_no_words_of_the_shortest_sentence_either(read):
    assert read("1-2\tdu\tO\n1\tde\tO\n2\tle\tO\n", token_column=1).tokens == [["de", "le"]]
    assert read("1\tO\n2\tO\n").tokens == [["1", "2"]]


def test_ranges_are_words_where_nothing_counts(read):
    text = "1-2\tB-SCORE\nfor\tO\n2.1\tB-SCORE\n"
    assert read(text).tokens == [["1-2", "for", "2.1"]]


@pytest.mark.parametrize(
    ("text", "options", "says"),
    [
        ("1-2\tdu\tB-LOC\n1\tde\tO\n2\tle\tO\n", {}, r"words 1 to 2.*'B-LOC' at their range"),
        ("1\tde\tO\n2\tle\tO\n2.1\tx\tB-LOC\n", {}, r"'B-LOC' at the empty node 2\.1.*line 3"),
        ("1\tde\tO\n2\tle\tO\n3\tx\tO\n", {"token_column": 0}, r"'1', the number of a word.*=1"),
        ("1\ta\tNER=B-X\n", {}, r"'NER=B-X'.*tag_key='NER'"),
        ("1\ta\tX=B-X|Y=1\n", {"tag_key": "NER"}, "a feature 'NER', found the features X, Y"),
        ("1\ta\t_\n", {"tag_key": "NER"}, "found the features none"),
        ("Ada PER\n", {"token_column": 0}, r"found 'PER' in.*scheme='PLAIN'"),
        ("Ada B-PER\rwrote O\nit O\n", {"token_column": 0}, r"line ends of one kind.*line 1"),
    ],
)
def test_faults_of_numbered_lines(read, text, options, says):
    with pytest.raises(InvalidInputError, match=says):
        read(text, **{"token_column": 1, **options})


def test_a_span_of_a_range_may_be_repeated_at_its_words(read):
    text = "1-2\tdu\tB-LOC\n1\tde\tB-LOC\n2\tle\tI-LOC\n"
    assert read(text, token_column=1).spans(0) == [(0, 2, "LOC")]


def test_a_sentence_id_twice(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU.format(name="a").replace("a-2", "a-1"))
    with pytest.raises(InvalidInputError, match=r"distinct sent_ids, found 'a-1'.*line 10"):
        read_conllu(path, tag_key="NER")


@pytest.mark.parametrize(
    ("tags", "scheme", "spans"),
    [
        ("B-NAME M-NAME E-NAME O S-LOC", None, [(0, 3, "NAME"), (4, 5, "LOC")]),  # BMES
        ("B-A E-A S-A S-A O", None, [(0, 2, "A"), (2, 3, "A"), (3, 4, "A")]),
        ("B-A M-A M-A E-A W-B", None, [(0, 4, "A"), (4, 5, "B")]),  # BMEWO
        ("B-A E-A O W-B W-B", None, [(0, 2, "A"), (3, 4, "B"), (4, 5, "B")]),
        ("B-A I-A L-A U-B O", None, [(0, 3, "A"), (3, 4, "B")]),  # BILOU
        ("I-A I-A O I-B I-A", None, [(0, 2, "A"), (3, 4, "B"), (4, 5, "A")]),  # IO
        ("I-A I-A O I-B I-A", "IO", [(0, 2, "A"), (3, 4, "B"), (4, 5, "A")]),
        ("PER PER O LOC PER", "PLAIN", [(0, 2, "PER"), (3, 4, "LOC"), (4, 5, "PER")]),
        ("B-1 B-1 O O B-1", "PLAIN", [(0, 2, "B-1"), (4, 5, "B-1")]),
    ],
)
def test_schemes_of_other_corpora(read, tags, scheme, spans):
    text = "".join(f"w{i} {tag}\n" for i, tag in enumerate(tags.split()))
    assert read(text, scheme=scheme).spans(0) == spans


@pytest.mark.parametrize(
    ("tags", "says"),
    [
        ("B-A M-A O", r"BMES.*'M-A' before 'O'.*line 2"),
        ("M-A E-A", r"M- only inside a span.*BMES.*line 1"),
        ("B-A M-A L-A", r"'M-A' as only BMES has it.*'L-A' as only BILOU has it"),
        ("S-A W-A", r"'S-A' as only BIOES.*'W-A' as only BMEWO"),
    ],
)
def test_tags_that_no_scheme_has(read, tags, says):
    with pytest.raises(InvalidInputError, match=says):
        read("".join(f"w{i} {tag}\n" for i, tag in enumerate(tags.split())))
