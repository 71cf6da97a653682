"""The product under attack, on this machine alone, in minutes: one line per attack.

    python -m benchmarks.siege [--parts files,app,image,training,disks,clock,servers,uploads,pages,receiver,web,class]
                               [--seed 1] [--mutants 2000] [--kills 30] [--minutes 10] [--port 8690]

Each line says what was tried, what was answered, what was lost, the worst seconds by the wall and of the processor, and
the peak memory of who was attacked. It ends with 1 where anything was lost, crashed or overran. Files are mutants of
drawn ones, made anew from the seed. What tests/ does once, this does long; docs/threats.md says what is promised and
how it went. Not for clinical use.
"""

import argparse
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.siege import kills, network, storage, strange_files
from benchmarks.siege.line import Line

TRAINING_KILLS = 3
"""Of three kills of the app, one of a training: 30 and 10."""


def main() -> int:
    """0 where everything held."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--parts", default="", help="only these, with commas between")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mutants", type=int, default=2000)
    parser.add_argument("--kills", type=int, default=30)
    parser.add_argument(
        "--minutes", type=float, default=10.0, help="of kills, half; what there was no time for is said"
    )
    parser.add_argument("--port", type=int, default=8690)
    asked = parser.parse_args()
    folder, port, chance = Path(tempfile.mkdtemp(prefix="mtunet-siege-")), asked.port, random.Random(asked.seed)
    attacks: dict[str, Callable[[], Line | list[Line]]] = {
        "files": lambda: strange_files.mutants(folder, asked.seed, asked.mutants),
        "app": lambda: kills.of_the_app(folder, port, chance, asked.kills, 20 * asked.minutes),
        "image": lambda: kills.by_an_image(folder, port),
        "training": lambda: kills.of_a_training(
            folder, chance, max(1, asked.kills // TRAINING_KILLS), 10 * asked.minutes
        ),
        "disks": lambda: storage.poor_disks(folder),
        "clock": lambda: storage.clock_set_back(folder, port),
        "servers": lambda: storage.two_servers(folder, port),
        "uploads": lambda: network.uploads(folder, port),
        "pages": lambda: network.pages(folder, port),
        "receiver": lambda: network.receiver(folder, 40),
        "web": lambda: network.web(folder, 30, port),
        "class": lambda: network.class_and_clinician(folder, port),
    }
    wanted = asked.parts.split(",") if asked.parts else list(attacks)
    if unknown := set(wanted) - set(attacks):
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there are {', '.join(attacks)}")
    held, began = True, time.monotonic()
    for part in wanted:
        told = attacks[part]()
        for line in told if isinstance(told, list) else [told]:
            print(line, flush=True)
            held = held and line.held
    load = f", load {os.getloadavg()[1]:.1f} on {os.cpu_count()} cores" if hasattr(os, "getloadavg") else ""
    print(f"{time.monotonic() - began:.0f} s in all{load}. Research demonstration, not for clinical use.")
    if held:
        shutil.rmtree(folder, ignore_errors=True)
    return 0 if held else 1


if __name__ == "__main__":
    sys.exit(main())
