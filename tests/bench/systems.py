"""The two that are compared, with the same face: run a connector, stop it, run it again."""

import json
import time
import urllib.error
import urllib.request

from base import HOST
from measure import forget_peak
from servers import Failed


class Rowtide:
    NAME = "rowtide"

    def __init__(self, servers, binary, broker, schemas):
        self.daemon = servers.daemon(binary, {
            "bootstrap.servers": f"{HOST}:{broker['port']}",
            "key.converter.schemas.enable": schemas, "value.converter.schemas.enable": schemas})

    @property
    def pid(self):
        return self.daemon.pid

    def run(self, connector, window):
        """Starts the process; the window is opened on its first moment."""
        file = self.daemon.folder / "connector.json"
        file.write_text(json.dumps({"name": "bench", "config": connector}))
        self.daemon.start([file])
        return window(self.pid)

    def tune(self, connector):
        """Its latency is measured with its defaults."""

    def check(self):
        self.daemon.check()

    def stop(self):
        self.daemon.stop()

    close = stop


class Debezium:
    NAME = "debezium"

    def __init__(self, servers, broker, schemas):
        self.servers, self.bootstrap, self.runs = servers, f"{HOST}:{broker['port']}", False
        self.worker = servers.start("connect", **{
            "bootstrap.servers": self.bootstrap, "heap": "2g",
            "key.converter.schemas.enable": schemas, "value.converter.schemas.enable": schemas})

    @property
    def pid(self):
        return self.worker["pid"]

    def ask(self, method, path, body=None):
        """A request; Connect answers 409 while it rebalances."""
        for _ in range(60):
            request = urllib.request.Request(
                f"http://{HOST}:{self.worker['port']}{path}", method=method,
                data=json.dumps(body).encode() if body is not None else None, headers={"Content-Type": "application/json"})
            try:
                with urllib.request.urlopen(request, timeout=30) as answer:
                    return json.loads(answer.read() or b"null")
            except urllib.error.HTTPError as error:
                if error.code not in (404, 409):
                    raise Failed(f"{method} {path}: {error.code} {error.read()[:500]}") from None
            time.sleep(0.5)
        raise Failed(f"{method} {path}: no answer")

    def complete(self, connector):
        if "mysql" not in connector["connector.class"]:
            return connector
        history = "schema.history.internal"
        return {**connector, f"{history}.kafka.bootstrap.servers": self.bootstrap,
                f"{history}.kafka.topic": "bench-history", f"{history}.store.only.captured.tables.ddl": "true"}

    def run(self, connector, window):
        forget_peak(self.pid)
        opened = window(self.pid)
        if self.runs:
            self.ask("PUT", "/connectors/bench/resume")
        else:
            self.ask("POST", "/connectors", {"name": "bench", "config": self.complete(connector)})
        self.runs = True
        return opened

    def tune(self, connector):
        """As someone does who wants low latency of it."""
        self.ask("PUT", "/connectors/bench/config", {**self.complete(connector), "poll.interval.ms": "10"})

    def check(self):
        try:
            status = self.ask("GET", "/connectors/bench/status")
        except OSError as error:
            raise Failed(f"Connect is gone: {error}") from error
        for task in status["tasks"]:
            if task["state"] == "FAILED":
                raise Failed(f"Debezium failed: {task['trace'][:2000]}")

    def stop(self):
        """Stopped when its task is gone: then its position is saved and its slot is free."""
        self.ask("PUT", "/connectors/bench/stop")
        while self.ask("GET", "/connectors/bench/status")["tasks"]:
            time.sleep(0.2)

    def close(self):
        self.servers.remove("connect")
