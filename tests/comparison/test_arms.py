"""Arms from texts: names, options, what is refused."""

import pytest

import altasks as al
from altasks.comparison.arms import arms_of
from altasks.errors import InvalidInputError, UnknownNameError


@pytest.mark.parametrize(
    ("text", "acquisition", "strategy", "cold_start", "committee"),
    [
        ("default", None, None, None, None),
        ("margin", "margin", "TopK", None, None),
        ("badge", None, "Badge", None, None),
        ("bald + power(beta=2)", "bald", "Power", None, None),
        ("typiclust + cold_start(typiclust)", None, "TypiClust", "TypiClust", None),
        ("bald + mc_dropout(passes=3)", "bald", "TopK", None, "MCDropout"),
        ("acquisition(bald) + strategy(power)", "bald", "Power", None, None),
        ("margin + balanced:top_k", "margin", "Balanced", None, None),
    ],
)
def test_texts(text, acquisition, strategy, cold_start, committee):
    arm = al.Arm.parse(text)
    assert arm.name == text
    assert arm.acquisition == acquisition
    for part, expected in (
        (arm.strategy, strategy), (arm.cold_start, cold_start), (arm.committee, committee),
    ):  # fmt: skip
        assert (None if part is None else type(part).__name__) == expected


def test_options_reach_what_they_belong_to():
    arm = al.Arm.parse("margin(power=2) + hybrid(k_center, 4) + committee(mc_dropout(passes=7))")
    assert arm.acquisition_options == {"power": 2}
    assert type(arm.strategy).__name__ == "Hybrid"
    assert arm.committee.passes == 7
    assert arm.loop_settings()["acquisition_options"] == {"power": 2}
    nested = al.Arm.parse("balanced(power(beta=3))")
    assert nested.recipe()["strategy"]["options"]["strategy"]["options"]["beta"] == 3


def test_names_follow_from_parts():
    arm = al.Arm("bald", al.Power(2), cold_start="typiclust", acquisition_options={"reduce": "sum"})
    assert arm.name == "bald(reduce='sum') + power + cold_start(typiclust)"
    assert al.Arm().name == "default"
    assert al.Arm(max).name == "max"


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("margn", "margin"),
        ("margin + powr", "power"),
        ("strategy(margin)", "no strategy is called 'margin'"),
        ("margin + bald", "one acquisition"),
        ("margin +", "joined by"),
        ("margin - bald", "joined by"),
        ("power(gamma=2)", "gamma"),
        ("bald(3)", "by name"),
        ("cold_start()", "around a name"),
        ("power(beta=print('x'))", "print"),
        ("power(beta=[x for x in 'ab'])", "lists"),
        ("altasks.errors", "joined by"),
        ("balanced", "balanced"),
    ],
)
def test_what_is_refused_says_how_it_should_be(text, words):
    with pytest.raises((InvalidInputError, UnknownNameError), match=r"arms|strategy") as found:
        al.Arm.parse(text)
    assert words in str(found.value)


def test_random_comes_first_and_once():
    names = [arm.name for arm in arms_of(["margin", "random", al.Arm("bald")])]
    assert names == ["random", "margin", "bald"]
    assert [arm.name for arm in arms_of({"mine": "bald", "it": al.Arm()})] == [
        "random", "mine", "it",
    ]  # fmt: skip
    assert len(arms_of("margin")) == 2


def test_arms_must_differ():
    for bad in (["random"], [], ["margin", al.Arm("margin", "top_k", name="same")]):
        with pytest.raises(InvalidInputError, match="arms"):
            arms_of(bad)
    with pytest.raises(InvalidInputError, match="twice"):
        arms_of([al.Arm("bald", name="a"), al.Arm("margin", name="a")])
    with pytest.raises(InvalidInputError, match="arms"):
        arms_of([3])


def test_equal_arms_have_equal_recipes_whatever_their_names():
    assert al.Arm.parse("bald+power(beta=2)").recipe() == al.Arm("bald", al.Power(2)).recipe()
    assert al.Arm.parse("bald + power").recipe() != al.Arm.parse("bald + power(beta=2)").recipe()


@pytest.mark.parametrize(
    ("part", "odd"),
    [
        ("acquisition", 3), ("strategy", 3), ("cold_start", object()), ("committee", "mc_dropout"),
        ("committee", al.MCDropout), ("acquisition_options", [1]), ("name", 3),
    ],
)  # fmt: skip
def test_odd_parts_are_named(part, odd):
    with pytest.raises(InvalidInputError, match=part):
        al.Arm(**{part: odd})
