"""Several views are one study: grouping, hanging, landmarks, arterial amount, decisions, the rules of a study."""

__all__ = [
    "agreement",
    "bac",
    "bac_change",
    "decisions",
    "grouping",
    "hanging",
    "kept_look",
    "landmarks",
    "look",
    "matching",
    "plane",
    "rules",
]
