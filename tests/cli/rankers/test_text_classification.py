"""`altasks rank --task text-classification`; most of its tests are those of the command."""

from __future__ import annotations

import pytest

from altasks.testing.rankers import RankerSuite

pytest.importorskip("transformers", reason="needs the extra text")


class TestConformance(RankerSuite):
    @pytest.fixture
    def arguments(self, checkpoint, pool_csv):
        task = ["--task", "text-classification", "--passes", "3"]
        return [*task, "--model", str(checkpoint), "--pool", str(pool_csv)]

    @pytest.fixture
    def labelled(self, trunk, tmp_path):
        path = tmp_path / "labelled.csv"
        path.write_text("text,label\nlost card,card\nmy card,card\nthe rate,rate\nrate,rate\nup,\n")
        task = ["--task", "text-classification", "--model", str(trunk), "--data", str(path)]
        return [*task, "--training-arg", "max_steps=1", "--frozen-layers", "1"]
