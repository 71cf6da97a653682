"""What comes in, by hand, folder or network, and the one worker that reads and analyses it."""

__all__ = [
    "admission",
    "archive",
    "cluster",
    "engine",
    "folder",
    "logs",
    "pulling",
    "reader",
    "returning",
    "scp",
    "worker",
]
