"""The lines of target/bench.jsonl, and the same as tables."""

import json

from base import PROJECT

# How ours must stand to Debezium's: name, where from, which way, how many times.
GOALS = [
    ("events a second", lambda line: line.get("events_per_second"), "more", 2.5),
    ("CPU of the process", lambda line: line.get("cpu_seconds_per_million", {}).get("process"), "less", 8),
    ("latency p99", lambda line: line.get("latency_ms", {}).get("p99"), "less", 2),
    ("peak memory", lambda line: line.get("peak_memory_mb"), "less", None),
]
MEMORY_GOAL_MB = 80


class Report:
    def __init__(self):
        self.file = open(PROJECT / "target" / "bench.jsonl", "w", encoding="utf-8")
        self.lines = []

    def add(self, **line):
        self.lines.append(line)
        print(json.dumps(line), file=self.file, flush=True)
        print("  ".join(self.told(line)), flush=True)

    @staticmethod
    def told(line):
        yield f"{line['database']:<6}{line['phase']:<9}{line['system']:<9}"
        if "events_per_second" in line:
            yield f"{line['events_per_second']:>9,.0f} events/s"
            yield "CPU s/million: " + ", ".join(f"{k} {v:.1f}" for k, v in line["cpu_seconds_per_million"].items())
            yield "cores: " + ", ".join(f"{k} {v:.2f}" for k, v in line["cores"].items())
        if "latency_ms" in line:
            yield "latency ms: " + ", ".join(f"{k} {v:.1f}" for k, v in line["latency_ms"].items())
            yield "cores: " + ", ".join(f"{k} {v:.2f}" for k, v in line["cores"].items())
        if "peak_memory_mb" in line:
            yield f"peak {line['peak_memory_mb']:.0f} MB"

    def ratios(self):
        for ours in [line for line in self.lines if line["system"] == "rowtide"]:
            same = [line for line in self.lines if line["system"] == "debezium"
                    and (line["database"], line["phase"]) == (ours["database"], ours["phase"])]
            for theirs in same:
                self.compare(ours, theirs)
            met = "met" if ours["peak_memory_mb"] < MEMORY_GOAL_MB else "MISSED"
            print(f"{ours['database']:<6}{ours['phase']:<9} peak memory {ours['peak_memory_mb']:.0f} MB (goal {MEMORY_GOAL_MB}: {met})")

    def compare(self, ours, theirs):
        ratios = {}
        for name, value, way, times in GOALS:
            mine, other = value(ours), value(theirs)
            if not mine or not other:
                continue
            ratio = mine / other if way == "more" else other / mine
            wanted = f" (goal {times}: {'met' if ratio >= times else 'MISSED'})" if times else ""
            ratios[name] = ratio
            print(f"{ours['database']:<6}{ours['phase']:<9} {name}: {ratio:.1f} times {way}{wanted}")
        line = {"database": ours["database"], "phase": ours["phase"], "ratios": ratios}
        print(json.dumps(line), file=self.file, flush=True)
