#!/usr/bin/env bash
# jiwer 4.0.0 splits words at the space character alone.
#
# Word error rates are usually counted over str.split(), and one would guess that a tab, a line break
# or a no-break space (common in PAGE XML and in what OCR engines write) ends a word. Seen: the same
# three words, two of them joined by a tab, are three words against two, and a reading that is right
# up to one no-break space has a word error rate of 0.67.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check jiwer==4.0.0
"$folder/env/bin/python" -W ignore - <<'PYTHON'
import jiwer

tabbed = jiwer.process_words("a\tb c", "a b c")
print("words of 'a<tab>b c':", tabbed.references[0], "WER", tabbed.wer)
assert tabbed.references == [["a\tb", "c"]]

no_break = jiwer.wer("a b c", "a\u00a0b c")
print("WER of the same words with one no-break space:", round(no_break, 2))
assert round(no_break, 2) == 0.67
assert "a\u00a0b c".split() == "a b c".split()
PYTHON
