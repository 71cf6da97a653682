"""`mtunet inbox` and `receive`: images come in without a browser, into the same worklist, and are analysed.

Both work beside a running app, which then does the analysing, or alone.
"""

import signal
import sys
import threading
import time
from contextlib import ExitStack
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
from mtunet.store.records import JobState

DONE, FAILED, WRONG_USAGE, SOME_REFUSED, STOPPED = 0, 1, 2, 3, 130


def watch(folder: Path, model: str, *, once: bool, remove: bool) -> int:
    """Watch a folder until Ctrl-C, or (--once) take in what is there, wait for its analyses and end."""
    data = _begin()
    inbox = Inbox(data, folder, model, remove=remove)
    jobs = Jobs(data)
    refused, unremoved, asked, problem = 0, 0, set[str](), ""
    try:
        print(f"Watching {folder}; results are in {data}. Ctrl-C ends.", file=sys.stderr)
        while True:
            arrivals = inbox.look(patient=not once)
            refused += len(arrivals.declined)
            unremoved += arrivals.unremoved
            _say(arrivals, known=problem)
            problem = arrivals.problem
            if arrivals.taken:
                jobs.wake()
            if once:
                asked |= {taken.sha256 for taken in arrivals.taken}
                failed = _analysed(asked, model)
                if problem and arrivals.taken:  # the queue was full: what is left may come now
                    continue
                return FAILED if failed or problem or unremoved else SOME_REFUSED if refused else DONE
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
    data, receiver = _begin(), None
    try:
        target = target_of(back) if back else None
        with Store.open(data):
            pass
        with ExitStack() as at_the_end:
            jobs = Jobs(data)
            at_the_end.callback(jobs.close)
            receiver = StorageReceiver(data, model, jobs.wake, Endpoint(host, port, title, only, strict, target))
            if target is not None:
                at_the_end.callback(Returning(data, model, target, title).close)
            at_the_end.callback(receiver.close)
            where = f"as {title} at {host}:{receiver.port}"
            print(f"Listening {where}; results are in {data}. Ctrl-C ends.", file=sys.stderr, flush=True)
            while True:
                time.sleep(1.0)
    except (ReceiverAbsent, CannotListen, BadTarget, SenderAbsent) as problem:
        print(problem, file=sys.stderr)
        return WRONG_USAGE
    except UnusableStore as problem:
        print(problem, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        came = receiver and f" {receiver.received} received, {receiver.dropped} dropped, {receiver.refused} refused."
        print(f"Stopped.{came or ''}", file=sys.stderr)
        return STOPPED


def fetch(address: str, patient: str, accession: str, study: str, model: str, title: str) -> int:
    """Fetch from an archive, wait for the analyses and end."""
    data = _begin()
    taken = known = declined = 0
    asked, problem = set[str](), ""
    jobs = Jobs(data)
    try:
        with Store.open(data) as store:
            try:
                for outcome in pull(store, address, Wanted(patient, accession, study), model, title):
                    if isinstance(outcome, Declined):
                        declined += 1
                        print(f"{outcome.name}: refused. {outcome.problem.sentence}", file=sys.stderr)
                    else:
                        taken, known = taken + 1, known + outcome.known
                        asked.add(outcome.sha256)
                        jobs.wake()
            except (CannotPull, QueueFull, CouldNotSave) as broken_off:  # what came before is analysed all the same
                problem = str(broken_off)
                print(problem, file=sys.stderr)
        failed = _analysed(asked, model)
    except UnusableStore as unusable:
        print(unusable, file=sys.stderr)
        return FAILED
    except KeyboardInterrupt:
        print("Stopped. What was taken in stays; what waits is analysed at the next start.", file=sys.stderr)
        return STOPPED
    finally:
        jobs.close()
    print(f"{taken} images, {known} of them known already, {declined} refused. Results are in {data}.", file=sys.stderr)
    return FAILED if failed or problem else SOME_REFUSED if declined else DONE


def _begin() -> Path:
    """The data folder. SIGTERM, which stops services, ends as Ctrl-C does: an end in good order is no crash."""
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, signal.default_int_handler)
    data = data_folder()
    logs.keep_in(data)
    return data


def _say(arrivals: Arrivals, known: str) -> None:
    """known: the problem that was said before."""
    for taken in arrivals.taken:
        print(f"{taken.name}: {'known already' if taken.known else 'taken in'}", file=sys.stderr)
    for declined in arrivals.declined:
        print(f"{declined.name}: refused. {declined.problem.sentence}", file=sys.stderr)
    if arrivals.problem and arrivals.problem != known:
        print(arrivals.problem, file=sys.stderr)


def _analysed(asked: set[str], model: str) -> int:
    """Wait until nothing waits; says of how many of these the analysis failed, and why."""
    while True:
        with Store.open(data_folder()) as store:
            if not store.waiting():
                jobs = [store.job(sha256, model) for sha256 in sorted(asked)]
                break
        time.sleep(0.2)
    failed = [job for job in jobs if job is not None and job.state is JobState.FAILED]
    for job in failed:
        print(f"The analysis of {job.sha256[:12]}… failed. {job.sentence}", file=sys.stderr)
    return len(failed)
