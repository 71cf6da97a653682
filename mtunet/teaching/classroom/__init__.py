"""A class at once: a room, who is in it, what they answered, what that says."""

__all__ = ["attempts", "heat", "records", "results", "room"]
