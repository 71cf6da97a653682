"""Find microcalcifications and breast arterial calcifications in mammograms. Not for clinical use."""

import os

__version__ = "0.1.0"

# Threads that wait for each other sleep instead of spinning. It must be said before torch is loaded. With one other
# program on the machine, or the decoder of the next image, a spinning network took eight times as long.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")
