"""Masks of classes, the files they come in, and regions of images."""

from altasks.data.masks.masks import MaskReader, decode_mask, encode_mask

__all__ = ["MaskReader", "decode_mask", "encode_mask"]
