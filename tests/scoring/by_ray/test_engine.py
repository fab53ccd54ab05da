"""Ray's actors score what one process does, and say so if they can't."""

import json
import os
import resource
import signal
import time

import numpy as np
import pytest

import altasks as al
from altasks.errors import (
    InvalidInputError,
    ScoringInterruptedError,
    UnreadableSampleError,
    WorkerDiedError,
)

ray = pytest.importorskip("ray", reason="needs the extra ray")
pytest.importorskip("pyarrow", reason="needs the extra ray")

import ray_tasks  # noqa: E402 - behind what may skip

from altasks.scoring.by_ray.collected import Collected  # noqa: E402

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(900),
    pytest.mark.filterwarnings("ignore"),  # Ray warns of its own future
]
#: Batches are padded to other lengths, and float32 rounds.
CLOSE = {"rtol": 0, "atol": 2e-6}


@pytest.fixture(scope="module", autouse=True)
def started():
    """One Ray for all, with room for two actors and a reader, and little memory."""
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_worker_niceness"] = "0"  # noqa: SIM112 - or they wait for whatever else runs
    ray.cloudpickle.register_pickle_by_value(ray_tasks)  # no actor finds this folder
    ray.init(
        address="local", num_cpus=3, include_dashboard=False, object_store_memory=150_000_000,
        log_to_driver=False, logging_level="ERROR",
    )  # fmt: skip
    yield
    ray.shutdown()


def by_ray(task, pool, *args, columns=None, **options):
    return al.score(
        task, pool, *args, progress=False, engine=al.RayEngine(2, **(columns or {})), **options
    )


def same(found, one):
    """The same scores by id, and the same of what was kept."""
    row_of = {name: row for row, name in enumerate(found.ids)}
    assert row_of.keys() == {*one.ids}
    rows = [row_of[name] for name in one.ids]
    np.testing.assert_allclose(found.values[rows], one.values, **CLOSE)
    for name in ("embeddings", "mean_probs", "draws"):
        kept = getattr(one, name)
        assert (getattr(found, name) is None) == (kept is None)
        if kept is not None:
            np.testing.assert_allclose(getattr(found, name)[rows], kept, **CLOSE)
    return rows


def write_table(path, ids, texts, group=1000):
    import pyarrow as pa
    import pyarrow.parquet as pq

    pq.write_table(pa.table({"key": ids, "body": texts}), path, row_group_size=group)


def test_texts_of_a_model(tiny_models, topic_texts):
    pytest.importorskip("transformers", reason="needs the extra text")
    task = al.TextClassification(tiny_models["bert"])
    pool = {f"t{i}": text for i, text in enumerate(topic_texts * 4)}
    one = al.score(task, pool, "entropy", keep=["embeddings"], batch_size=4, progress=False)
    found = by_ray(task, pool, "entropy", keep=["embeddings"], batch_size=4)
    assert same(found, one) == list(range(len(pool)))  # a pool in memory keeps its order


def test_images_of_a_folder(tmp_path):
    transformers = pytest.importorskip("transformers", reason="needs the extra vision")
    image = pytest.importorskip("PIL.Image", reason="needs the extra vision")
    config = transformers.ViTConfig(
        hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16,
        image_size=16, patch_size=8, num_labels=3,
    )  # fmt: skip
    transformers.ViTForImageClassification(config).save_pretrained(tmp_path / "vit")
    transformers.ViTImageProcessor(size={"height": 16, "width": 16}).save_pretrained(
        tmp_path / "vit"
    )
    folder = tmp_path / "photos" / "more"
    folder.mkdir(parents=True)
    draw = np.random.default_rng(0)
    for i in range(20):
        shape = (40 + i, 60, 3)
        image.fromarray(draw.integers(0, 255, shape, np.uint8)).save(folder / f"{i}.png")
    task = al.ImageClassification(tmp_path / "vit")
    one = al.score(task, folder.parent, "entropy", progress=False)
    found = by_ray(task, folder.parent, "entropy", batch_size=4)  # read by Ray
    same(found, one)
    assert "more/3.png" in found.ids
    same(by_ray(task, al.as_pool(folder.parent), "entropy", batch_size=4), one)  # by the actors


def test_boxes(tmp_path):
    pytest.importorskip("ultralytics", reason="needs the extra detection")
    import yolo_nets
    from PIL import Image

    al.ObjectDetection(yolo_nets.yolo(), imgsz=64, conf=0.0).save(tmp_path / "yolo")
    (tmp_path / "photos").mkdir()
    draw = np.random.default_rng(0)
    for i in range(8):
        pixels = draw.integers(0, 255, (64, 64, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
    task = al.ObjectDetection(tmp_path / "yolo")
    one = al.score(task, tmp_path / "photos", "margin", progress=False)
    same(by_ray(task, tmp_path / "photos", "margin", batch_size=2), one)


def test_rows_of_numbers_made_by_a_function():
    pool = {f"i{k}": np.random.default_rng(k).normal(size=5) for k in range(500)}
    keep = ["embeddings", "mean_probs", "draws"]
    one = al.score(ray_tasks.Numbers(), pool, "bald", keep=keep, progress=False)
    same(by_ray(ray_tasks.Numbers, pool, "bald", keep=keep, batch_size=7), one)


def test_a_large_table_is_never_in_memory_whole(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    def text(row):
        return f"{row} " * (100 + row % 200)

    size = 0
    schema = pa.schema([("key", pa.string()), ("body", pa.string())])
    with pq.ParquetWriter(tmp_path / "pool.parquet", schema) as file:
        for start in range(0, 200_000, 5000):
            rows = range(start, start + 5000)
            texts = [text(row) for row in rows]
            size += sum(map(len, texts))
            file.write_table(pa.table({"key": [f"row {row}" for row in rows], "body": texts}))
    assert size > 200_000_000  # more than Ray's memory here
    expected = {
        f"row {row}": al.score(ray_tasks.Lengths(), [text(row)], "entropy").values[0]
        for row in (7, 199_999)
    }
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    found = by_ray(
        ray_tasks.Lengths(), tmp_path / "pool.parquet", batch_size=256,
        columns={"id_column": "key", "text_column": "body"},
    )  # fmt: skip
    grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * 1024
    print(f"{size / 1e6:.0f} MB of texts; this process grew by {grown / 1e6:.0f} MB")
    assert len(found) == 200_000
    assert grown < 0.5 * size
    value_of = dict(zip(found.ids, found.values, strict=True))
    for name, value in expected.items():
        assert abs(value_of[name] - value) < 1e-6


def test_lines_of_json_and_what_cannot_be_read(tmp_path):
    rows = [{"id": f"r{i}", "text": ("x" if i % 10 == 3 else "y") * (i + 1)} for i in range(100)]
    path = tmp_path / "pool.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    one = al.score(ray_tasks.Lengths(), path, unreadable="skip", progress=False)
    found = by_ray(ray_tasks.Lengths(), path, unreadable="skip", batch_size=4, keep=["embeddings"])
    np.testing.assert_allclose(
        [found.values[found.ids.index(name)] for name in one.ids], one.values, **CLOSE
    )
    assert dict(found.skipped) == dict(one.skipped)
    with pytest.raises(UnreadableSampleError, match="10 of 100 samples") as caught:
        by_ray(ray_tasks.Lengths(), path)
    assert len(caught.value.partial) == 90


@pytest.mark.timeout(240)  # and no hang
def test_a_dead_actor_is_named():
    pool = {str(i): "y" * i for i in range(1, 300)}
    for task in (ray_tasks.Dies(), ray_tasks.DiesAtStart):
        began = time.monotonic()
        with pytest.raises(WorkerDiedError, match=r"actor of Ray died \(pid \d+, ip [\d.]+\)"):
            by_ray(task, pool, "entropy")
        print(f"named after {time.monotonic() - began:.0f} s")


def test_errors_come_through():
    with pytest.raises(InvalidInputError, match="expected good ones, found a bad one"):
        by_ray(ray_tasks.Refuses(), {"a": "bad", "b": "good"}, "entropy")


def test_ctrl_c_keeps_what_was_scored(monkeypatch):
    pool = {str(i): "y" * (i % 50 + 1) for i in range(20_000)}
    own = Collected.add

    def add(self, block):
        count = own(self, block)
        os.kill(os.getpid(), signal.SIGINT)
        return count

    monkeypatch.setattr(Collected, "add", add)
    with pytest.raises(ScoringInterruptedError, match="Interrupted after") as caught:
        by_ray(ray_tasks.Slow(), pool, "entropy", batch_size=100)
    part = caught.value.partial
    assert 0 < len(part) < 20_000
    one = al.score(ray_tasks.Lengths(), {name: pool[name] for name in part.ids}, progress=False)
    np.testing.assert_allclose(part.values, one.values, **CLOSE)


def test_a_task_that_cannot_be_made_is_no_death():
    with pytest.raises(WorkerDiedError, match=r"couldn't be made: .*no such model"):
        by_ray(ray_tasks.unmade, {"a": "b"}, "entropy")


def test_what_ray_cannot_read_is_refused_at_once(tmp_path):
    late = al.Pool(["a"], lambda i: "text")
    with pytest.raises(InvalidInputError, match="as they are fetched, here and nowhere else"):
        by_ray(ray_tasks.Lengths(), late)
    write_table(tmp_path / "pool.parquet", ["a", "b"], ["one", "two"])
    with pytest.raises(InvalidInputError, match="columns 'key', 'body', found 'id'"):
        by_ray(ray_tasks.Lengths(), tmp_path / "pool.parquet")
    with pytest.raises(InvalidInputError, match="text_column"):
        by_ray(
            ray_tasks.Lengths(), tmp_path / "pool.parquet",
            columns={"id_column": "key", "text_column": "words"},
        )  # fmt: skip
    with pytest.raises(InvalidInputError, match="num_gpus"):
        by_ray(ray_tasks.Lengths(), {"a": "b"}, columns={"num_gpus": 1})
    with pytest.raises(InvalidInputError, match="keep_in"):
        by_ray(ray_tasks.Lengths(), {"a": "b"}, keep_in=tmp_path)


def test_the_shell_ranks_a_table_by_ray(tiny_models, topic_texts, tmp_path):
    pytest.importorskip("transformers", reason="needs the extra text")
    from typer.testing import CliRunner

    from altasks.cli import app

    task = al.TextClassification(tiny_models["bert"])
    task.save(tmp_path / "model")
    write_table(tmp_path / "pool.parquet", [f"t{i}" for i in range(24)], topic_texts, group=5)
    given = ["rank", "--task", "text-classification", "--model", str(tmp_path / "model")]
    given += ["--pool", str(tmp_path / "pool.parquet"), "--id-column", "key", "--passes", "0"]
    given += ["--text-column", "body", "--acquisition", "entropy", "-n", "9", "--out"]
    queues = {}
    for name, more in {"here": [], "ray": ["--engine", "ray", "--actors", "2"]}.items():
        path = tmp_path / f"{name}.jsonl"
        result = CliRunner().invoke(app, [*given, str(path), *more])
        assert result.exit_code == 0, result.output
        queues[name] = [json.loads(line) for line in path.read_text().splitlines()]
    assert [row["id"] for row in queues["ray"]] == [row["id"] for row in queues["here"]]
    np.testing.assert_allclose(
        [row["score"] for row in queues["ray"]], [row["score"] for row in queues["here"]], **CLOSE
    )
    assert queues["ray"][0]["text"] == queues["here"][0]["text"]
