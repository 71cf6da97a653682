"""What people did and what was found: SQLite and files. Every line of SQL stands here."""

__all__ = [
    "database",
    "decisions",
    "filing",
    "handed_in",
    "images",
    "outbox",
    "quiz",
    "records",
    "rooms",
    "studies",
    "worklist",
]
