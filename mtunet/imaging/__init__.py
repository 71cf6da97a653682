"""Bytes to a `Mammogram`, or a sentence. Decoding runs in a child that may be killed; identifiers stop here."""

__all__ = ["decoding", "reading"]
