"""The commands of `python -m mtunet`."""
