"""What comes in, by hand, folder or network, and the one worker that reads and analyses it."""

__all__ = ["admission", "cluster", "engine", "folder", "logs", "reader", "scp", "worker"]
