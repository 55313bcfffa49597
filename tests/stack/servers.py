"""For the Python programs of demo and benchmark: servers for as long as a `with` lasts, connections, our daemon."""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from base import HOST, PROJECT, RUN

STACK = Path(__file__).with_name("stack")


class Failed(Exception):
    """What the user is told before the program ends with status 1."""


def interruptible():
    """Makes SIGTERM unwind as an interrupt does, so that everything is cleaned up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))


class Servers:
    """Starts servers that are removed at the end, also when this process is killed."""

    def __init__(self, purpose):
        self.prefix, self.names, self.daemons = f"{purpose}-{os.getpid()}", [], []

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for daemon in self.daemons:
            daemon.clear()
        for name in reversed(self.names):
            self.stack("remove", name)

    def start(self, kind, **settings):
        name = f"{self.prefix}-{kind}"
        self.names.append(name)
        pairs = [f"{key}={value}" for key, value in settings.items()]
        return json.loads(self.stack("start", kind, name, "--owner", str(os.getpid()), *pairs))

    def remove(self, kind):
        name = f"{self.prefix}-{kind}"
        self.names.remove(name)
        self.stack("remove", name)

    def daemon(self, binary, settings):
        daemon = Daemon(RUN / f"{self.prefix}-rowtide-{len(self.daemons)}", binary, settings)
        self.daemons.append(daemon)
        return daemon

    @staticmethod
    def stack(*arguments):
        done = subprocess.run([STACK, *arguments], stdout=subprocess.PIPE, text=True, check=False)
        if done.returncode != 0:
            raise Failed(f"`stack {' '.join(arguments)}` failed")
        return done.stdout


def postgres_connection(server, database="postgres"):
    import psycopg
    return psycopg.connect(host=HOST, port=server["port"], user="postgres", dbname=database, autocommit=True)


def mysql_connection(server, database=None):
    import pymysql
    return pymysql.connect(host=HOST, port=server["port"], user="root", database=database, autocommit=True)


def die_with_parent():
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)


class Daemon:
    """`rowtide run` with its state and its log in a folder of the stack; its standard output goes where the caller says."""

    def __init__(self, folder, binary, settings):
        self.folder, self.log, self.process = folder, folder / "rowtide.log", None
        settings = {"state.path": folder / "state.db", "rest.port": 0, **settings}
        self.command = [binary, "run", *(part for key, value in settings.items() for part in ("--set", f"{key}={value}"))]
        folder.mkdir(parents=True)

    def start(self, connectors, environment=None, stdout=subprocess.DEVNULL):
        """Starts it, or starts it again, with the state that it left."""
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [str(part) for part in (*self.command, *connectors)], cwd=PROJECT, stdin=subprocess.DEVNULL,
                stdout=stdout, stderr=log, env={**os.environ, **(environment or {})}, preexec_fn=die_with_parent)

    @property
    def pid(self):
        return self.process.pid

    def check(self):
        """Raises when it ended by itself."""
        if self.process.poll() is not None:
            raise Failed(f"rowtide ended with status {self.process.returncode}:\n{self.tail()}")

    def tail(self, lines=20):
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])

    def stop(self, seconds=30):
        """A clean stop; returns its status."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise Failed(f"rowtide did not stop within {seconds} s:\n{self.tail()}") from None
        return self.process.returncode

    def clear(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)
