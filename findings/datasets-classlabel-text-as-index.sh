#!/usr/bin/env bash
# datasets 5.2.0: ClassLabel reads a text that is no class name as a class number.
#
# With classes named "1" to "5" (stars), one would guess that the text "0" is an unknown label. Seen:
# `str2int("0")` is 0, the number of the class "1", while `str2int("3")` is 2, the number of the class
# "3": names win where they exist, and every other whole number below the count is taken as an index.
# A column of five-star ratings with some zeros is read without a word, its zeros as one star.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check datasets==5.2.0
"$folder/env/bin/python" -W ignore - <<'PYTHON'
from datasets import ClassLabel

stars = ClassLabel(names=["1", "2", "3", "4", "5"])
found = {text: stars.str2int(text) for text in ("3", "0")}
print("numbers of the texts:", found)
print("class of the text '0':", stars.int2str(found["0"]))
assert found == {"3": 2, "0": 0}
assert stars.int2str(found["0"]) == "1"
PYTHON
