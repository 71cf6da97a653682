"""Several views are one study: grouping, hanging, landmarks, arterial amount, decisions, the rules of a study."""

__all__ = [
    "bac",
    "decisions",
    "grouping",
    "landmarks",
    "look",
    "rules",
]
