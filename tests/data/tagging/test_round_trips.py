"""Words and tags there and back through the tools' own packages."""

import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from peers import run_with

from altasks.data import read_conll, read_conllu, read_label_studio, write_conll
from altasks.data.tagging.tagged import TaggedSentences
from altasks.data.tagging.tags import spans_of, tags_of

WORDS = st.text(
    st.characters(categories=["L", "N", "P", "S"], exclude_characters="\u2028"),
    min_size=1, max_size=6,
).filter(lambda word: word not in ("_", "-DOCSTART-") and not word.startswith("#"))  # fmt: skip


@st.composite
def tagged(draw):
    """(words, spans) of a sentence."""
    words = draw(st.lists(WORDS, min_size=1, max_size=7))
    spans, start = [], 0
    while start < len(words):
        end = draw(st.integers(start + 1, len(words)))
        label = draw(st.sampled_from(["", "PER", "LOC"]))
        spans += [(start, end, label)] if label else []
        start = end
    return words, spans


@given(sentences=st.lists(tagged(), min_size=1, max_size=4), data=st.data())
@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_conllu_writes_is_read(tmp_path, sentences, data):
    conllu = pytest.importorskip("conllu", reason="needs the group reference")
    from conllu.models import Token, TokenList

    lists = []
    for place, (words, spans) in enumerate(sentences):
        tokens, blank = (
            [],
            dict.fromkeys(["lemma", "upos", "xpos", "feats", "head", "deprel", "deps"]),
        )
        for i, (word, tag) in enumerate(zip(words, tags_of(spans, len(words)), strict=True), 1):
            kind = data.draw(st.sampled_from(["word", "range", "empty"]))
            if kind == "range" and i < len(words):
                tokens.append(Token(id=(i, "-", i + 1), form="both", **blank, misc=None))
            misc = None if tag == "O" and i % 2 else {"SpaceAfter": "No", "NER": tag}
            tokens.append(Token(id=i, form=word, **blank, misc=misc))
            if kind == "empty":
                tokens.append(Token(id=(i, ".", 1), form="gap", **blank, misc=None))
        # One word has the feature, or the file has no tags at all.
        tokens[-1 if isinstance(tokens[-1]["id"], int) else -2]["misc"] = {
            "NER": tags_of(spans, len(words))[-1]
        }
        lists.append(TokenList(tokens, metadata={"sent_id": f"s{place}", "text": " ".join(words)}))
    path = tmp_path / "a.conllu"
    path.write_text("".join(one.serialize() for one in lists), encoding="utf-8")
    found = read_conllu(path, tag_key="NER")
    parsed = conllu.parse(path.read_text(encoding="utf-8"))
    assert found.tokens == [[t["form"] for t in one if isinstance(t["id"], int)] for one in parsed]
    assert found.ids == [one.metadata["sent_id"] for one in parsed]
    for row, (words, spans) in enumerate(sentences):
        assert found.tokens[row] == words
        assert found.spans(row) == spans


@given(sentences=st.lists(tagged(), min_size=1, max_size=4))
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_is_written_conllu_reads(tmp_path, sentences):
    conllu = pytest.importorskip("conllu", reason="needs the group reference")
    made = TaggedSentences(
        [words for words, _ in sentences],
        [tags_of(spans, len(words)) for words, spans in sentences],
        [str(i) for i in range(len(sentences))],
    )
    path = tmp_path / "a.conll"
    write_conll(path, made, overwrite=True)
    parsed = conllu.parse(path.read_text(encoding="utf-8"), fields=["form", "tag"])
    assert [[token["form"] for token in one] for one in parsed] == made.tokens
    assert [[token["tag"] for token in one] for one in parsed] == made.tags


@given(sentence=tagged(), scheme=st.sampled_from(["IOB2", "BIOES", "BILOU"]))
def test_seqeval_reads_the_same_spans(sentence, scheme):
    labelling = pytest.importorskip("seqeval.scheme", reason="needs the extra text")
    words, spans = sentence
    kind = {"IOB2": "IOB2", "BIOES": "IOBES", "BILOU": "BILOU"}[scheme]
    tags = tags_of(spans, len(words), scheme)
    entities = labelling.Entities([tags], getattr(labelling, kind)).entities[0]
    assert [(one.start, one.end, one.tag) for one in entities] == spans_of(tags, scheme) == spans


@pytest.mark.slow
def test_label_studio_own_converter_says_the_same(tmp_path):
    config = (
        '<View><Labels name="label" toName="text"><Label value="PER"/><Label value="LOC"/></Labels>'
        '<Text name="text" value="$text"/></View>'
    )
    text = "Ada Lovelace saw New York today"
    regions = [(0, 12, "PER"), (17, 25, "LOC")]
    tasks = [
        {"id": 1, "data": {"text": text}, "annotations": [{"id": 1, "was_cancelled": False,
         "result": [{"id": str(start), "type": "labels", "from_name": "label", "to_name": "text",
                     "value": {"start": start, "end": end, "text": text[start:end],
                               "labels": [label]}} for start, end, label in regions]}]},
    ]  # fmt: skip
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "export.json").write_text(json.dumps(tasks))
    code = """
import sys
from label_studio_sdk.converter import Converter
config, folder = sys.argv[1:]
Converter(config, folder).convert_to_conll2003(f"{folder}/in", f"{folder}/out")
"""
    run_with("label_studio_sdk", "-c", code, config, tmp_path)
    theirs = read_conll(next((tmp_path / "out").glob("*.conll")))
    ours = read_label_studio(tmp_path / "in" / "export.json")
    assert (theirs.tokens, theirs.tags) == (ours.tokens, ours.tags)
    assert ours.spans(0) == [(0, 2, "PER"), (3, 5, "LOC")]
