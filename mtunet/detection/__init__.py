"""A `Mammogram` to an `Analysis`: the network's grid, the network, maps, findings, the rules of an image."""

__all__ = [
    "analysis",
    "analysis_json",
    "breast",
    "components",
    "devices",
    "ensemble",
    "models",
    "network",
    "outlines",
    "preprocessing",
    "segmentation",
    "settings",
    "triage",
    "weights",
]
