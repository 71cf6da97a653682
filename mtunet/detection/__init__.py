"""A `Mammogram` to an `Analysis`: the network's grid, the network, maps, findings, the rules of an image."""

__all__ = [
    "analysis",
    "analysis_json",
    "breast",
    "components",
    "devices",
    "magnification",
    "mc_score",
    "models",
    "network",
    "outlines",
    "pitch",
    "preprocessing",
    "segmentation",
    "settings",
    "triage",
    "weights",
]
