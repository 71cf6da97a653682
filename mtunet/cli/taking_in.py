"""`mtunet inbox` and `receive`: images come in without a browser, into the same worklist, and are analysed.

Both work beside a running app, which then does the analysing, or alone.
"""

import sys
import time
from pathlib import Path

from mtunet.intake import logs
from mtunet.intake.admission import Declined, QueueFull
from mtunet.intake.archive import BadTarget, SenderAbsent, target_of
from mtunet.intake.folder import EVERY_SECONDS, Arrivals, Inbox
from mtunet.intake.pulling import CannotPull, Wanted, pull
from mtunet.intake.returning import Returning
from mtunet.intake.scp import CannotListen, Endpoint, ReceiverAbsent, StorageReceiver
from mtunet.intake.worker import Jobs
from mtunet.store.database import UnusableStore
from mtunet.store.filing import CouldNotSave, data_folder
from mtunet.store.images import Store

DONE, FAILED, WRONG_USAGE, SOME_REFUSED, STOPPED = 0, 1, 2, 3, 130


def watch(folder: Path, model: str, *, once: bool, remove: bool) -> int:
    """Watch a folder until Ctrl-C, or (--once) take in what is there, wait for its analyses and end."""
    data = data_folder()
    logs.keep_in(data)
    inbox = Inbox(data, folder, model, remove=remove)
    jobs = Jobs(data)
    refused = 0
    try:
        print(f"Watching {folder}; results are in {data}. Ctrl-C ends.", file=sys.stderr)
        while True:
            found = inbox.look(patient=not once)
            refused += len(found.declined)
            _say(found)
            if found.taken:
                jobs.wake()
            if once:
                if found.problem:
                    return FAILED
                _wait_for_analyses()
                return SOME_REFUSED if refused else DONE
            time.sleep(EVERY_SECONDS)
    except UnusableStore as problem:
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped. What was taken in stays; what waits is analysed at the next start.", file=sys.stderr)
        return STOPPED
    finally:
        jobs.close()


def receive(
    host: str, port: int, title: str, only: tuple[str, ...], model: str, *, strict: bool, back: str = ""
) -> int:
    """Listen for C-STORE until Ctrl-C."""
    data = data_folder()
    logs.keep_in(data)
    jobs = returning = None
    try:
        target = target_of(back) if back else None
        address = Endpoint(host, port, title, only, strict, target)
        Store.open(data).close()
        jobs = Jobs(data)
        receiver = StorageReceiver(data, model, jobs.wake, address)
        if target is not None:
            returning = Returning(data, model, target, title)
    except (ReceiverAbsent, CannotListen, BadTarget, SenderAbsent) as problem:
        print(problem, file=sys.stderr)
        _close(jobs)
        return WRONG_USAGE
    except UnusableStore as problem:
        print(problem, file=sys.stderr)
        return FAILED
    print(
        f"Listening as {address.title} at {address.host}:{receiver.port}; results are in {data}. Ctrl-C ends.",
        file=sys.stderr,
        flush=True,
    )
    try:
        while True:
            time.sleep(1.0)
    except KeyboardInterrupt:
        print(
            f"Stopped. {receiver.received} received, {receiver.dropped} dropped, {receiver.refused} refused.",
            file=sys.stderr,
        )
        return STOPPED
    finally:
        receiver.close()
        if returning is not None:
            returning.close()
        _close(jobs)


def fetch(address: str, patient: str, accession: str, study: str, model: str, title: str) -> int:
    """Fetch from an archive, wait for the analyses and end."""
    data = data_folder()
    logs.keep_in(data)
    taken = known = declined = 0
    jobs = Jobs(data)
    try:
        with Store.open(data) as store:
            for outcome in pull(store, address, Wanted(patient, accession, study), model, title):
                if isinstance(outcome, Declined):
                    declined += 1
                    print(f"{outcome.name}: refused. {outcome.problem.sentence}", file=sys.stderr)
                else:
                    taken, known = taken + 1, known + outcome.known
                    jobs.wake()
        _wait_for_analyses()
    except (CannotPull, QueueFull, CouldNotSave, UnusableStore) as problem:
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped. What was taken in stays; what waits is analysed at the next start.", file=sys.stderr)
        return STOPPED
    finally:
        jobs.close()
    print(f"{taken} images, {known} of them known already, {declined} refused. Results are in {data}.", file=sys.stderr)
    return SOME_REFUSED if declined else DONE


def _close(jobs: Jobs | None) -> None:
    if jobs is not None:
        jobs.close()


def _say(found: Arrivals) -> None:
    for taken in found.taken:
        print(f"{taken.name}: {'known already' if taken.known else 'taken in'}", file=sys.stderr)
    for declined in found.declined:
        print(f"{declined.name}: refused. {declined.problem.sentence}", file=sys.stderr)
    if found.problem:
        print(found.problem, file=sys.stderr)


def _wait_for_analyses() -> None:
    while True:
        with Store.open(data_folder()) as store:
            if not store.waiting():
                return
        time.sleep(0.2)
