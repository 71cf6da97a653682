"""Find microcalcifications and breast arterial calcifications in mammograms. Not for clinical use."""

__version__ = "0.1.0"
