"""Results on the way out: drawing in Figure 3's colours, exports."""

__all__ = [
    "drawing",
    "exports",
]
