"""Everything of this package by name: `loop.py STORE ROUNDS` dies after as many rounds."""

import json
import os
import sys

import altasks as al


def main():
    store, rounds = sys.argv[1], int(sys.argv[2])
    pool = {f"n{i}": (i * 37 % 101) / 101 for i in range(60)}
    loop = al.ActiveLoop(al.get_task("number-line")(), pool, store=store, seed=5, progress=False)
    oracle = al.get_oracle("threshold")(at=0.4)
    test = ([0.05, 0.3, 0.5, 0.8], ["low", "low", "high", "high"])
    for count, _ in enumerate(loop.run(oracle, budget=20, batch=4, test=test), 1):
        if count == rounds:
            os._exit(9)
    shown = [(one.round, one.ids, one.metrics, one.cost) for one in loop.rounds]
    print(json.dumps({"rounds": shown, "labels": loop.labels, "next": loop.ask(3).ids}))


if __name__ == "__main__":
    main()
