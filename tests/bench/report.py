"""The lines of target/bench.jsonl, and the same as tables."""

import json
from statistics import median

from base import PROJECT

# How ours must stand to Debezium's: name, where from, which way, how many times.
GOALS = [
    ("events a second", lambda line: line.get("events_per_second"), "more", 2.5),
    ("CPU of the process", lambda line: line.get("cpu_seconds_per_million", {}).get("process"), "less", 8),
    ("latency p99", lambda line: line.get("latency_ms", {}).get("p99"), "less", 2),
    ("peak memory", lambda line: line.get("peak_memory_mb"), "less", None),
]
MEMORY_GOAL_MB = 80
# Seconds that ours may take to start.
START_GOALS = {"start, ready": 1, "start, first row": 3}
# How our Avro must stand to our JSON: name, where from, which way, the least ratio.
AVRO_GOALS = [(*GOALS[0][:3], 0.9), (*GOALS[1][:3], 1.0)]
# How ours with transforms must stand to ours without.
TRANSFORM_GOALS = {
    chain: [(*GOALS[0][:3], least), (*GOALS[1][:3], None)] for chain, least in (("unwrap", 0.9), ("five", 0.6), ("whole", 0.6))}


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
        yield f"{line['database']:<6}{line['phase']:<17}{line['system']:<9}"
        if "events_per_second" in line:
            yield f"{line['events_per_second']:>9,.0f} events/s"
            yield "CPU s/million: " + ", ".join(f"{k} {v:.1f}" for k, v in line["cpu_seconds_per_million"].items())
        if "start_seconds" in line:
            yield f"{median(line['start_seconds']):.2f} s, the median of " + ", ".join(f"{s:.2f}" for s in line["start_seconds"])
        if "latency_ms" in line:
            yield "latency ms: " + ", ".join(f"{k} {v:.1f}" for k, v in line["latency_ms"].items())
        if "cores" in line:
            yield "cores: " + ", ".join(f"{k} {v:.2f}" for k, v in line["cores"].items())
        if "peak_memory_mb" in line:
            yield f"peak {line['peak_memory_mb']:.0f} MB"

    def ratios(self):
        for ours in [line for line in self.lines if line["system"] == "rowtide" and "peak_memory_mb" in line]:
            same = {line["system"]: line for line in self.lines
                    if (line["database"], line["phase"]) == (ours["database"], ours["phase"])}
            if "debezium" in same:
                self.compare(ours, same["debezium"], GOALS, "")
            if "avro" in same:
                self.compare(same["avro"], ours, AVRO_GOALS, "Avro to JSON, ")
            met = "met" if ours["peak_memory_mb"] < MEMORY_GOAL_MB else "MISSED"
            print(f"{ours['database']:<6}{ours['phase']:<11}peak memory {ours['peak_memory_mb']:.0f} MB (goal {MEMORY_GOAL_MB}: {met})")

    def starts(self):
        """The medians of the starts, and how much longer the other takes."""
        lines = {(line["database"], line["phase"], line["system"]): median(line["start_seconds"])
                 for line in self.lines if "start_seconds" in line}
        for (database, phase, system), ours in lines.items():
            if system != "rowtide":
                continue
            goal = START_GOALS[phase]
            told = {"database": database, "phase": phase, "system": system, "median_start_seconds": ours}
            print(f"{database:<6}{phase}: {ours:.2f} s (goal {goal}: {'met' if ours < goal else 'MISSED'})")
            if theirs := lines.get((database, phase, "debezium")):
                told["ratios"] = {"seconds": theirs / ours}
                print(f"{database:<6}{phase}: {theirs / ours:.1f} times less than Debezium's {theirs:.2f} s")
            print(json.dumps(told), file=self.file, flush=True)

    def transforms(self):
        """What transforms cost: the medians of each chain's runs, against those without."""
        lines = [line for line in self.lines if line["phase"] == "transforms" and "round" in line]
        for database in dict.fromkeys(line["database"] for line in lines):
            medians = {}
            for chain in dict.fromkeys(line["system"] for line in lines):
                runs = [line for line in lines if (line["database"], line["system"]) == (database, chain)]
                cpu = {name: median(run["cpu_seconds_per_million"][name] for run in runs)
                       for name in runs[0]["cpu_seconds_per_million"]}
                medians[chain] = {
                    "database": database, "phase": "transforms", "system": chain, "median_of": len(runs),
                    "events_per_second": median(run["events_per_second"] for run in runs), "cpu_seconds_per_million": cpu}
                self.add(**medians[chain])
            for chain, goals in TRANSFORM_GOALS.items():
                self.compare(medians[chain], medians["none"], goals, f"{chain} to none, ")

    def compare(self, ours, theirs, goals, what):
        ratios = {}
        for name, value, way, times in goals:
            mine, other = value(ours), value(theirs)
            if not mine or not other:
                continue
            ratio = mine / other if way == "more" else other / mine
            wanted = f" (goal {times}: {'met' if ratio >= times else 'MISSED'})" if times else ""
            ratios[name] = ratio
            print(f"{ours['database']:<6}{ours['phase']:<11}{what}{name}: {ratio:.2f} times {way}{wanted}")
        line = {"database": ours["database"], "phase": ours["phase"], "system": ours["system"], "ratios": ratios}
        print(json.dumps(line), file=self.file, flush=True)
