from __future__ import annotations

import dataclasses
import functools
import math
import time
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

import numpy as np
import pytest
import torch

import altasks as al
from altasks.errors import (
    InvalidInputError,
    LabelConflictError,
    LoopWarning,
    PoolExhaustedWarning,
    PoolMismatchError,
    StoreError,
    UnknownNameError,
)
from altasks.loop import SQLStore

Data = tuple[dict[str, Any], dict[str, str]]


def train(loop: al.ActiveLoop, data: Data, n: int = 12) -> None:
    query = loop.ask(n)
    loop.tell({name: data[1][name] for name in query.ids})
    loop.fit()


class TestAsk:
    def test_before_the_first_fit_it_is_random(self, make: Any, data: Data) -> None:
        query = make().ask(5)
        assert (len(query), query.round, query.descriptions, query.note) == (5, 1, {}, "")
        assert query.scores == [None] * 5
        assert query.samples == [data[0][name] for name in query.ids]
        assert query.ids != list(data[0])[:5]

    def test_the_seed_decides(self, make: Any, worker: ModuleType, data: Data) -> None:
        def first(seed: int) -> list[str]:
            return al.ActiveLoop(worker.VectorTask(), data[0], seed=seed).ask(5).ids

        assert first(0) == first(0) != first(1)

    def test_after_a_fit_it_asks_what_the_function_ranks_first(self, make: Any, data: Data) -> None:
        loop = make()
        train(loop, data)
        query = loop.ask(6)
        left = {name: x for name, x in data[0].items() if name not in loop.labels}
        scores = al.score(loop.task, left, "bald", progress=False)
        assert query.ids == scores.top(6)
        assert query.scores == sorted(scores.values, reverse=True)[:6]
        assert set(query.descriptions) == set(query.ids)
        assert all(one["class"] in ("blue", "green", "red") for one in query.descriptions.values())

    def test_it_is_written_before_it_is_returned(self, make: Any, url: str) -> None:
        query = make().ask(4)
        assert [row.id for row in SQLStore(url).asked(1)] == query.ids
        assert make().pending == query.ids

    def test_never_the_same_twice(self, make: Any, data: Data) -> None:
        loop = make()
        first = loop.ask(30)
        loop.tell({first.ids[0]: "red"})
        loop.tell({"s000": "red"} if "s000" not in first.ids else {"s001": "red"})
        loop.skip(["s002"])
        others = [name for _ in range(2) for name in loop.ask(30).ids]
        assert not {*first.ids, *loop.labels, "s002"} & set(others)
        assert len(set(others)) == 60

    def test_more_than_is_left(self, make: Any, data: Data) -> None:
        loop = make()
        loop.ask(100)
        with pytest.warns(PoolExhaustedWarning, match="Asked for 50, and 20 of the pool's 120"):
            query = loop.ask(50)
        assert len(query) == 20
        assert "20" in query.note
        with pytest.warns(PoolExhaustedWarning, match="and 0 of"):
            empty = loop.ask(1)
        assert (empty.ids, empty.round, loop.round) == ([], 2, 2)

    def test_where_warnings_are_errors_nothing_was_asked(self, make: Any) -> None:
        loop = make()
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            with pytest.raises(PoolExhaustedWarning):
                loop.ask(121)
        assert loop.round == 0
        assert loop.pending == []

    @pytest.mark.parametrize("n", [0, -1, 1.5, True, "3", None])
    def test_bad_n(self, make: Any, n: Any) -> None:
        with pytest.raises(InvalidInputError, match="n: expected a whole number of at least 1"):
            make().ask(n)

    def test_a_failing_task_asks_nothing(self, make: Any, worker: ModuleType, data: Data) -> None:
        class Failing(worker.VectorTask):  # type: ignore[name-defined,misc]
            broken = ""

            def predict(self, samples: Any) -> Any:
                if self.broken == "predict":
                    raise ValueError("no memory left")
                return super().predict(samples)

            def describe(self, sample: Any, prediction: Any) -> Any:
                return {"score": math.nan} if self.broken == "describe" else {}

        loop = make(task=Failing())
        train(loop, data)
        for broken, message in (("predict", "no memory left"), ("describe", "description.*nan")):
            loop.task.broken = broken
            with pytest.raises(ValueError, match=message):
                loop.ask(3)
            assert (loop.round, loop.pending) == (1, [])

    def test_a_strategy_gets_what_it_needs(self, make: Any, worker: ModuleType, data: Data) -> None:
        loop = make(strategy=worker.Greedy())
        train(loop, data)
        pending = loop.ask(3)
        again = loop.ask(3)
        assert not set(pending.ids) & set(again.ids)

    def test_a_cold_start_with_scores(self, make: Any, data: Data) -> None:
        """A model that is trained already can rank from the first ask on."""
        loop = make(cold_start="top_k", acquisition="entropy")
        loop.task.weights[:, 0, 0] = 1.0
        expected = al.score(loop.task, data[0], "entropy", progress=False).top(4)
        assert loop.ask(4).ids == expected

    def test_a_strategy_without_scores_still_describes_with_the_last_fit(
        self, make: Any, data: Data
    ) -> None:
        first, second = make(strategy="random"), make(strategy="random")
        train(first, data)
        query = second.ask(4)
        assert query.scores == [None] * 4
        expected = first.task.predict(query.samples).probs.mean(1).max(-1).values
        found = [query.descriptions[name]["probability"] for name in query.ids]
        assert found == pytest.approx(expected.tolist())


class TestScoresFromElsewhere:
    def test_a_dict_may_cover_a_part(self) -> None:
        loop = al.ActiveLoop(None, {"a": 1, "b": 2, "c": 3})
        assert loop.ask(1, scores={"a": 0.1, "b": 0.2}).ids == ["b"]
        with pytest.warns(PoolExhaustedWarning, match="1 of the scored samples"):
            assert loop.ask(2, scores={"a": 0.1, "b": 0.2}).ids == ["a"]

    @pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
    def test_an_array_is_in_the_order_of_the_pool(self, kind: Any) -> None:
        loop = al.ActiveLoop(None, ["x", "y", "z"])
        query = loop.ask(2, scores=kind([0.5, 0.1, 0.9]))
        assert (query.ids, query.samples) == (["2", "0"], ["z", "x"])
        assert query.scores == pytest.approx([0.9, 0.5])

    def test_scores(self, worker: ModuleType, data: Data) -> None:
        scores = al.score(worker.VectorTask(), data[0], "entropy", progress=False)
        assert (
            al.ActiveLoop(None, data[0]).ask(3, scores=scores).scores
            == [pytest.approx(math.log(3))] * 3
        )

    @pytest.mark.parametrize("kind", [list, np.array, torch.tensor])
    def test_scores_made_by_hand(self, kind: Any) -> None:
        loop = al.ActiveLoop(None, {"a": 1, "b": 2, "c": 3})
        scores = al.Scores(["c", "a", "b"], kind([0.1, 0.3, 0.2]))
        assert [loop.ask(1, scores=scores).ids for _ in range(3)] == [["a"], ["b"], ["c"]]

    def test_without_scores_and_task_it_is_random(self) -> None:
        assert len(al.ActiveLoop(None, ["x", "y", "z"]).ask(2)) == 2

    @pytest.mark.parametrize(
        ("scores", "message"),
        [
            ({"a": 0.1, "nope": 0.2}, "'nope'"),
            ([0.1, 0.2], "one score for each of the 3 samples.*found 2"),
            (al.Scores(["a", "b"], np.ones(3)), "a value for each of its 2 ids, found 3"),
            ({"a": 0.1, "b": math.nan}, "finite numbers, found nan .id 'b'"),
            (["high", "low", "low"], "scores: expected numbers"),
        ],
    )
    def test_bad_scores(self, scores: Any, message: str) -> None:
        loop = al.ActiveLoop(None, {"a": 1, "b": 2, "c": 3})
        with pytest.raises((InvalidInputError, UnknownNameError), match=message):
            loop.ask(1, scores=scores)
        assert loop.round == 0

    def test_a_predict_only_task(self, worker: ModuleType, data: Data) -> None:
        trained = worker.VectorTask()

        class Mine:
            predict = staticmethod(trained.predict)

        loop = al.ActiveLoop(Mine(), data[0], acquisition="entropy")
        query = loop.ask(3)  # trained elsewhere: no cold start
        assert query.scores == [pytest.approx(math.log(3))] * 3
        with pytest.raises(InvalidInputError, match=r"fit\(\), found Mine"):
            loop.fit()
        with pytest.raises(InvalidInputError, match=r"evaluate\(\), found Mine"):
            loop.evaluate(([1], [2]))


class TestTell:
    def test_late_partial_and_never_asked(self, make: Any) -> None:
        loop = make()
        query = loop.ask(4)
        assert loop.tell({query.ids[2]: "red"}) == 1
        free = next(name for name in loop.pool.ids if name not in query.ids)
        assert loop.tell({free: "blue", query.ids[0]: "green"}) == 2
        assert make().pending == [query.ids[1], query.ids[3]]
        assert make().labels == {query.ids[2]: "red", free: "blue", query.ids[0]: "green"}

    def test_an_unknown_id_names_the_closest(self, make: Any) -> None:
        with pytest.raises(UnknownNameError, match=r"found 's0077'\. Did you mean 's0?77?'"):
            make().tell({"s001": "red", "s0077": "red"})
        assert make().labels == {}

    def test_a_position_is_no_id(self) -> None:
        with pytest.raises(UnknownNameError, match=r"int 1\. Did you mean '1'"):
            al.ActiveLoop(None, ["a", "b"]).tell({1: "x"})  # type: ignore[dict-item]

    def test_an_unknown_label_names_the_sample(self, make: Any) -> None:
        with pytest.raises(InvalidInputError, match=r"id 's001'.*expected one of.*'purple'"):
            make().tell({"s000": "red", "s001": "purple"})
        assert make().labels == {}

    @pytest.mark.parametrize(
        ("label", "message"),
        [
            (None, r"found None.*loop\.skip"),
            (math.nan, "nan"),
            ({1, 2}, "set"),
            ({1: "x"}, "string keys"),
            (b"x", "bytes"),
        ],
    )
    def test_labels_are_json(self, label: Any, message: str) -> None:
        loop = al.ActiveLoop(None, ["a", "b"])
        with pytest.raises(InvalidInputError, match=message):
            loop.tell({"0": "fine", "1": label})
        assert loop.labels == {}

    def test_numpy_and_torch_labels(self) -> None:
        loop = al.ActiveLoop(None, ["a", "b", "c"])
        loop.tell({"0": np.int64(3), "1": torch.tensor([1, 2]), "2": (0.5, np.bool_(True))})
        assert loop.labels == {"0": 3, "1": [1, 2], "2": [0.5, True]}

    def test_a_contradiction(self, make: Any) -> None:
        make().tell({"s001": "red"})
        with pytest.raises(LabelConflictError, match=r"'s001' \"red\".*\"blue\".*replace=True"):
            make().tell({"s000": "red", "s001": "blue"})
        assert make().labels == {"s001": "red"}
        assert make().tell({"s001": "red"}) == 0
        assert make().tell({"s001": "blue"}, replace=True) == 1
        assert [event.value for event in make().history("s001")] == ["red", "blue"]

    def test_the_last_word_is_used(self, make: Any) -> None:
        make().tell({"s001": "red"}, annotator="ann")
        make().tell({"s001": "blue"}, annotator="bob")
        assert make().labels == {"s001": "blue"}

    def test_what_is_not_a_dict(self, make: Any) -> None:
        with pytest.raises(InvalidInputError, match="a dict from id to label, found list"):
            make().tell([("s001", "red")])
        with pytest.raises(InvalidInputError, match="annotator"):
            make().tell({"s001": "red"}, annotator=3)
        assert make().tell({}) == 0


class TestSkip:
    def test_never_asked_again_until_told(self, make: Any) -> None:
        loop = make()
        query = loop.ask(3)
        assert loop.skip(query.ids[:2]) == 2
        assert loop.skip(query.ids[:2]) == 0
        assert make().pending == query.ids[2:]
        assert sorted(make().skipped) == sorted(query.ids[:2])
        loop.tell({query.ids[0]: "red"})
        assert make().skipped == [query.ids[1]]

    def test_bad_ids(self, make: Any) -> None:
        with pytest.raises(InvalidInputError, match=r"Use \['s001'\]"):
            make().skip("s001")
        with pytest.raises(UnknownNameError, match="'nope'"):
            make().skip(["s001", "nope"])
        assert make().skipped == []


class TestFit:
    def test_nothing_told(self, make: Any) -> None:
        with pytest.raises(InvalidInputError, match="at least one label, found none"):
            make().fit()

    def test_the_order_of_telling_does_not_matter(
        self, make: Any, data: Data, tmp_path: Path
    ) -> None:
        names = list(data[1])[:20]
        weights = []
        for i, order in enumerate((names, names[::-1])):
            loop = make(store=f"sqlite:///{tmp_path}/{i}.db")
            for name in order:
                loop.tell({name: data[1][name]})
            log = loop.fit()
            assert (log.n_labels, log.fit, log.round) == (20, 1, 0)
            weights.append(loop.task.weights)
        assert np.array_equal(*weights)

    def test_it_is_logged(self, make: Any, data: Data, url: str) -> None:
        loop = make()
        train(loop, data)
        log = SQLStore(url).fits()[0]
        assert (log.fit, log.round, log.seq, log.n_labels) == (1, 1, 12, 12)
        assert log.seed == loop.task.fits[0][0]
        assert log.threads == torch.get_num_threads()
        assert {"altasks", "python", "torch", "numpy"} <= set(log.versions)

    def test_reopening_loads_the_weights(self, make: Any, data: Data) -> None:
        loop = make()
        train(loop, data)
        again = make()
        assert np.array_equal(again.task.weights, loop.task.weights)
        assert again.task.fits == []

    @pytest.mark.parametrize("damage", ["folder", "weights", "manifest", "short"])
    def test_without_its_weights_a_fit_is_repeated(
        self, make: Any, data: Data, damage: str
    ) -> None:
        loop = make()
        train(loop, data)
        assert loop.work_dir is not None
        (folder,) = loop.work_dir.glob("fit-0001-*")
        if damage == "folder":
            folder.rename(loop.work_dir / "elsewhere")
        elif damage == "weights":
            (folder / "weights.safetensors").unlink()
        elif damage == "manifest":
            (folder / "altasks-fit.json").write_text("{")
        else:
            file = folder / "weights.safetensors"
            file.write_bytes(file.read_bytes()[:-8])
        # A correction after the fit: the repeated one uses the labels as they were.
        changed = next(iter(loop.labels))
        other = "red" if data[1][changed] != "red" else "blue"
        loop.tell({changed: other}, replace=True)
        again = make()
        assert again.labels == loop.labels
        assert again.task.fits == []  # to look at a store, nothing is trained
        assert again.restore() == again.store.fits()[0]
        assert again.task.fits == loop.task.fits
        assert np.array_equal(again.task.weights, loop.task.weights)
        third = make()  # and now they are there again
        assert third.task.fits == []
        assert np.array_equal(third.task.weights, loop.task.weights)
        assert len(third.store.fits()) == 1

    def test_another_processes_fit_is_used(self, make: Any, data: Data) -> None:
        first, second = make(), make()
        train(first, data)
        assert second.ask(5).scores[0] is not None
        assert np.array_equal(first.task.weights, second.task.weights)

    def test_a_failed_fit_leaves_the_last_one(self, make: Any, data: Data) -> None:
        loop = make()
        train(loop, data)
        before = loop.task.weights.copy()
        fit = loop.task.fit

        def broken(*args: Any, **kwargs: Any) -> None:
            fit(*args, **kwargs)
            raise RuntimeError("out of memory")

        loop.task.fit = broken
        loop.tell({name: data[1][name] for name in loop.ask(5).ids})
        with pytest.raises(RuntimeError, match="out of memory"):
            loop.fit()
        loop.evaluate((list(data[0].values()), list(data[1].values())))
        assert np.array_equal(loop.task.weights, before)
        assert len(loop.store.fits()) == 1

    def test_old_weights_are_pruned(self, make: Any, data: Data) -> None:
        loop = make()
        for _ in range(4):
            train(loop, data, 3)
        assert sorted(path.name[:8] for path in loop.work_dir.iterdir()) == ["fit-0003", "fit-0004"]

    def test_weights_of_a_deleted_store_are_not_taken(
        self, make: Any, data: Data, tmp_path: Path
    ) -> None:
        train(make(), data)
        (tmp_path / "reviews.db").unlink()
        loop = make()
        loop.tell(dict(list(data[1].items())[:5]))
        log = loop.fit()
        again = make()
        assert log.fit == 1
        assert np.array_equal(again.task.weights, loop.task.weights)

    def test_a_repeat_with_another_torch_says_so(
        self, make: Any, data: Data, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        loop = make()
        train(loop, data)
        next(loop.work_dir.glob("fit-0001-*/altasks-fit.json")).unlink()
        real = loop.store.fits()[0].versions
        monkeypatch.setattr("altasks.loop.fit_log._versions", lambda: {**real, "torch": "99.0"})
        with pytest.warns(LoopWarning, match=r"torch .* is now 99\.0"):
            make().ask(1)

    def test_in_memory_there_are_no_files(
        self, worker: ModuleType, data: Data, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        loop = al.ActiveLoop(worker.VectorTask(), data[0], progress=False)
        train(loop, data)
        assert loop.ask(3).scores[0] is not None
        assert loop.work_dir is None
        assert not list(tmp_path.iterdir())


class TestStrategy:
    @pytest.mark.parametrize(
        ("picks", "message"),
        [
            (["s000", "s000"], "2 distinct ids from Liar, found 2, 1 of them distinct"),
            (["s000"], "2 distinct ids from Liar, found 1"),
            (["s000", "s001", "s002"], "2 distinct ids from Liar, found 3"),
            (["s000", "other"], "ids of candidates from Liar, found 'other'"),
        ],
    )
    def test_what_breaks_its_promise_writes_nothing(
        self, make: Any, picks: list[str], message: str
    ) -> None:
        class Liar:
            needs: ClassVar[frozenset[str]] = frozenset()
            reads_scores = False

            def select(self, candidates: Any, n: int, *, rng: Any) -> list[str]:
                return picks

        loop = make(cold_start=Liar())
        with pytest.raises(InvalidInputError, match=message):
            loop.ask(2)
        assert (loop.round, loop.pending) == (0, [])

    def test_embeddings_that_nobody_makes(self, data: Data) -> None:
        loop = al.ActiveLoop(None, data[0], strategy="k_center")
        names = list(data[0])
        scores = al.Scores(names, np.ones(len(names)), embeddings=np.ones((len(names), 2)))
        with pytest.raises(InvalidInputError, match=r"KCenter.*embed\(\)"):
            loop.ask(2, scores=scores)


class TestReopen:
    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ({"seed": 1}, "seed: the store .* was made with 0, and this loop has 1"),
            ({"strategy": "random"}, r"strategy: .*top_k\(\), and this loop has random\(\)"),
            ({"strategy": al.Power(2.0)}, r"power\(beta=2\.0\)"),
            ({"acquisition": "entropy"}, r"acquisition: .*bald\(\), and .*entropy\(\)"),
            ({"acquisition_options": {"reduce": "max"}}, r"bald\(reduce=\"max\"\)"),
            ({"cold_start": "top_k"}, "cold_start"),
        ],
    )
    def test_with_other_settings(self, make: Any, options: Any, message: str) -> None:
        make()
        with pytest.raises(StoreError, match=message):
            make(**options)
        make(**options, accept_changes=True)
        make(**options)

    def test_the_same_settings_said_otherwise(self, make: Any) -> None:
        make()
        make(strategy=al.TopK(), acquisition=al.bald, cold_start="random", seed=0)

    def test_functions_with_other_options_bound(self, make: Any) -> None:
        make(acquisition=functools.partial(al.margin, power=2))
        make(acquisition=al.margin, acquisition_options={"power": 2})
        with pytest.raises(StoreError, match=r"acquisition: .*margin\(power=2\), and .*bald\(\)"):
            make(acquisition=functools.partial(al.bald))

    def test_another_option_of_the_strategy_inside(self, make: Any) -> None:
        make(strategy=al.Hybrid(al.Power(2.0)))
        make(strategy=al.Hybrid(al.Power(2.0)))
        with pytest.raises(StoreError, match=r"power\(beta=2\.0\).*power\(beta=3\.0\)"):
            make(strategy=al.Hybrid(al.Power(3.0)))

    def test_a_strategy_without_a_dict(self, make: Any) -> None:
        @dataclasses.dataclass(frozen=True, slots=True)
        class Slotted:
            beta: float

            needs: ClassVar[frozenset[str]] = frozenset()

            def select(self, candidates: Any, n: int, *, rng: Any) -> list[str]:
                return list(candidates.ids[:n])

        make(strategy=Slotted(1.0))
        make(strategy=Slotted(1.0))
        with pytest.raises(StoreError, match=r"Slotted\(beta=2\.0\)"):
            make(strategy=Slotted(2.0))

    def test_a_strategy_that_is_said_no_more(self, make: Any, worker: ModuleType) -> None:
        class Plain(worker.VectorTask):  # type: ignore[name-defined, misc]
            default_strategy = None

        make(task=Plain(), strategy="random")
        assert isinstance(make(task=Plain()).strategy, al.Random)
        with pytest.raises(StoreError, match=r"strategy: .*random\(\), and this loop has .*top_k"):
            make(task=Plain(), strategy="top_k")

    def test_a_queue_may_leave_them_unsaid(self, make: Any, data: Data, url: str) -> None:
        make()
        loop = al.ActiveLoop(None, data[0], store=url)
        loop.tell({"s001": "red"})
        assert make().labels == {"s001": "red"}

    def test_a_list_in_another_order(self, url: str) -> None:
        texts = [f"text {i}" for i in range(10_000)]
        al.ActiveLoop(None, texts, store=url)
        al.ActiveLoop(None, texts, store=url)
        texts[5000], texts[7000] = texts[7000], texts[5000]
        with pytest.raises(PoolMismatchError, match="sample '5000' has another content"):
            al.ActiveLoop(None, texts, store=url)

    def test_a_shorter_list(self, url: str) -> None:
        al.ActiveLoop(None, ["a", "b", "c"], store=url)
        with pytest.raises(PoolMismatchError, match="sample '2' is missing"):
            al.ActiveLoop(None, ["a", "b"], store=url)

    def test_a_list_may_grow_at_its_end(self, url: str) -> None:
        al.ActiveLoop(None, ["a", "b"], store=url).ask(2)
        loop = al.ActiveLoop(None, ["a", "b", "c"], store=url)
        assert loop.ask(1).ids == ["2"]
        with pytest.raises(PoolMismatchError, match="sample '2' has another"):
            al.ActiveLoop(None, ["a", "b", "d"], store=url)

    def test_a_dict_that_lost_what_was_labelled(self, url: str) -> None:
        al.ActiveLoop(None, {"a": 1, "b": 2, "c": 3}, store=url).tell({"b": 1})
        al.ActiveLoop(None, {"c": 3, "b": 2}, store=url)
        with pytest.raises(PoolMismatchError, match="knows the sample 'b'"):
            al.ActiveLoop(None, {"a": 1, "c": 3}, store=url)

    def test_another_kind_of_pool(self, url: str) -> None:
        al.ActiveLoop(None, ["a", "b"], store=url)
        with pytest.raises(PoolMismatchError, match="positions in a list"):
            al.ActiveLoop(None, {"0": "a", "1": "b"}, store=url)

    def test_content_that_can_not_be_hashed(self, url: str) -> None:
        with pytest.warns(LoopWarning, match=r"type object can't be hashed"):
            al.ActiveLoop(None, [object(), object()], store=url)


class TestDoor:
    @pytest.mark.parametrize("pool", [[], {}])
    def test_an_empty_pool(self, pool: Any) -> None:
        with pytest.raises(InvalidInputError, match="at least one sample, found an empty pool"):
            al.ActiveLoop(None, pool)

    @pytest.mark.parametrize(
        ("options", "error", "message"),
        [
            ({"acquisition": "bold"}, UnknownNameError, "Did you mean 'bald'"),
            ({"strategy": "topk"}, UnknownNameError, "Did you mean 'top_k'"),
            ({"strategy": 3}, InvalidInputError, "a strategy .* found 3"),
            ({"seed": -1}, InvalidInputError, "seed"),
            ({"seed": 0.5}, InvalidInputError, "seed"),
            ({"batch_size": 0}, InvalidInputError, "batch_size"),
            ({"store": 3}, InvalidInputError, "a database URL"),
            ({"store": "reviews.db"}, InvalidInputError, "For a file write 'sqlite:///reviews.db'"),
        ],
    )
    def test_bad_options(self, options: Any, error: type[Exception], message: str) -> None:
        with pytest.raises(error, match=message):
            al.ActiveLoop(None, ["a"], **options)

    def test_numbers_of_numpy_are_numbers(self, make: Any, data: Data) -> None:
        loop = make(seed=np.int64(0), batch_size=np.int64(7))
        train(loop, data)
        assert len(loop.ask(np.int64(3))) == 3

    def test_bad_test_sets(self, make: Any) -> None:
        loop = make()
        for test in ([1, 2, 3], {"a": 1}, ([1], [1, 2]), ([], [])):
            with pytest.raises(InvalidInputError, match="test: expected"):
                loop.evaluate(test)


@pytest.mark.slow
def test_a_million_ids(tmp_path: Path) -> None:
    """Opening, asking and telling stay linear: ten times the pool, at most fifteen times."""

    def seconds(n: int) -> float:
        texts = [f"text {i}" for i in range(n)]
        scores = np.random.default_rng(0).random(n)
        begun = time.process_time()
        loop = al.ActiveLoop(None, texts, store=f"sqlite:///{tmp_path}/{n}.db")
        loop.ask(100)
        loop.ask(100, scores=scores)
        loop.tell(dict.fromkeys(loop.pending, 1))
        al.ActiveLoop(None, texts, store=f"sqlite:///{tmp_path}/{n}.db").ask(100, scores=scores)
        return time.process_time() - begun

    small, big = seconds(100_000), seconds(1_000_000)
    assert big <= 15 * small
    assert big < 60


def test_a_script_that_is_run_again_and_again(worker: ModuleType, data: Data, url: str) -> None:
    """The README's: labels from before, fit, ask, answer, fit; in the end nothing is left."""
    pool = dict(list(data[0].items())[:4])

    def script() -> tuple[list[str], int]:
        loop = al.ActiveLoop(worker.VectorTask(), pool, store=url, progress=False)
        loop.tell({name: data[1][name] for name in list(pool)[:2]})
        loop.fit()
        query = loop.ask(1)
        loop.tell({name: data[1][name] for name, sample in query})
        return query.ids, loop.fit().n_labels

    asked = [script(), script()]
    assert sorted(ids[0] for ids, _ in asked) == list(pool)[2:]
    assert [n for _, n in asked] == [3, 4]
    for _ in range(2):
        with pytest.warns(PoolExhaustedWarning, match="0 of the pool's 4 samples are left"):
            assert script() == ([], 4)


def test_short_reprs(make: Any, data: Data) -> None:
    loop = make()
    query = loop.ask(7)
    loop.tell({query.ids[0]: "red"})
    loop.skip(query.ids[1:2])
    for thing, words in (
        (loop, ["VectorTask", "120 samples", "round 1", "1 labelled", "5 pending", "1 skipped"]),
        (query, ["round 1", "7 samples", query.ids[0], "..."]),
        (loop.store.state(), ["round 1", "7 asked", "1 labelled", "5 pending", "no fit"]),
    ):
        text = repr(thing)
        assert len(text) < 300
        assert all(word in text for word in words), text
    assert "secret" not in repr(al.ActiveLoop(None, {"secret": "secret"}))
    state = loop.store.state()
    assert (state.seq, state.fit, state.recorded) == (2, None, -1)  # names of version 0.1


def test_a_class_given_for_a_strategy(make: Any) -> None:
    assert isinstance(make(strategy=al.Power).strategy, al.Power)
    for wrong in ("balanced", al.Hybrid):
        with pytest.raises(InvalidInputError, match=r"needs strategy.*\(strategy='top_k'\)"):
            make(store=None, strategy=wrong)


def test_a_batch_size_is_compared_where_draws_belong_to_a_batch(
    make: Any, worker: ModuleType
) -> None:
    class ByBatch(worker.VectorTask):  # type: ignore[name-defined, misc]
        joint_draws = False

    make(batch_size=8)
    make(batch_size=16)  # the same draws, however they are cut
    make(task=ByBatch(), batch_size=8)
    with pytest.raises(StoreError, match=r"batch_size: .*made with 8, and this loop has 16"):
        make(task=ByBatch(), batch_size=16)


def test_a_committee_is_compared(make: Any, worker: ModuleType) -> None:
    def task(committee: Any) -> Any:
        made = worker.VectorTask()
        made.committee = committee
        return made

    make(task=task(al.MCDropout(10)))
    make(task=task(al.MCDropout(10)))
    with pytest.raises(StoreError, match=r"committee: .*mc_dropout\(.*passes=10.*passes=20"):
        make(task=task(al.MCDropout(20)))
    with pytest.raises(StoreError, match=r"committee: .*has none\(\)"):
        make(task=task(None))
    make(task=task(None), accept_changes=True)
    make(task=task(None))


def test_a_series_of_scores_goes_by_the_ids_of_its_index_and_never_by_leftover_numbers() -> None:
    pandas = pytest.importorskip("pandas")
    values = [0.1, 0.9, 0.5]

    def first(pool: Any, index: Any) -> list[str]:
        loop = al.ActiveLoop(None, pool)
        return loop.ask(1, scores=pandas.Series(values, index=index)).ids

    texts = pandas.DataFrame({"text": ["one", "two", "three"], "key": [7, 5, 6]})
    keyed = al.as_pool(texts, text_column="text", id_column="key")
    assert first(["one", "two", "three"], None) == ["1"]  # the index only counts the rows
    assert first(["one", "two", "three"], ["1", "2", "0"]) == ["2"]
    assert first({"a": "one", "b": "two", "c": "three"}, ["b", "c", "a"]) == ["c"]
    assert first(keyed, [5, 6, 7]) == ["6"]
    assert first(keyed, None) == ["5"]
    for index in ([2, 1, 0], [10, 20, 30], [0, 0, 1]):  # sorted, cut or joined before
        with pytest.raises(InvalidInputError, match=r"By position: scores\.tolist\(\)"):
            first(["one", "two", "three"], index)
    counted = al.as_pool(texts.assign(key=[2, 1, 0]), text_column="text", id_column="key")
    with pytest.raises(InvalidInputError, match="By id"):  # ids or positions?
        first(counted, None)
    with pytest.raises(InvalidInputError, match=r"dict\(zip\(ids, labels\)\)"):
        al.ActiveLoop(None, ["one"]).tell(pandas.Series(["x"]))  # type: ignore[arg-type]
