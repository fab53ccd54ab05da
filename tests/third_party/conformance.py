"""altasks' suites over what this package brings, each found by its name."""

import pytest

import altasks as al
from altasks.registry import get_reader
from altasks.testing.acquisitions import AcquisitionSuite, make_predictions
from altasks.testing.oracles import OracleSuite
from altasks.testing.rankers import RankerSuite
from altasks.testing.readers import ReaderSuite
from altasks.testing.strategies import StrategySuite
from altasks.testing.tasks import TaskSuite


class TestTask(TaskSuite):
    @pytest.fixture
    def make_task(self):
        return al.get_task("number-line")

    @pytest.fixture
    def samples(self):
        return [0.1, 0.3, 0.6, 0.9]

    @pytest.fixture
    def labels(self):
        return ["low", "low", "high", "high"]

    @pytest.fixture
    def bad_labels(self):
        return ["middle", None]


class TestAcquisition(AcquisitionSuite):
    @pytest.fixture
    def function(self):
        return al.get_acquisition("widest_gap")

    @pytest.fixture
    def predictions(self):
        return make_predictions(al.Categorical)


class TestStrategy(StrategySuite):
    @pytest.fixture
    def strategy(self):
        return al.get_strategy("middling")()


class TestOracle(OracleSuite):
    @pytest.fixture
    def pool(self):
        return {"a": 0.1, "b": 0.9, "c": 0.4, "d": 0.5}

    @pytest.fixture
    def make_oracle(self):
        return al.get_oracle("threshold")


def write_numbers(folder):
    path = folder / "numbers.txt"
    path.write_text("0.9 high\n0.5\n0.2 low\n0.4\n")
    return path


class TestReader(ReaderSuite):
    @pytest.fixture
    def reader(self):
        return get_reader("numbers")

    @pytest.fixture
    def path(self, tmp_path):
        return write_numbers(tmp_path)

    @pytest.fixture
    def make_task(self):
        return al.get_task("number-line")


class TestRanker(RankerSuite):
    @pytest.fixture
    def arguments(self, tmp_path):
        al.get_task("number-line")().save(tmp_path / "saved")
        shared = ["--task", "number-line", "--model", str(tmp_path / "saved")]
        return [*shared, "--pool", str(write_numbers(tmp_path)), "--jitter", "0.2"]

    @pytest.fixture
    def labelled(self, tmp_path):
        al.get_task("number-line")().save(tmp_path / "saved")
        path = tmp_path / "labelled.txt"
        path.write_text("0.9 high\n0.8 high\n0.2 low\n0.4 low\n0.5\n")
        return ["--task", "number-line", "--model", str(tmp_path / "saved"), "--data", str(path)]
