"""Annotation tools that ask: altasks answers them over HTTP, and learns from what people label."""

from altasks._internal.lazy import lazy_names

# Name -> the module that holds it.
_HOMES = {"LabelStudioBackend": "altasks.serve.backend"}

__all__ = list(_HOMES)

__getattr__ = lazy_names(__name__, _HOMES)
