"""A project's life in the shell: every command repeated, cut off and begun again."""

from __future__ import annotations

import json

import pytest
from centroids import CLASSES, Centroids, numbers
from project_files import Checked, read_table, write_table

import altasks as al
from altasks.loop import ActiveLoop


def test_from_init_to_export(project, answers):
    shell = project
    assert shell.json("status")["next"] == "altasks ask"
    first = shell.run("ask", "--out", "batch.csv")
    assert "6 samples open, 6 of them new" in first.stdout
    ids = shell.fill("batch.csv", answers)
    assert "6 labels taken" in shell.run("tell", "batch.csv", "--annotator", "ada").stdout
    assert shell.json("status")["next"] == "altasks fit"
    assert "Fit 1: 6 labels" in shell.run("fit").stdout
    asked = shell.json("ask")
    assert asked["new"] == len(asked["rows"]) == 6
    assert not {row["id"] for row in asked["rows"]} & set(ids)
    assert {row["prediction"]["predicted"] for row in asked["rows"]} <= set(CLASSES)
    found = shell.json("status")
    assert (found["labelled"], found["open"], found["fits"]) == (6, 6, 1)
    rows = [json.loads(line) for line in shell.run("export").stdout.splitlines()]
    assert {row["id"]: row["label"] for row in rows} == {name: answers[name] for name in ids}
    assert set(rows[0]) == {"id", "text", "label"}
    said = [json.loads(line) for line in shell.run("export", "--everyone").stdout.splitlines()]
    assert {row["annotator"] for row in said} == {"ada"}


def test_a_row_left_open_does_not_put_off_the_fit(project, answers):
    shell = project
    shell.run("ask", "--out", "batch.csv")
    shell.fill("batch.csv", answers, count=4)
    shell.run("tell", "batch.csv")
    assert shell.json("status")["next"] == "altasks fit"
    said = shell.run("status").stdout
    assert "Next: altasks fit, or altasks tell FILE for what is open" in said
    shell.run("fit")
    assert shell.json("status")["next"] == "altasks tell FILE"


def test_another_label_by_the_same_person_is_named_by_its_line(project, answers):
    shell = project
    name, other = next(iter(answers)), next(n for n in set(answers.values()) if n != answers["n0"])
    shell.run("ask")
    (shell.folder / "one.csv").write_text(f"id,label\n{name},{answers[name]}\n")
    (shell.folder / "two.csv").write_text(f"id,label\n{name},{other}\n")
    shell.run("tell", "one.csv")
    refused = shell.run("tell", "two.csv", ok=False)
    assert "two.csv, line 2" in refused.output
    assert "--replace" in refused.output
    assert "--annotator NAME" in refused.output


def test_what_is_asked_is_what_python_asks(project, answers):
    """The shell is the loop: same seed, same picks."""
    shell = project
    x, _ = numbers()
    pool = {f"n{i}": str(one) for i, one in enumerate(x)}

    with ActiveLoop(Checked(), pool) as loop:
        for _ in range(3):
            query = loop.ask(6)
            asked = shell.json("ask")
            assert [row["id"] for row in asked["rows"]] == query.ids
            labels = {name: answers[name] for name in query.ids}
            loop.tell(labels)
            lines = [json.dumps({"id": name, "label": one}) for name, one in labels.items()]
            (shell.folder / "told.jsonl").write_text("\n".join(lines))
            shell.run("tell", "told.jsonl")
            loop.fit()
            shell.run("fit")


def test_every_command_twice_is_once(project, answers):
    shell = project
    one = shell.run("ask", "--out", "batch.csv")
    before = (shell.folder / "batch.csv").read_bytes()
    assert "6 samples open, 0 of them new" in shell.run("ask", "--out", "batch.csv").stdout
    assert (shell.folder / "batch.csv").read_bytes() == before
    assert one.exit_code == 0
    shell.fill("batch.csv", answers)
    assert shell.json("tell", "batch.csv")["labels"] == 6
    again = shell.json("tell", "batch.csv")
    assert (again["labels"], again["known"]) == (0, 6)
    assert shell.json("fit")["fitted"] is True
    assert shell.json("fit")["fitted"] is False
    assert Centroids.fits == 1
    shell.run("ask")
    assert shell.json("ask")["new"] == 0
    text = (shell.folder / "altasks.toml").read_text()
    words = ["init", "--task", "centroids", "--pool", "numbers.csv", "--number", 6]
    shell.run(*words, *(word for name in CLASSES for word in ("--label", name)))
    assert (shell.folder / "altasks.toml").read_text() == text
    assert shell.json("status")["labelled"] == 6


def test_what_is_open_counts(project, answers):
    """Four of six are labelled: the next ask has the other two, and four new ones."""
    shell = project
    shell.run("ask", "--out", "batch.csv")
    ids = shell.fill("batch.csv", answers, 4)
    told = shell.json("tell", "batch.csv")
    assert (told["labels"], told["empty"], told["open"]) == (4, 2, 2)
    assert shell.json("ask", "--show")["open"] == 2
    asked = shell.json("ask", "-n", 10)
    assert (asked["open"], asked["new"]) == (10, 8)
    assert {row["id"] for row in asked["rows"]} >= set(ids[4:])


def test_a_queue_with_labels_is_not_overwritten(project, answers):
    shell = project
    shell.run("ask", "--out", "batch.csv")
    shell.fill("batch.csv", answers, 2)
    refused = shell.run("ask", "--out", "batch.csv", ok=False)
    assert refused.exit_code == 2
    assert "altasks tell batch.csv" in refused.output
    assert len([row for row in read_table(shell.folder / "batch.csv") if row["label"]]) == 2
    shell.run("tell", "batch.csv")
    shell.run("ask", "--out", "batch.csv")
    assert not [row for row in read_table(shell.folder / "batch.csv") if row["label"]]
    (shell.folder / "notes.csv").write_text("a,b\n1,2\n")
    refused = shell.run("ask", "--out", "notes.csv", ok=False)
    assert refused.exit_code == 2
    assert (shell.folder / "notes.csv").read_text() == "a,b\n1,2\n"


def test_skips_people_seconds_and_corrections(project, answers):
    shell = project
    names = [row["id"] for row in shell.json("ask")["rows"]]
    other = {name: next(one for one in CLASSES if one != answers[name]) for name in names}
    rows = [
        {"id": names[0], "label": answers[names[0]], "annotator": "ada", "seconds": 3.5},
        {"id": names[0], "label": other[names[0]], "annotator": "bob", "seconds": ""},
        {"id": names[1], "label": "", "annotator": "bob", "seconds": "", "skip": "x"},
    ]
    rows = [{"skip": "", **row} for row in rows]
    write_table(shell.folder / "told.csv", rows)
    told = shell.json("tell", "told.csv")
    assert (told["labels"], told["skips"]) == (2, 1)
    said = [json.loads(line) for line in shell.run("export", "--everyone").stdout.splitlines()]
    assert sorted(one["annotator"] for one in said) == ["ada", "bob", "bob"]
    (ada,) = [one for one in said if one["annotator"] == "ada"]
    assert ada["seconds"] == 3.5
    (skip,) = [one for one in said if one.get("skip")]
    assert (skip["id"], skip["annotator"]) == (names[1], "bob")
    (used,) = [json.loads(line) for line in shell.run("export").stdout.splitlines()]
    assert used["label"] == other[names[0]]  # the last word counts
    # The same person says otherwise: an error that says how, and then a correction.
    write_table(shell.folder / "b.csv", [{"id": names[0], "label": other[names[0]]}])
    refused = shell.run("tell", "b.csv", "--annotator", "ada", ok=False)
    assert refused.exit_code == 2
    assert "--replace" in refused.output
    assert shell.json("tell", "b.csv", "--annotator", "ada", "--replace")["labels"] == 1


def test_an_export_is_taken_in_by_another_project(project, answers, tmp_path_factory):
    """With who said what, in how long, and skips."""
    shell = project
    names = [row["id"] for row in shell.json("ask")["rows"]]
    rows = [{"id": n, "label": answers[n], "annotator": "a=b", "seconds": 2} for n in names[:3]]
    write_table(shell.folder / "t.csv", rows)
    shell.run("tell", "t.csv")
    write_table(shell.folder / "s.csv", [{"id": names[3], "label": "", "skip": "yes"}])
    shell.run("tell", "s.csv")
    for name in ("all.jsonl", "all.csv"):
        shell.run("export", "--everyone", "--out", name)
        text = (shell.folder / "altasks.toml").read_text()
        (shell.folder / "altasks.toml").write_text(text.replace("altasks.db", f"{name}.db"))
        assert shell.json("import", name)["labels"] == 3
        assert shell.json("status")["skipped"] == 1
        shell.run("export", "--everyone", "--out", "back.jsonl", "--force")
        said = [
            [
                {key: one for key, one in json.loads(line).items() if key != "at"}
                for line in (shell.folder / file).read_text().splitlines()
            ]
            for file in ("all.jsonl", "back.jsonl")
        ]
        assert said[0] == said[1]
        (shell.folder / "altasks.toml").write_text(text)


def test_labels_that_are_there_already_are_imported_by_content(project, answers):
    """From a table without ids, its rows in another order."""
    shell = project
    x, y = numbers()
    rows = [{"text": one, "label": label} for one, label in zip(x, y, strict=True)][:20][::-1]
    write_table(shell.folder / "old.csv", rows)
    assert shell.json("import", "old.csv")["labels"] == 20
    got = {json.loads(line)["id"]: json.loads(line)["label"]
           for line in shell.run("export").stdout.splitlines()}  # fmt: skip
    assert got == {f"n{i}": y[i] for i in range(20)}
    write_table(shell.folder / "new.csv", [*rows[:2], {"text": 99.5, "label": "high"}])
    refused = shell.run("import", "new.csv", ok=False)
    assert "--skip-unknown" in refused.output
    assert shell.json("import", "new.csv", "--skip-unknown")["left_out"] == 1


def test_the_model_is_saved_and_replaced_whole(project, answers):
    shell = project
    shell.run("ask", "--out", "batch.csv")
    shell.fill("batch.csv", answers)
    shell.run("tell", "batch.csv")
    assert shell.json("fit", "--out", "model")["fitted"] is True
    assert (shell.folder / "model" / "altasks.json").is_file()
    assert shell.json("fit", "--out", "model")["fitted"] is False
    (shell.folder / "own").mkdir()
    (shell.folder / "own" / "letter.txt").write_text("dear")
    refused = shell.run("fit", "--out", "own", ok=False)
    assert refused.exit_code == 2
    assert (shell.folder / "own" / "letter.txt").read_text() == "dear"
    left = {path.name for path in shell.folder.iterdir()}
    assert not [name for name in left if name.endswith((".tmp", ".old"))]


def test_fit_from_a_file_alone(shell):
    x, y = numbers()
    write_table(
        shell.folder / "l.csv", [{"text": a, "label": b} for a, b in zip(x, y, strict=True)]
    )
    words = ["fit", "--task", "centroids", "--data", "l.csv", "--test", "l.csv", "--out", "model"]
    done = shell.json(*words)
    assert done["labels"] == 60
    assert done["metrics"]["accuracy"] > 0.9
    assert (shell.folder / "model" / "altasks.json").is_file()
    fits = Centroids.fits
    assert shell.json(*words)["fitted"] is False
    assert Centroids.fits == fits
    assert shell.json(*words, "--again")["fitted"] is True
    assert shell.json(*words, "--seed", "1")["fitted"] is True


def test_a_test_set_measures_each_model(project, answers):
    shell = project
    x, y = numbers(20, seed=1)
    rows = [{"text": a, "label": b} for a, b in zip(x, y, strict=True)]
    write_table(shell.folder / "held.csv", rows)
    path = shell.folder / "altasks.toml"
    path.write_text('test = "held.csv"\n' + path.read_text())
    shell.run("ask", "--out", "batch.csv")
    shell.fill("batch.csv", answers)
    shell.run("tell", "batch.csv")
    done = shell.json("fit")
    assert set(done["metrics"]) == {"coverage", "accuracy", "error"}
    (one,) = shell.json("status")["rounds"]
    assert (one["fit"], one["labelled"], one["metrics"]) == (1, 6, done["metrics"])
    assert "accuracy" in shell.run("status").stdout


def test_a_simulated_run_is_the_loops(project, answers):
    shell = project
    x, y = numbers()
    rows = [
        {"id": f"n{i}", "text": a, "label": b} for i, (a, b) in enumerate(zip(x, y, strict=True))
    ]
    write_table(shell.folder / "gold.csv", rows)
    path = shell.folder / "altasks.toml"
    more = '[tool]\nname = "simulated"\nlabels = "gold.csv"\n'
    path.write_text(path.read_text().replace("[run]", "[run]\nbudget = 18") + more)
    Centroids.stop_after = 2
    stopped = shell.run("run", ok=False)
    assert stopped.exit_code == 130
    Centroids.stop_after = None
    done = shell.json("run")
    assert (done["labelled"], len(done["rounds"])) == (18, 3)
    assert shell.json("run")["labelled"] == 18

    pool = {f"n{i}": str(one) for i, one in enumerate(x)}
    with ActiveLoop(Checked(), pool) as loop:
        list(loop.run(al.Simulated({f"n{i}": one for i, one in enumerate(y)}), 18, 6))
        assert [one.ids for one in loop.rounds] == [one["ids"] for one in done["rounds"]]


@pytest.mark.parametrize("name", ["batch.jsonl", "batch.parquet"])
def test_other_kinds_of_files(project, answers, name):
    if name.endswith("parquet"):
        pytest.importorskip("pyarrow")
    shell = project
    shell.run("ask", "--out", name)
    path = shell.folder / name
    if name.endswith("parquet"):
        import pandas

        frame = pandas.read_parquet(path)
        frame["label"] = [answers[one] for one in frame["id"]]
        frame.to_parquet(path)
    else:
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        lines = [json.dumps({**row, "label": answers[row["id"]]}) for row in rows]
        path.write_text("\n".join(lines))
    assert shell.json("tell", name)["labels"] == 6
