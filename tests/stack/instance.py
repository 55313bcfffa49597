"""One server: its folder, its ports, its process. What kind of server it is, the kind says (see KINDS in `stack`).

A kind has: `install()`, `prepare(instance)` (the data folder of a new server), `command(instance)` (argv),
`answers(instance)`, and `STOP`/`KILL`, the signals for a clean stop and for a crash.

A server is a process of its own session, so it outlives the command that started it; it is found again by its
pid and by its folder, which stands in its command line. A server with an owner is removed, data and all,
when the owner's process has gone: tests cannot leave servers behind, whatever kills them.
"""

import contextlib
import fcntl
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
import zlib
from pathlib import Path

from base import HOST, LOCK, RUN, StackError, locked, port_is_free, read_json, say, wait_until

# Below the range from which systems take the ports of outgoing connections.
PORTS = range(20000, 32000)
# A machine that builds and tests beside is ten times slower than an idle one.
START_SECONDS, STOP_SECONDS = 300, 180
# A server may end while it starts for a reason that passes: its port was taken meanwhile, its last process is not quite gone.
STARTS = 3
KERNEL_THREAD = 0x00200000


class EndedAtOnce(StackError):
    """A server that ended while it started."""


class Instance:
    """A server's folder under run/, and what its instance.json says."""

    def __init__(self, name):
        if not name or not all(c.isalnum() or c in "-_" for c in name):
            raise StackError(f"a server's name is of letters, digits, - and _, not {name!r}")
        self.name, self.dir = name, RUN / name
        self.file = self.dir / "instance.json"
        self.port_wanted = None
        self.read()

    def read(self):
        """What the file says now: another command may have changed it before this one had the lock."""
        told = read_json(self.file) or {}
        self.kind, self.pid, self.owner = told.get("kind"), told.get("pid"), told.get("owner")
        self.ports, self.options = told.get("ports", []), told.get("options", {})

    @property
    def port(self):
        return self.ports[0]

    @property
    def data(self):
        return self.dir / "data"

    @property
    def log(self):
        return self.dir / "server.log"

    def told(self):
        return {"kind": self.kind, "name": self.name, "host": HOST, "port": self.port, "pid": self.pid,
                "dir": str(self.dir), "ports": self.ports, "options": self.options, "owner": self.owner}

    def save(self):
        new = self.file.with_suffix(".new")
        new.write_text(json.dumps(self.told()))
        new.replace(self.file)

    def alive(self):
        """Whether the process of that pid runs and is this server; a zombie's command line is empty."""
        try:
            return self.pid is not None and os.fsencode(f"{self.dir}/") in Path(f"/proc/{self.pid}/cmdline").read_bytes()
        except OSError:
            return False

    def ended(self):
        """Whether nothing is left of that process: one that is killed has no command line long before its last thread has
        gone, and with it the ports and the locks of files."""
        try:
            process = Path(f"/proc/{self.pid}")
            if command := (process / "cmdline").read_bytes():
                return os.fsencode(f"{self.dir}/") not in command
            fields = (process / "stat").read_text().rpartition(")")[2].split()
            if fields[0] in "ZX":
                return len(list((process / "task").iterdir())) <= 1
            return int(fields[6]) & KERNEL_THREAD != 0
        except OSError:
            return True

    def signal(self, number):
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    def locked(self):
        """A lock file of a fixed set: names come and go, and a lock file cannot be removed safely."""
        return locked(f"run-{zlib.crc32(self.name.encode()) % 256}")


def every_instance():
    return [Instance(path.parent.name) for path in sorted(RUN.glob("*/instance.json"))]


def take_ports(instance, count):
    """Free ports that no other server of ours has, running or stopped; an instance keeps its own."""
    with locked("ports"):
        if not instance.ports:
            taken = {port for other in every_instance() for port in other.ports}
            free = (p for p in random.sample(PORTS, len(PORTS)) if p not in taken and port_is_free(p))
            instance.ports = [next(free) for _ in range(count)]
            if instance.port_wanted:
                instance.ports[0] = instance.port_wanted
        instance.save()


def start(kind, instance, options, owner=None):
    """Starts it, or does nothing when it runs already; a stopped one goes on with its data and port."""
    kind.install()
    with instance.locked():
        instance.read()
        if instance.kind not in (None, kind.NAME):
            raise StackError(f"{instance.name} is a {instance.kind}: remove it first")
        if instance.alive():
            return
        wait_until(instance.ended, STOP_SECONDS, f"the last process of {instance.name}, which is about to end,")
        instance.dir.mkdir(parents=True, exist_ok=True)
        instance.kind, instance.options, instance.owner = kind.NAME, options, owner
        take_ports(instance, kind.PORTS)
        if owner:
            watch(owner)
        is_new = not instance.data.exists()
        if is_new:
            kind.prepare(instance)
        for left in reversed(range(STARTS)):
            try:
                return launch(kind, instance)
            except EndedAtOnce as problem:
                if not left:
                    raise
                say(f"{problem}\ntrying again")
            if is_new and instance.port_wanted is None:
                # Nobody knows its ports yet, and they may be another program's by now.
                instance.ports = []
                take_ports(instance, kind.PORTS)
            time.sleep(1)


def launch(kind, instance):
    """Starts the process, and waits until it answers."""
    kind.before_start(instance)
    with open(instance.log, "ab") as log:
        # `cwd`: a server's relative paths, and a core file, belong in its folder.
        server = subprocess.Popen(
            [str(part) for part in kind.command(instance)], cwd=instance.dir, stdin=subprocess.DEVNULL,
            stdout=log, stderr=log, start_new_session=True)
    instance.pid = server.pid
    instance.save()
    try:
        wait_until(lambda: kind.answers(instance), START_SECONDS, f"{kind.NAME} {instance.name}",
                   dead=lambda: server.poll() is not None, tail=instance.log)
    except StackError as problem:
        if server.poll() is not None:
            raise EndedAtOnce(str(problem)) from None
        server.kill()
        server.wait()
        raise


def end(instance, signal_number):
    """Sends the signal and waits for the process to go; killed when it does not."""
    with instance.locked():
        instance.read()
        if not instance.alive():
            return False
        instance.signal(signal_number)
        try:
            wait_until(instance.ended, STOP_SECONDS, f"{instance.name}, asked to stop,")
        except StackError:
            say(f"{instance.name} did not stop within {STOP_SECONDS} s: killed")
            instance.signal(signal.SIGKILL)
            wait_until(instance.ended, STOP_SECONDS, f"{instance.name}, killed,")
    return True


def remove(instance, kind):
    end(instance, kind.KILL)
    # Children of a crashed server may still write for a moment.
    for _ in range(100):
        shutil.rmtree(instance.dir, ignore_errors=True)
        if not instance.dir.exists():
            break
        time.sleep(0.1)


# --- owners -----------------------------------------------------------------------------


def started_at(pid):
    """The start time of a process, which tells it from a later one of the same number; None when it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else fields[19]


def watch(owner):
    """Leaves a process behind that removes the owner's servers when the owner has gone; one for each owner."""
    if started_at(owner) is None:
        raise StackError(f"there is no process {owner} to own a server")
    subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("stack")), "watch", str(owner)], start_new_session=True,
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def outlive(owner, remove_one):
    """The body of that process; the first of an owner does the work, the others leave at once."""
    with contextlib.suppress(BlockingIOError), open(LOCK / f"owner-{owner}", "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        since = started_at(owner)
        while since and started_at(owner) == since:
            time.sleep(0.2)
        for instance in every_instance():
            if instance.owner == owner:
                # One that does not go must not keep the others.
                with contextlib.suppress(StackError):
                    remove_one(instance)
        Path(file.name).unlink()
