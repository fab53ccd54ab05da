"""Weights: whose they are, when they are loaded, and what happens to a full disk."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import altasks as al
from altasks.errors import InvalidInputError, LoopWarning, StoreError
from altasks.loop import SQLStore
from altasks.loop.open_store import work_folder
from altasks.loop.weights_folder import WorkFolder

Data = tuple[dict[str, Any], dict[str, str]]


@pytest.fixture
def make(worker: ModuleType, data: Data, tmp_path: Path) -> Any:
    def make(name: str = "reviews", **options: Any) -> al.ActiveLoop:
        task = options.pop("task", None) or worker.VectorTask()
        store = options.pop("store", tmp_path / f"{name}.db")
        return al.ActiveLoop(task, data[0], **{"store": store, "progress": False, **options})

    return make


def train(loop: al.ActiveLoop, data: Data, n: int = 6) -> None:
    loop.tell({name: data[1][name] for name in loop.ask(n).ids})
    loop.fit()


class TestSharedFolder:
    def test_two_stores_keep_their_weights(self, make: Any, data: Data, tmp_path: Path) -> None:
        shared = tmp_path / "weights"
        loops = {}
        for fits in range(3):
            for seed, name in enumerate(("one", "two")):
                loops[name] = make(name, work_dir=shared, seed=seed)
                train(loops[name], data)
                assert loops[name].task.fits[:-1] == []  # each found its own weights
                assert len(loops[name].store.fits()) == fits + 1
        for seed, name in enumerate(("one", "two")):
            again = make(name, work_dir=shared, seed=seed)
            assert again.task.fits == []
            assert np.array_equal(again.task.weights, loops[name].task.weights)
        assert len(list(shared.glob("store-*/fit-*"))) == 4  # the last two of each

    def test_a_copied_store_goes_its_own_way(self, make: Any, data: Data, tmp_path: Path) -> None:
        shared = tmp_path / "weights"
        train(make("one", work_dir=shared), data)
        shutil.copy(tmp_path / "one.db", tmp_path / "two.db")
        for name in ("one", "two"):
            for n in (3, 4 if name == "one" else 5, 3):
                train(make(name, work_dir=shared), data, n)
        weights = []
        for name in ("one", "two"):
            loop = make(name, work_dir=shared)
            assert loop.restore() == loop.store.fits()[-1]
            assert loop.task.fits == []
            weights.append(loop.task.weights)
        assert not np.array_equal(*weights)

    def test_the_weights_of_an_earlier_version_are_found(
        self, make: Any, data: Data, tmp_path: Path
    ) -> None:
        """Version 0.1 put them straight into `work_dir`."""
        given = tmp_path / "weights"
        loop = make(work_dir=given)
        train(loop, data)
        (folder,) = given.glob("store-*/fit-0001-*")
        folder.rename(given / "fit-0001")
        again = make(work_dir=given)
        assert np.array_equal(again.task.weights, loop.task.weights)
        (given / "fit-0000").mkdir()  # not of this store, so it stays
        for _ in range(2):
            train(make(work_dir=given), data)
        assert not (given / "fit-0001").exists()
        assert (given / "fit-0000").exists()

    def test_servers_with_databases_of_one_name(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The default is neither the working directory's nor shared by two servers."""
        from sqlalchemy.engine import make_url

        class OnAServer:
            in_memory = False
            name = "a server"

            def __init__(self, host: str) -> None:
                self.url = make_url(f"postgresql+psycopg://me@{host}/reviews")
                self.id = host * 8

            def claim(self, key: str, value: Any) -> str:
                del key, value
                return self.id

        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
        found = []
        for place in ("a", "b"):
            (tmp_path / place).mkdir()
            monkeypatch.chdir(tmp_path / place)
            found += [work_folder(OnAServer(host), None) for host in ("alpha", "beta")]  # type: ignore[arg-type]
        paths = [one.path for one in found if one is not None]
        assert paths[:2] == paths[2:]
        assert len(set(paths)) == 2
        assert all(path.is_relative_to(tmp_path / "altasks") for path in paths)


class TestOpening:
    @pytest.mark.parametrize("look", ["labels", "pending", "rounds", "repr", "tell"])
    def test_to_look_trains_nothing(self, make: Any, data: Data, look: str) -> None:
        loop = make()
        train(loop, data)
        assert loop.work_dir is not None
        shutil.rmtree(loop.work_dir)
        again = make()
        if look == "repr":
            assert "6 labelled" in repr(again)
        elif look == "tell":
            again.tell({name: data[1][name] for name in list(data[0])[:3]})
        else:
            assert getattr(again, look) == getattr(loop, look)
        assert again.task.fits == []
        assert again.ask(2).scores[0] is not None
        assert len(again.task.fits) == 1

    def test_a_repeated_fit_is_said(self, make: Any, data: Data, capsys: Any) -> None:
        train(make(), data)
        loop = make(progress=True, work_dir=make().work_dir / "empty")
        assert capsys.readouterr().err == ""
        loop.restore()
        assert "fit 1 is trained again from its log (6 labels)" in capsys.readouterr().err

    def test_weights_of_fewer_classes(self, make: Any, worker: ModuleType, data: Data) -> None:
        """A class was added: the loop says so, opens, and trains with the task as it is now."""

        class Longer(worker.VectorTask):  # type: ignore[name-defined, misc]
            def load(self, directory: Path | str) -> None:
                del directory
                raise InvalidInputError("directory: expected weights for 4 classes, found 3.")

        train(make(), data)
        with pytest.warns(LoopWarning, match="fit 1 can't be used.*4 classes, found 3.*again"):
            loop = make(task=Longer())
        assert loop.task.fits == []
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # said once
            assert loop.ask(3).scores[0] is not None
            assert [len(labels) for _, labels in loop.task.fits] == [6]
            loop.tell({name: data[1][name] for name in loop.pending})
            assert loop.fit().n_labels == 9

    def test_other_errors_of_a_load_are_not_hidden(
        self, make: Any, worker: ModuleType, data: Data
    ) -> None:
        class Broken(worker.VectorTask):  # type: ignore[name-defined, misc]
            def load(self, directory: Path | str) -> None:
                raise MemoryError("no room for it")

        train(make(), data)
        with pytest.raises(MemoryError):
            make(task=Broken())


class TestPrunedMeanwhile:
    def test_a_folder_that_goes_while_it_is_read(
        self, make: Any, worker: ModuleType, data: Data
    ) -> None:
        """A slow process has seen fit 1; others fit until it is pruned; it goes on with theirs."""
        fast = make()
        train(fast, data)

        class Slow(worker.VectorTask):  # type: ignore[name-defined, misc]
            waits = True

            def load(self, directory: Path | str) -> None:
                if self.waits:
                    self.waits = False
                    for _ in range(3):
                        train(fast, data, 4)
                super().load(directory)

        slow = make(task=Slow())
        query = slow.ask(3)
        assert slow.task.fits == []  # nothing was trained a second time
        assert slow.store.asks()[query.round]["fit"] == 4
        assert np.array_equal(slow.task.weights, fast.task.weights)

    def test_a_fit_that_was_pruned_before(self, make: Any, data: Data) -> None:
        fast = make()
        slow = make()
        state = slow.store.state
        old: list[Any] = []

        def late() -> Any:  # the first look is at fit 1
            return old.pop() if old else state()

        train(fast, data)
        old.append(state())
        slow.store.state = late
        for _ in range(3):
            train(fast, data, 4)
        assert slow.ask(3).round == 5
        assert slow.task.fits == []


class TestFullDisk:
    SCRIPT = """
import resource, sys
sys.path.insert(0, {tests!r})
import _worker as worker
import altasks as al
from altasks.errors import StoreError
samples, labels = worker.make_data()
class Big(worker.VectorTask):
    def save(self, directory):
        super().save(directory)
        {write}
loop = al.ActiveLoop(Big(), samples, store={store!r}, progress=False)
loop.tell(dict(list(labels.items())[:9]))
loop.fit()
resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))
Big.size = 300_000
loop.tell({{"s050": labels["s050"]}})
try:
    loop.fit()
except StoreError as error:
    assert "Make room and call fit again" in str(error), error
else:
    sys.exit("no error")
assert len(loop.labels) == 10 and len(loop.store.fits()) == 1
try:
    more = [f"s{{i:03d}}" for i in range(60, 100)]
    loop.tell({{name: labels[name] for name in more}}, annotator="x" * 9000)
except StoreError as error:
    assert "Nothing of this call was written" in str(error), error
else:
    sys.exit("no error of the store")
assert len(loop.labels) == 10
loop.tell({{"s051": labels["s051"]}})
print("whole")
"""
    WRITERS = (
        "open(f'{directory}/big', 'wb').write(bytes(getattr(self, 'size', 10)))",
        "import torch; torch.save(torch.zeros(getattr(self, 'size', 40) // 4), "
        "f'{directory}/big.pt')",
        "import torch; from safetensors.torch import save_file; "
        "save_file({'a': torch.zeros(getattr(self, 'size', 40) // 4)}, "
        "f'{directory}/b.safetensors')",
    )

    @pytest.mark.skipif(os.name == "nt", reason="has no limit on the size of files")
    @pytest.mark.parametrize("write", WRITERS, ids=["plain", "torch", "safetensors"])
    def test_is_an_error_and_the_store_is_whole(self, tmp_path: Path, write: str) -> None:
        script = self.SCRIPT.format(
            tests=str(Path(__file__).parent), store=f"sqlite:///{tmp_path}/a.db", write=write
        )
        root = str(Path(al.__file__).parents[1])
        done = subprocess.run(
            [sys.executable, "-c", script],
            capture_output=True,
            text=True,
            env={**os.environ, "PYTHONPATH": root},
            check=False,
        )
        assert done.stdout == "whole\n", done.stderr
        again = SQLStore(tmp_path / "a.db")
        assert len(again.labels().values) == 11
        assert not list((tmp_path / "a.db.work").glob(".unfinished*"))

    def test_a_mistake_of_the_task_stays_what_it_is(self, make: Any, worker: ModuleType) -> None:
        class Mistaken(worker.VectorTask):  # type: ignore[name-defined, misc]
            def save(self, directory: Path | str) -> None:
                raise TypeError("a tensor is not contiguous")

        loop = make(task=Mistaken())
        loop.tell({"s000": "red", "s001": "blue"})
        with pytest.raises(TypeError, match="not contiguous"):
            loop.fit()
        assert loop.store.fits() == []

    def test_no_room_at_all(self, tmp_path: Path, worker: ModuleType) -> None:
        blocked = tmp_path / "file"
        blocked.write_text("in the way")
        with pytest.raises(StoreError, match=r"could not be saved.*labels are safe"):
            WorkFolder(blocked).save(worker.VectorTask(), "token")

    @pytest.mark.parametrize("place", ["a file in the way", "a folder of the system"])
    def test_a_folder_that_can_not_be_written_is_refused_before_training(
        self, make: Any, data: Data, tmp_path: Path, place: str
    ) -> None:
        blocked = Path("/proc/altasks")  # also root can't write there
        if place == "a file in the way" or not blocked.parent.is_dir():
            blocked = tmp_path / "file"
            blocked.write_text("in the way")
        loop = make(work_dir=blocked)
        loop.tell(dict(list(data[1].items())[:4]))
        with pytest.raises(StoreError, match=r"can't be saved in .*Nothing was trained.*work_dir="):
            loop.fit()
        assert loop.task.fits == []
        assert loop.store.fits() == []
        train(make(), data)  # another folder goes on


def test_many_loops_of_one_store_keep_a_whole_fit(make: Any, data: Data) -> None:
    """Threads fit one store at once: whatever is last, its weights are whole."""
    failures: list[BaseException] = []

    def work(k: int) -> None:
        try:
            loop = make()
            names = list(data[0])[10 * k : 10 * k + 10]
            for name in names[::3]:
                loop.tell({name: data[1][name]})
                loop.fit()
        except BaseException as error:
            failures.append(error)

    make()
    threads = [threading.Thread(target=work, args=(k,)) for k in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    loop = make()
    assert len(loop.store.fits()) == 12
    assert loop.restore() == loop.store.state().last_fit
    assert loop.task.fits == []
