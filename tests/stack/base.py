"""Where things are, and the few things that every part needs: log, lock, run.

Everything that is installed or started lives under one folder that git ignores (`.stack/`, or where
ROWTIDE_STACK_DIR points, so that several checkouts can share one):

    dist/     installed programs          template/  initialised data folders, copied for each server
    cache/    downloads                   run/NAME/  one server: its data, log and instance.json
    lock/     lock files                  venv/      Python drivers
"""

import contextlib
import fcntl
import json
import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]


def stack_folder():
    """Root's PostgreSQL runs as another user, who cannot enter a checkout in root's home: then it is in /var/tmp."""
    wanted = Path(os.environ.get("ROWTIDE_STACK_DIR", PROJECT / ".stack")).resolve()
    if os.getuid() != 0 or all(parent.stat().st_mode & 0o001 for parent in wanted.parents if parent.exists()):
        return wanted
    open_to_all = Path("/var/tmp", f"rowtide{str(wanted).replace('/', '-')}")
    open_to_all.mkdir(mode=0o755, exist_ok=True)
    if open_to_all.stat().st_uid != 0:
        raise SystemExit(f"stack: {open_to_all} is not root's: set ROWTIDE_STACK_DIR")
    return open_to_all


STACK = stack_folder()
DIST, CACHE, RUN, LOCK, TEMPLATE = (STACK / d for d in ("dist", "cache", "run", "lock", "template"))
HOST = "127.0.0.1"


class StackError(Exception):
    """Something that the caller must be told in one message."""


def say(message):
    print(f"stack: {message}", file=sys.stderr, flush=True)


@contextlib.contextmanager
def locked(name):
    """One process at a time in here, of all that use this STACK folder."""
    LOCK.mkdir(parents=True, exist_ok=True)
    with open(LOCK / name, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(command, tries=1, **options):
    """Runs a program and returns what it said; it is shown only when the program fails."""
    command = [str(part) for part in command]
    if "input" not in options:
        options.setdefault("stdin", subprocess.DEVNULL)
    for attempt in range(1, tries + 1):
        done = subprocess.run(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False, **options)
        if done.returncode == 0:
            return done.stdout
        if attempt < tries:
            time.sleep(2 * attempt)
    tail = "\n".join(done.stdout.splitlines()[-15:])
    raise StackError(f"`{' '.join(command)[:300]}` failed with {done.returncode}:\n{tail}")


def copy_tree(source, target):
    """Copies a data folder, without copying its blocks where the file system can share them; a half copy is never seen."""
    new = Path(target).with_name(f"{Path(target).name}.new")
    shutil.rmtree(new, ignore_errors=True)
    run(["cp", "-a", "--reflink=auto", source, new])
    new.rename(target)


@contextlib.contextmanager
def replacing(target):
    """A new folder that takes `target`'s place when all went well, so that a half one is never seen."""
    target = Path(target)
    new = target.with_name(f"{target.name}.new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    yield new
    shutil.rmtree(target, ignore_errors=True)
    new.rename(target)


def wait_until(ready, seconds, what, dead=lambda: False, tail=None):
    """Polls `ready` until it is true; `dead` ends the wait early, `tail` names the log to show."""
    end = time.monotonic() + seconds
    while True:
        if ready():
            return
        over = "ended while starting" if dead() else None
        if over is None and time.monotonic() > end:
            over = f"gave no answer within {seconds} s"
        if over:
            shown = ""
            if tail and Path(tail).exists():
                shown = ":\n" + "\n".join(Path(tail).read_text(errors="replace").splitlines()[-15:])
            raise StackError(f"{what} {over}{shown}")
        time.sleep(0.05)


def port_is_free(port):
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def read_json(path):
    try:
        return json.loads(Path(path).read_text())
    except (OSError, ValueError):
        return None
