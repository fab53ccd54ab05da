"""Keep other libraries' chatter off a terminal that shows a table of ours."""

from __future__ import annotations


def silence_transformers() -> None:
    """Silence transformers' reports and bars in this process; errors still come through.

    Only commands call this: a library has no business changing its caller's logging.
    """
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()
