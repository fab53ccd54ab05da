"""One number a line, with its class behind it or without."""

from pathlib import Path

import altasks as al
from altasks.data import LabelledPool
from altasks.errors import InvalidInputError, invalid


class Numbers:
    """`0.25 low` on each line; the class may be missing."""

    reads = "lines with a number and its class"
    tasks = ("number-line",)

    def read(self, path, *, encoding="utf-8"):
        if not Path(path).is_file():
            raise invalid("path", "a file of numbers", repr(str(path)))
        numbers, labels = [], {}
        for line_number, line in enumerate(Path(path).read_text(encoding=encoding).splitlines(), 1):
            number, *label = line.split()
            try:
                numbers.append(float(number))
            except ValueError:
                raise InvalidInputError(
                    f"{path}, line {line_number}: expected a number, found {number!r}."
                ) from None
            if label:
                labels[str(len(numbers) - 1)] = label[0]
        ids = [str(row) for row in range(len(numbers))]
        return LabelledPool(al.Pool(ids, numbers.__getitem__, labels=labels), ["low", "high"])
