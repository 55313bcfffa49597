#!/usr/bin/env python3
"""Compares two recorded sets of Kafka records: what Debezium emitted, and what another program emitted.

    compare.py EXPECTED.jsonl ACTUAL.jsonl [--partial] [--case case.json] [--volatile TABLE:FIELD]...
               [--rename OLD=NEW]... [--ignore-topic REGEX]... [--differences FILE --variant NAME] [--max N]

Exit status: 0 equal, 1 different, 2 unreadable input.

Input: one JSON object a line, {"topic","partition","offset","timestamp","headers":[[name,value]…],"key","value"}.
key and value are the record's bytes: JSON as it was written, {"$string": …} for other text, {"$base64": …} for other
bytes, {"$avro": {"schema": …, "datum": …}} for Avro whose schema the recorder fetched from the registry.

Compared: the records of each topic and partition, in log order; key, value and headers, every field, in the order of
the fields; numbers as they are written (1.0 is not 1); schemas exactly. Not compared: Kafka's offset and timestamp,
white space, and how a string is escaped. What differs between two runs of one program on the same statements (clock,
log positions, transaction and run ids, ids made at random) is normalised, and only that; README.md says exactly how.
Names of places in the log are not masked: EXPECTED and ACTUAL must be the same up to a one-to-one renaming that keeps
the order of neighbours.

--partial   records that ACTUAL lacks are counted, but are no difference.
--differences   a JSON list of {"variant","topic","path","why"}, regular expressions that match as a whole, perhaps with one
            for what was "expected": the differences that are meant to be. One that no longer exists is a difference.
--rename    replaces text in ACTUAL before it is read, for other database or topic prefix names.
"""
import argparse, difflib, json, re, sys
from collections import defaultdict

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
ISO = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z?")
JAVA_OBJECT = re.compile(r"io\.debezium\.[\w.$]+@[0-9a-f]+")
ORDERED = ("lsn", "commit", "tx", "gtid", "pos")          # spaces whose order is checked between neighbours
WHERE = ("lsn", "txId", "file", "pos", "gtid", "sequence", "server_id", "row")       # of the stream
CONTEXT_RUN_ID = "__debezium.context.runId"

class Num(str):
    """A JSON number, as it was written."""
class Obj(list):
    """A JSON object: (name, value) pairs in their order."""
    def get(self, name, default=None):
        return next((v for k, v in self if k == name), default)
    def names(self):
        return [k for k, _ in self]

def load_json(text):
    return json.loads(text, parse_int=Num, parse_float=Num, parse_constant=Num, object_pairs_hook=Obj)

def dump_json(v):
    """JSON text again; numbers as they were written."""
    if isinstance(v, Num):
        return str(v)
    if isinstance(v, Obj):
        return "{%s}" % ",".join(json.dumps(k, ensure_ascii=False) + ":" + dump_json(x) for k, x in v)
    if isinstance(v, list):
        return "[%s]" % ",".join(map(dump_json, v))
    return json.dumps(v, ensure_ascii=False)

# --- what is volatile

def body(v):
    """(path, the part that a consumer reads) of a key or value: behind schema/payload and Avro."""
    if isinstance(v, Obj):
        if v.names() == ["$avro"]:
            return ".$avro.datum", v[0][1].get("datum")
        if v.names() == ["schema", "payload"]:
            return ".payload", v[1][1]
    return "", v

def parts(pattern, spaces, text):
    """[(space or None, piece)…]: the groups of the pattern are names in the given spaces, the rest is literal."""
    m = re.fullmatch(pattern, text)
    if not m:
        return [(None, text)]
    out, at = [], 0
    for i, space in enumerate(spaces, 1):
        if m.group(i) is None:
            continue
        out += [(None, text[at:m.start(i)]), (space, m.group(i))]
        at = m.end(i)
    return out + [(None, text[at:])]

def transaction_id(text, lsn_space):
    if re.fullmatch(r"\d+:\d+", text):
        return parts(r"(\d+):(\d+)", ("tx", lsn_space), text)
    return parts(r"file=([^,]+),pos=(\d+)", ("file", "pos"), text) if text.startswith("file=") else [("gtid", text)]

def random_id(text):
    return parts("(%s)(?:-open|-close)?" % UUID.pattern, ("uuid",), text)

class Record:
    def __init__(self, line, volatile):
        r = load_json(line)
        self.topic, self.partition = r.get("topic"), int(r.get("partition"))
        self.headers = [(h[0], h[1]) for h in r.get("headers")]
        self.key, self.value = r.get("key"), r.get("value")
        if isinstance(self.value, Obj) and self.value.names() == ["$string"] and '"tableChanges"' in self.value[0][1]:
            self.value = load_json(self.value[0][1])       # Debezium's schema history writes pretty JSON
        self.at, self.root = body(self.value)
        root = self.root if isinstance(self.root, Obj) else Obj()
        self.source = root.get("source") if isinstance(root.get("source"), Obj) else Obj()
        self.flat = not self.source and not root.get("specversion")
        self.status = root.get("status")
        snapshot = self.source.get("snapshot") or root.get("__snapshot") or root.get("iodebeziumsnapshot")
        if snapshot is None:
            snapshot = "true" if "r" in (root.get("op"), root.get("__op")) else "false"
        self.snapshot = snapshot if isinstance(snapshot, str) else dump_json(snapshot)
        self.heartbeat = self.topic.startswith("__debezium-heartbeat")
        self.notification = root.get("aggregate_type") is not None
        self.signal = self.topic.endswith(".debezium_signal")
        self.history = isinstance(root.get("position"), Obj)
        table = self.topic.rsplit(".", 1)[-1]
        self.volatile = {f for t, f in volatile if t in (table, "*")}
        self.apart = "" if self.snapshot == "false" else "0"      # places of snapshot rows are names of their own
        self.lsn = "lsn" + self.apart
    def rule(self, path):
        """None: exact. 'time', 'any' (null too), 'kind', or a function of the text that gives its parts."""
        if path.startswith("value" + self.at):
            return self.value_rule(path[len("value" + self.at):].lstrip("."))
        if path.startswith("key"):
            name = path.rsplit(".", 1)[-1]
            if name == "id" and (self.signal or self.notification):
                return random_id
            if name == "id" and self.topic.endswith(".transaction"):
                return lambda t: transaction_id(t, str(self.status))
            return "kind" if name in self.volatile else None
        if path.startswith("header."):
            return (lambda t: [("run", t)]) if path[7:] == CONTEXT_RUN_ID else self.flat_rule(path[7:])
        return None
    def flat_rule(self, name):
        if name in self.volatile:
            return "kind"
        if re.fullmatch(r"__(source_)?ts_[mun]s", name):
            return "time"
        name = re.sub(r"^__(source_)?", "", name)
        return self.source_rule(name) if name in ("lsn", "txId", "file", "pos", "gtid", "thread", "sequence") else (
            (lambda t: transaction_id(t, self.lsn)) if name == "transaction_id" else None)
    def source_rule(self, name):
        if re.fullmatch(r"ts_[mun]s", name):
            return "time"
        if self.snapshot == "incremental" and name in WHERE or self.snapshot != "false" and name == "thread":
            return "any"
        simple = {"lsn": self.lsn, "txId": "tx" + self.apart, "xmin": "xmin", "file": "file", "pos": "pos" + self.apart,
                  "gtid": "gtid" + self.apart, "server_id": "server", "thread": "thread", "origin_lsn": "lsn"}.get(name)
        if simple:
            return lambda t: [(simple if t != "0" else None, t)]
        if name == "sequence":
            return lambda t: parts(r'\[(?:null|"(\d+)"),"(\d+)"\]', ("commit" + self.apart, self.lsn), t)
        return "any" if name == "version" else None
    def value_rule(self, path):
        head, _, rest = path.partition(".")
        if head in ("before", "after") and not self.history:
            if rest in ("id", "data") and self.signal:
                return random_id if rest == "id" else lambda t: [(None, ISO.sub("<time>", t))]
            return "kind" if rest in self.volatile else None
        if head == "source" and rest:
            return self.source_rule(rest)
        if path in ("ts_ms", "ts_us", "ts_ns") and (self.source or self.heartbeat or self.status or self.history):
            return "time"
        if path in ("id", "timestamp") and self.notification:
            return random_id if path == "id" else "time"
        if path.startswith("data_collections[") and path.endswith("].data_collection"):
            return lambda t: [("any" if JAVA_OBJECT.fullmatch(t) else None, t)]
        if path == "transaction.id":
            return lambda t: transaction_id(t, self.lsn)
        if path == "id" and self.status and self.topic.endswith(".transaction"):
            return lambda t: transaction_id(t, str(self.status))
        if self.history and head == "position":
            if rest == "transaction_id":
                return lambda t: transaction_id(t, self.lsn)
            return {"ts_sec": "time", "gtids": "any"}.get(rest) or self.source_rule(rest)
        if head.startswith("iodebezium") or head in ("id", "time") and not self.flat and not self.source:
            return self.cloudevent_rule(head)
        if head == "data" and not self.flat and not self.source:
            return self.value_rule(rest.partition("payload.")[2]) if rest.startswith("payload.") else None
        return self.flat_rule(head) if self.flat and not rest else None
    def cloudevent_rule(self, name):
        if name == "id":
            return lambda t: parts(r'name:[^;]+;lsn:(\d+);txId:(\d+);sequence:\[(?:null|"(\d+)"),"(\d+)"\]',
                                   (self.lsn, "tx" + self.apart, "commit" + self.apart, self.lsn), t)
        if name == "time":
            return lambda t: [(None, ISO.sub("<time>", t))]
        name = {"tsms": "ts_ms", "tsus": "ts_us", "tsns": "ts_ns"}.get(name[10:], name[10:])
        return (lambda t: transaction_id(t, self.lsn)) if name == "txid" else self.source_rule(name)
    def signature(self):
        """The record with everything volatile masked: what records are aligned by."""
        def mask(path, v):
            rule = self.rule(path)
            if rule == "any":
                return "<any>"
            if rule is not None and v is not None and not isinstance(v, (Obj, list)):
                if not callable(rule) or not isinstance(v, str):
                    return "<%s>" % (rule if not callable(rule) else "name")
                return "".join("<%s>" % s if s else p for s, p in rule(str(v)))
            if isinstance(v, Obj):
                v = sorted(v, key=str) if self.notification and path.endswith(".additional_data") else v
                return Obj((k, mask(path + "." + k, x)) for k, x in v)
            return [mask("%s[%d]" % (path, i), x) for i, x in enumerate(v)] if isinstance(v, list) else v
        headers = [[k, mask("header." + k, v)] for k, v in self.headers]
        return dump_json([mask("key", self.key), mask("value", self.value), headers])

# --- comparison

class Comparison:
    def __init__(self):
        self.differences = []                  # (topic, index, path, expected, actual)
        self.there, self.back = defaultdict(dict), defaultdict(dict)
        self.order = {}                        # topic-partition → {space: (expected, actual)} of the record before
        self.instants = (defaultdict(set), defaultdict(set))
        self.missing = self.equal = self.records = 0
    def report(self, path, expected, actual):
        self.differences.append((self.topic, self.index, path, expected, actual))
    def pair(self, topic, index, e, a):
        self.topic, self.index, self.seen = topic, index, {}
        before, self.e = len(self.differences), e
        self.walk("key", e.key, a.key)
        self.walk("value", e.value, a.value)
        self.walk_headers(e.headers, a.headers)
        self.check_instants(e, a)
        self.check_order((topic, e.partition), e, a)
        self.equal += len(self.differences) == before
    def walk(self, path, e, a):
        rule = self.e.rule(path)
        if rule == "any":
            return
        if rule is not None and e is not None and a is not None and not isinstance(e, (Obj, list)):
            return self.volatile(path, rule, e, a)
        if isinstance(e, Obj) and isinstance(a, Obj):
            if self.e.notification and path.endswith(".additional_data"):
                e, a = Obj(sorted(e, key=str)), Obj(sorted(a, key=str))
            en, an = e.names(), a.names()
            for k in [k for k in en + an if k not in en or k not in an]:
                self.report(path + "." + k, *[dump_json(o.get(k)) if k in o.names() else "(no such field)" for o in (e, a)])
            if [k for k in en if k in an] != [k for k in an if k in en]:
                self.report(path, "order of fields: " + ", ".join(en), ", ".join(an))
            for k, v in e:
                if k in an:
                    self.walk(path + "." + k, v, a.get(k))
        elif isinstance(e, list) and isinstance(a, list) and not isinstance(e, Obj) and not isinstance(a, Obj):
            if len(e) != len(a):
                self.report(path, "%d elements: %s" % (len(e), dump_json(e)), "%d: %s" % (len(a), dump_json(a)))
            elif path.endswith(".fields") and [f.get("field") for f in e if isinstance(f, Obj)] != [
                    f.get("field") for f in a if isinstance(f, Obj)]:
                self.report(path, "order of schema fields: %s" % [f.get("field") for f in e],
                            "%s" % [f.get("field") for f in a])
            else:
                for i, (x, y) in enumerate(zip(e, a)):
                    self.walk("%s[%d]" % (path, i), x, y)
        elif type(e) is not type(a) or e != a:
            self.report(path, dump_json(e), dump_json(a))
    def walk_headers(self, e, a):
        if [k for k, _ in e] != [k for k, _ in a]:
            return self.report("headers", "names in order: %s" % [k for k, _ in e], "%s" % [k for k, _ in a])
        for (k, x), (_, y) in zip(e, a):
            if self.e.rule("header." + k) is None and x and y and x[:1] in "{[" and y[:1] in "{[":
                try:
                    x, y = load_json(x), load_json(y)
                except ValueError:
                    pass
            self.walk("header." + k, x, y)
    def volatile(self, path, rule, e, a):
        if type(e) is not type(a):
            return self.report(path, dump_json(e), dump_json(a))
        if rule == "time":
            digits = lambda t: len(re.sub(r"\D", "", t))
            if digits(e) != digits(a):
                self.report(path, "a time of %d digits, as %s" % (digits(e), e), a)
        elif callable(rule) and isinstance(e, str):
            pe, pa = rule(str(e)), rule(str(a))
            if pe[0][0] == "any":
                return
            if [(s, s or x) for s, x in pe] != [(s, s or x) for s, x in pa]:
                return self.report(path, dump_json(e), dump_json(a))
            for space, x, y in [(s, x, y) for (s, x), (_, y) in zip(pe, pa) if s]:
                self.name(path, space, x, y)
        elif callable(rule) and e != a:
            self.report(path, dump_json(e), dump_json(a))
    def name(self, path, space, e, a):
        there, back = self.there[space], self.back[space]
        here = "record %d of %s" % (self.index, self.topic)
        if e in there and there[e][0] != a:
            self.report(path, "%s %s, the same as in %s" % (space, e, there[e][1]), "%s (there: %s)" % (a, there[e][0]))
        elif a in back and back[a][0] != e:
            self.report(path, "a %s of its own (%s)" % (space, e), "%s, the same as in %s" % (a, back[a][1]))
        else:
            there.setdefault(e, (a, here))
            back.setdefault(a, (e, here))
        self.seen.setdefault(space, (e, a))
    def check_order(self, where, e, a):
        last = self.order.setdefault(where, {})
        for space in ORDERED:
            if space in self.seen and space in last and not (space == "pos" and last.get("file") != self.seen.get("file")):
                rank = lambda t: int(re.search(r"\d+$", t).group()) if re.search(r"\d+$", t) else 0
                sign = [(rank(n) > rank(o)) - (rank(n) < rank(o)) for n, o in zip(self.seen[space], last[space])]
                words = {1: "rises", 0: "stays", -1: "falls"}
                if sign[0] != sign[1]:
                    self.report("order of " + space, "%s to %s" % (words[sign[0]], self.seen[space][0]),
                                "%s to %s" % (words[sign[1]], self.seen[space][1]))
        last.update(self.seen)
    def check_instants(self, e, a):
        for where in ("", "source"):
            def consistent(r):
                o = r.source if where else r.root
                t = [o.get(k) if isinstance(o, Obj) else None for k in ("ts_ms", "ts_us", "ts_ns")]
                return all(x is None or y is None or not (x.isdigit() and y.isdigit()) or int(y) // 1000 == int(x)
                           for x, y in zip(t, t[1:]))
            if consistent(e) and not consistent(a):
                self.report((where + ".ts_ms/us/ns").lstrip("."), "one instant in three units", "several")
        for side, r in zip(self.instants, (e, a)):
            tx = r.source.get("txId") or r.source.get("gtid")
            if tx and r.snapshot == "false":
                side[self.e.source.get("txId") or self.e.source.get("gtid")].add(r.source.get("ts_ms"))
    def heartbeats(self, topic, es, as_):
        want, self.topic, self.index, before = es[0].signature(), topic, 0, len(self.differences)
        for self.index, r in enumerate(as_):
            if r.signature() != want:
                self.report("heartbeat", want, r.signature())
        if not as_:
            self.report("heartbeats", "1 or more", "none")
        self.equal += len(self.differences) == before
    def topic_partition(self, topic, es, as_, partial):
        self.records += len(es)
        if es and es[0].heartbeat:
            self.records += 1 - len(es)               # a heartbeat topic counts as one record
            return self.heartbeats(topic, es, as_)
        blocks = difflib.SequenceMatcher(None, [r.signature() for r in es], [r.signature() for r in as_], False)
        for _, i1, i2, j1, j2 in blocks.get_opcodes():
            for i, j in zip(range(i1, i2), range(j1, j2)):
                self.pair(topic, i, es[i], as_[j])
            n = min(i2 - i1, j2 - j1)
            show = lambda r: "key %s value %s" % (dump_json(body(r.key)[1]), dump_json(r.root))
            for i in range(i1 + n, i2):
                self.topic, self.index, self.missing = topic, i, self.missing + 1
                if not partial:
                    self.report("record", show(es[i]), "(missing)")
            for j in range(j1 + n, j2):
                self.topic, self.index = topic, j
                self.report("record", "(none)", show(as_[j]))
    def finish(self):
        for tx, times in self.instants[0].items():
            if len(times) == 1 and len(self.instants[1][tx]) > 1:
                self.topic, self.index = "(all)", 0
                self.report("source.ts_ms", "one time in transaction %s" % tx, ", ".join(sorted(self.instants[1][tx])))

def read(path, volatile, renames=(), ignored=()):
    out = {}
    with open(path, encoding="utf-8") as f:
        for n, line in enumerate(f, 1):
            for old, new in renames:
                line = line.replace(old, new)
            try:
                r = Record(line, volatile)
            except (ValueError, TypeError, IndexError) as e:
                raise ValueError("%s:%d: %s" % (path, n, e))
            if not any(re.search(x, r.topic) for x in ignored):
                out.setdefault((r.topic, r.partition), []).append(r)
    return out

def compare(expected, actual, volatile=(), renames=(), ignored=(), partial=False):
    """Compares two files; gives the Comparison."""
    es, as_ = read(expected, volatile, (), ignored), read(actual, volatile, renames, ignored)
    c = Comparison()
    for where in sorted(set(es) | set(as_)):
        name = where[0] if where[1] == 0 else "%s[%d]" % where
        c.topic_partition(name, es.get(where, []), as_.get(where, []), partial)
    c.finish()
    return c

def accept(comparison, path, variant):
    """Takes out the differences that are meant to be; reports those of them that are not there."""
    with open(path, encoding="utf-8") as f:
        meant = [d for d in json.load(f) if re.fullmatch(d["variant"], variant)]
    left, used = [], set()
    for difference in comparison.differences:
        topic, _, where, expected, _ = difference
        by = [n for n, d in enumerate(meant) if re.fullmatch(d["topic"], topic) and re.fullmatch(d["path"], where)
              and re.fullmatch(d.get("expected", ".*"), expected, re.DOTALL)]
        used.update(by)
        left += [] if by else [difference]
    comparison.differences = left + [(d["topic"], 0, d["path"], "a difference: " + d["why"], "none any more")
                                     for n, d in enumerate(meant) if n not in used]

def case_volatile(path):
    """[(table, field)…] of a case.json."""
    with open(path, encoding="utf-8") as f:
        return [(t, x) for t, fields in json.load(f).get("volatile", {}).items() for x in fields]

def main():
    p = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    p.add_argument("expected"), p.add_argument("actual")
    p.add_argument("--partial", action="store_true")
    p.add_argument("--case"), p.add_argument("--volatile", action="append", default=[])
    p.add_argument("--rename", action="append", default=[]), p.add_argument("--ignore-topic", action="append", default=[])
    p.add_argument("--differences"), p.add_argument("--variant", default="")
    p.add_argument("--max", type=int, default=50, help="differences shown")
    o = p.parse_args()
    volatile = [tuple(v.split(":", 1)) for v in o.volatile] + (case_volatile(o.case) if o.case else [])
    try:
        c = compare(o.expected, o.actual, volatile, [r.split("=", 1) for r in o.rename], o.ignore_topic, o.partial)
        if o.differences:
            accept(c, o.differences, o.variant)
    except (OSError, ValueError) as e:
        print("compare.py: %s" % e, file=sys.stderr)
        return 2
    short = lambda t: t if len(t) <= 400 else t[:400] + "… (%d characters)" % len(t)
    last = None
    for topic, index, path, e, a in c.differences[:o.max]:
        if (topic, index) != last:
            print("%s record %d" % (topic, index))
        print("  %s\n    expected %s\n    actual   %s" % (path, short(str(e)), short(str(a))))
        last = (topic, index)
    if len(c.differences) > o.max:
        print("… and %d more" % (len(c.differences) - o.max))
    for topic in sorted({d[0] for d in c.differences}):
        print("%6d in %s" % (sum(d[0] == topic for d in c.differences), topic))
    print("%s: %d of %d records equal, %d differences%s" % ("different" if c.differences else "equal", c.equal, c.records,
          len(c.differences), ", %d missing" % c.missing if c.missing else ""))
    return 1 if c.differences else 0

if __name__ == "__main__":
    sys.exit(main())
