"""Errors of the shell name its options, not Python's arguments."""

import shlex

import pytest

import altasks as al
from altasks.cli.option_names import option_names
from altasks.cli.rank_command import request_of
from altasks.cli.rankers import find_ranker
from altasks.errors import (
    CommitteeError,
    InvalidInputError,
    StoreError,
    UnknownNameError,
    UnreadableSampleError,
    invalid,
)

FLAGS = {"--model", "--pool", "--passes", "--dropout", "--truncate", "--dropout-layers"}


def raised(error, **options):
    with pytest.raises(type(error)) as caught, option_names(FLAGS, **options):
        raise error
    return caught.value


def test_an_argument_becomes_its_option():
    error = raised(invalid("passes", "a whole number of at least 2", "1"))
    assert str(error) == "--passes: expected a whole number of at least 2, found 1."
    assert str(raised(CommitteeError("p: too low."))) == "--dropout: too low."


@pytest.mark.parametrize("argument", ["labels", "threshold", "scheme"])
def test_an_argument_without_an_option_is_about_the_model(argument):
    error = raised(invalid(argument, "this", "that"), otherwise="--model")
    assert str(error).startswith(f"--model: its {argument!r} can't be used as it is: expected this")
    assert (
        str(raised(invalid(argument, "this", "that"))) == f"{argument}: expected this, found that."
    )


def test_an_option_that_the_task_does_not_have_is_not_named():
    error = raised(invalid("imgsz", "32 or more", "1"), otherwise="--model")
    assert str(error).startswith("--model: its 'imgsz'")


def test_advice_for_python_is_followed_by_the_option():
    long = invalid("samples", "32 tokens", "40", hint="Split it, or pass too_long='truncate'.")
    long.add_note("row 0 is id 'a'")
    error = raised(long)
    assert str(error).startswith("--pool: expected 32 tokens")
    assert error.__notes__ == ["row 0 is id 'a'", "In the shell, that is --truncate."]
    committee = CommitteeError("Nothing to draw. Give MCDropout(layers='head', p=0.1).")
    assert "--dropout" in "".join(raised(committee).__notes__)


def test_other_errors_pass_as_they_are():
    for error in (
        UnreadableSampleError("samples: damaged", {0: "damaged"}),
        StoreError("store: gone"),
        InvalidInputError("No argument is named here."),
        InvalidInputError("/tmp/a.csv: expected a header line."),
    ):
        assert raised(error) is error


@pytest.mark.parametrize("kind", ["strategy", "acquisition"])
def test_an_unknown_name_is_that_of_an_option(kind):
    with (
        pytest.raises(UnknownNameError, match=f"^--{kind}: No {kind}.* is called 'tpo'"),
        option_names({f"--{kind}"}),
    ):
        getattr(al.registry, f"get_{kind}")("tpo")


def test_options_of_readers_are_typed_as_the_shell_takes_them():
    advice = r"Name what separates, such as delimiter='\t', or say scheme='PLAIN', no_label=[]."
    for flags, expected in (
        ({"--reader-option"}, "such as --reader-option 'delimiter=\"\\t\"', or say "
         "--reader-option scheme=PLAIN, --reader-option 'no_label=[]'."),
        (set(), advice),
    ):  # fmt: skip
        with pytest.raises(InvalidInputError) as caught, option_names(flags):
            raise InvalidInputError(f"a.conll: expected a tag, found 'x' (line 1). {advice}")
        assert expected in str(caught.value)
    with (
        pytest.raises(InvalidInputError, match=r"^--reader-option token_column: expected"),
        option_names({"--reader-option"}),
    ):
        raise invalid("token_column", "the number of a column", "'x'")


def test_what_an_error_advises_can_be_typed(tmp_path):
    """The advice of a file that can't be read, followed to the letter, reads it."""
    path = tmp_path / "words.conll"
    path.write_text("New York|B-LOC\nwins|O\n")
    command = ["--task", "ner", "--pool", str(path), "--out", "q.jsonl", "--model", "m"]
    ranker = find_ranker("ner")
    with (
        pytest.raises(InvalidInputError, match=r"--reader-option 'delimiter=") as caught,
        option_names({option.flag for option in ranker.options}),
    ):
        ranker.read(request_of(command))
    advised = shlex.split(str(caught.value).partition(" such as --reader-option ")[2])[0]
    typed = ["--reader-option", advised.rstrip(".").replace("\\t", "|")]
    pool = ranker.read(request_of([*command, *typed]))
    assert [list(pool[name]) for name in pool.ids] == [["New York", "wins"]]
