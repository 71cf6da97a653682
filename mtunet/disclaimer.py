"""The sentence that stands on every export."""

NOT_FOR_CLINICAL_USE = "Research demonstration, not for clinical use."
