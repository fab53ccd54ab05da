#!/usr/bin/env bash
# seqeval 1.2.2 takes the first letter of a tag for its prefix, whatever follows it.
#
# One would guess that tags without B- or I-, as in corpora tagged in plain IO ("PER", "ORG"), are
# either refused or are entities of those names. Seen: "PER" is an entity of type "ER", and "ORG" is
# no entity at all, since its first letter is O. Warnings are printed, scores come back. A tagger
# that never finds an organisation has an F1 of 1, and types that differ only in their first letter
# ("PART", "CART") are counted as one.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check seqeval==1.2.2
"$folder/env/bin/python" -W ignore - <<'PYTHON'
from seqeval.metrics import classification_report, f1_score
from seqeval.metrics.sequence_labeling import get_entities

print("entities of PER O ORG:", get_entities(["PER", "O", "ORG"]))
assert get_entities(["PER", "O", "ORG"]) == [("ER", 0, 0)]

report = classification_report([["PER", "O"]], [["PER", "O"]], output_dict=True)
print("types in the report:", [name for name in report if "avg" not in name])
assert "ER" in report and "PER" not in report

missed = f1_score([["PER", "O", "ORG"]], [["PER", "O", "O"]])
print("F1 of a tagger that misses the ORG:", missed)
assert missed == 1.0

score = f1_score([["PART", "O"]], [["CART", "O"]])
print("F1 of PART where CART is right:", score)
assert score == 1.0
PYTHON
