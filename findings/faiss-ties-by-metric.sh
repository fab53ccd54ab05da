#!/usr/bin/env bash
# faiss-cpu 1.12.0 orders exact ties by ascending id for L2 and by descending id for inner product.
#
# On vectors of length 1 the two metrics rank alike, so one would guess that swapping one flat index
# for the other changes no neighbour. Seen: with equal distances IndexFlatL2 returns the first ids
# and IndexFlatIP the last, so on a pool with duplicates the neighbours themselves differ, not only
# their order.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check faiss-cpu==1.12.0 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import faiss
import numpy as np

rows = np.zeros((6, 4), np.float32)
rows[:, 0] = 1.0  # six copies of one vector of length 1
found = {}
for index in (faiss.IndexFlatL2(4), faiss.IndexFlatIP(4)):
    index.add(rows)
    found[type(index).__name__] = index.search(rows[:1], 3)[1][0].tolist()
print(found)
assert found == {"IndexFlatL2": [0, 1, 2], "IndexFlatIP": [2, 1, 0]}
PYTHON
