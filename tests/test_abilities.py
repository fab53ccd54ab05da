"""A task says what it can do by having it; `provides` sees that on every Python alike."""

import inspect

import pytest

import altasks as al
from altasks import abilities
from altasks.abilities import Grouped, Saves, Sized, Trainable, members_of, provides
from altasks.tasks import Task

ALL = [
    thing
    for name, thing in vars(abilities).items()
    if inspect.isclass(thing) and thing.__module__.startswith("altasks.abilities.")
]


class Plain:
    def size(self, sample):
        return 1


class Forwards:
    """Wraps a task, as people do to log its calls."""

    def __init__(self, inner):
        self.inner = inner

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Withholds:
    size = None

    @property
    def fit(self):
        raise AttributeError("trained elsewhere")


def test_abilities_are_seen_by_their_members():
    assert provides(Plain(), Sized)
    assert not provides(Plain(), Grouped)
    assert not provides(None, Sized)


def test_half_an_ability_is_none():
    class Half:
        def save(self, directory): ...

    assert not provides(Half(), Saves)


def test_what_is_forwarded_counts_and_what_is_withheld_does_not():
    assert provides(Forwards(Plain()), Sized)
    assert not provides(Forwards(Plain()), Grouped)
    assert not provides(Withholds(), Sized)
    assert not provides(Withholds(), Trainable)


def test_an_ensemble_can_be_trained_if_its_members_can():
    class Fixed:
        def __init__(self, p):
            self.p = p

        def predict(self, samples):
            return al.Categorical([[self.p, 1 - self.p]] * len(samples))

    class Fits(Fixed):
        def fit(self, samples, labels, **_): ...

    assert not provides(al.Ensemble([Fixed(0.1), Fixed(0.2)]), Trainable)
    assert provides(al.Ensemble([Fits(0.1), Fits(0.2)]), Trainable)


@pytest.mark.parametrize("ability", ALL)
def test_every_ability_has_members_and_says_what_it_buys(ability):
    assert members_of(ability)
    assert len(ability.__doc__) > 30
    for name in members_of(ability):
        assert getattr(ability, name).__doc__


def test_a_full_task_is_made_of_abilities():
    own = set().union(*(members_of(ability) for ability in ALL))
    assert members_of(Task) <= own
    assert {"predict", "fit", "save", "check_label", "default_strategy"} <= members_of(Task)


@pytest.mark.parametrize("name", sorted(al.registry.TASKS.builtin))
def test_every_builtin_task_has_all_of_them(name):
    """What a class sets in `__init__` alone doesn't show in the class: defaults, `joint_draws`."""
    kind = al.get_task(name)
    missing = {member for member in members_of(Task) if not hasattr(kind, member)}
    assert missing <= {"default_acquisition", "default_strategy", "joint_draws"}


def test_a_loop_and_scoring_take_a_task_that_forwards():
    class Coin:
        default_acquisition = "entropy"

        def predict(self, samples):
            return al.Categorical([[x, 1 - x] for x in samples])

    scores = al.score(Forwards(Coin()), [0.9, 0.5, 0.7], progress=False)
    assert scores.top(1) == ["1"]
    with al.ActiveLoop(Forwards(Coin()), [0.9, 0.5, 0.7], progress=False) as loop:
        assert loop.ask(1).ids == ["1"]
