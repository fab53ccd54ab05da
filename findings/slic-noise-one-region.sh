#!/usr/bin/env bash
# scikit-image 0.26.0: `slic(n_segments=...)` returns one single region for an image of noise.
#
# n_segments is documented as approximate, so one would guess about as many superpixels as were asked
# for. Seen: on 96 x 96 pixels of colour noise, 10, 50 or 200 are asked for and 1 comes back, without
# a warning, since regions are joined until each is connected and no smaller than a share of the
# expected size. Without that step (enforce_connectivity=False) about as many come as were asked for.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check scikit-image==0.26.0 numpy==2.4.6
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import numpy as np
from skimage.segmentation import slic

image = np.random.default_rng(0).integers(0, 256, (96, 96, 3)).astype(np.uint8)
for asked in (10, 50, 200):
    joined = len(np.unique(slic(image, n_segments=asked)))
    plain = len(np.unique(slic(image, n_segments=asked, enforce_connectivity=False)))
    print(f"asked for {asked}: {joined} region(s), {plain} without enforce_connectivity")
    assert joined == 1
    assert plain > asked // 2
PYTHON
