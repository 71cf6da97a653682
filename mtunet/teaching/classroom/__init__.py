"""A class at once: a room, who is in it, what they answered, what that says."""

__all__ = ["records", "results", "room"]
