"""Seconds of one core that a phantom of 0.1 mm takes, against another state of this repository: pairs, interleaved.

    python benchmarks/phantom.py [--views 40] [--against FOLDER]

FOLDER is another checkout (`git worktree add FOLDER COMMIT`). Each view of a cohort is made by this code and by that
one, in turn, each in a process of its own with one thread; printed are the medians of processor time, and the median
and range of the middle half of the ratio by view. Without --against only this code's median is printed.
"""

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
WORKER = """
import sys, time
import cv2
from mtunet.phantom import cohort, make_phantom
cv2.setNumThreads(1)
views = cohort(int(sys.argv[1]), 5)
make_phantom(views[0])
for line in sys.stdin:
    begun = time.process_time()
    make_phantom(views[int(line)])
    print(time.process_time() - begun, flush=True)
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--views", type=int, default=40)
    parser.add_argument("--against", type=Path)
    asked = parser.parse_args()
    trees = [ROOT, asked.against] if asked.against else [ROOT]
    workers = [_worker(tree.resolve(), asked.views) for tree in trees]
    seconds = [[_ask(worker, view) for worker in workers] for view in range(asked.views)]
    for worker in workers:
        worker.communicate()
    for tree, took in zip(trees, zip(*seconds, strict=True), strict=True):
        print(f"{statistics.median(took):.3f} s of one core per view: {tree.name}")
    if asked.against:
        low, middle, high = statistics.quantiles([mine / other for mine, other in seconds], n=4)
        print(f"{middle:.2f} times the other's time (middle half {low:.2f} to {high:.2f})")


def _worker(tree: Path, views: int) -> subprocess.Popen[str]:
    environment = os.environ | {"PYTHONPATH": str(tree), "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = [sys.executable, "-c", WORKER, str(views)]
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=tree, env=environment, stdin=pipe, stdout=pipe, text=True)


def _ask(worker: subprocess.Popen[str], view: int) -> float:
    if worker.stdin is None or worker.stdout is None:
        raise RuntimeError("The worker has no pipes.")
    worker.stdin.write(f"{view}\n")
    worker.stdin.flush()
    return float(worker.stdout.readline())


if __name__ == "__main__":
    main()
