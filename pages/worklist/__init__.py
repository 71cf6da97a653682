"""Every study with its place in the queue; the place where images come in."""
