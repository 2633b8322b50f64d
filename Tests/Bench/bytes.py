"""Measures the bytes uploaded for each byte of log, and the cost of requests and storage in a month.

Prices are the list prices of S3 Standard in us-east-1: PUT, POST and LIST 0.005 $ and GET 0.0004 $ for a thousand, DELETE
nothing, storage 0.023 $ for a GB and month."""

import os, re, secrets, statistics, tempfile, threading, time

from lag import Writer
from litestream import Litestream, environment as plain
from measure import at_store, content, measured, remove, restore, spread, started
from servers import TimingProxy

WRITE, READ, STORAGE = 0.005 / 1000, 0.0004 / 1000, 0.023
SCHEMA = "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT); CREATE INDEX i ON t(b);"
# The workload, and its commits in a second.
LOADS = (("quiet: nothing is written", 0), ("slow: a commit a minute", 1 / 60), ("steady: a commit a second", 1),
         ("10 commits a second", 10), ("busy: 100 commits a second", 100))


def bench_bytes(bench, weed):
    bulk(bench, weed, bench.scaled(1000000))
    for name, make in (("appending", append), ("updating at random", update)):
        small(bench, weed, name, make, bench.scaled(2000, 100))
    month(bench, weed, bench.scaled(300, 70))


def kinds(passed):
    """Returns the bytes sent in slices of new commits, in merged ones, in statements, in bases, and in all."""
    found = {"slices": 0, "merged": 0, "statements": 0, "base": 0, "all": 0}
    for request in passed:
        if request.method not in ("PUT", "POST") or request.status != 200:
            continue
        found["all"] += request.sent
        if "/wal/" in request.path:
            found["slices"] += request.sent
        elif "/merged/" in request.path:
            found["merged"] += request.sent
        elif "/sql/" in request.path:
            found["statements"] += request.sent
        elif "/base/" in request.path or "/pages/" in request.path:
            found["base"] += request.sent
    return found


def log_bytes(folder, script):
    """Returns the bytes of log that sqlite3 writes for a script without a mirror."""
    remove(folder, "log.db")
    shell = Writer(["sqlite3", "-batch", "log.db"], folder, plain())
    shell.say("PRAGMA journal_mode=WAL;")
    shell.say("PRAGMA wal_autocheckpoint=0;")
    if not shell.say(script + "\nSELECT count(*) FROM t;"):
        raise SystemExit("the script failed")
    size = os.path.getsize(f"{folder}/log.db-wal")
    shell.end()
    return size


def bulk(bench, weed, count):
    """Many rows in one transaction."""
    rows = (f"{SCHEMA} INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{count})"
            " SELECT i, 'customer of the shop in the main street, visit '||i||' '||hex(randomblob(10)), i FROM n;")
    ours, all_ours, theirs, arrived, theirs_arrived = [], [], [], [], []
    with tempfile.TemporaryDirectory() as folder:
        for _ in range(min(bench.rounds, 3)):
            size = log_bytes(folder, rows)
            remove(folder, "a.db")
            proxy = TimingProxy(weed.port)
            environment = at_store(proxy.port)
            run = measured([bench.binary, "-batch", "a.db"], folder,
                           f"{rows}\nSELECT 'done';\n.mirror sync\n", environment, b"done")
            found = kinds(proxy.passed)
            ours.append((found["slices"] + found["merged"]) / size)
            all_ours.append(found["all"] / size)
            arrived.append(run.wall - run.done)
            proxy.close()
            restore(bench.binary, folder, environment | {"S3_HOSTNAME": f"http://127.0.0.1:{weed.port}"}, "r.db")
            if content(folder, "r.db") != content(folder, "a.db"):
                raise SystemExit("the restored database is not what was written")
            if bench.litestream:
                part, late = bulk_beside(bench, weed, folder, rows, size)
                theirs.append(part)
                theirs_arrived.append(late)
    value = statistics.median(ours)
    other = "Litestream " + spread(theirs, "") if theirs else "-"
    bench.row(f"{count} rows in one transaction: bytes uploaded per byte of log", spread(ours, ""), other,
              f"{value / statistics.median(theirs):.2f}" if theirs else "-", "<= 0.25", value <= 0.25)
    bench.row(f"{count} rows in one transaction: the same with statements, leases and all", spread(all_ours, ""), "-", "-",
              "-", "-")
    bench.row(f"{count} rows in one transaction: from commit to all stored", spread(arrived),
              "Litestream " + spread(theirs_arrived) if theirs else "-",
              f"{statistics.median(arrived) / statistics.median(theirs_arrived):.2f}" if theirs else "-", "-", "-")


def bulk_beside(bench, weed, folder, rows, size):
    """Returns the bytes that Litestream uploads for the same, before its compaction, per byte of log; and the seconds until then."""
    remove(folder, "peer.db")
    measured(["sqlite3", "peer.db"], folder, "PRAGMA journal_mode=WAL; CREATE TABLE x(a);")
    proxy = TimingProxy(weed.port)
    peer = Litestream(bench.litestream, f"{folder}/peer.db", proxy.port, secrets.token_hex(6), level="1h")
    started(f"{folder}/peer.db")
    before = len(proxy.passed)
    shell = Writer(["sqlite3", "-batch", "peer.db"], folder, plain())
    shell.shell.stdin.write(f".timeout 60000\n{rows}\n".encode())
    shell.say("SELECT 1;")
    done = time.perf_counter()
    last, since = 0, time.time()
    while time.time() - since < 6:
        sent = [request for request in proxy.passed[before:] if request.method in ("PUT", "POST")]
        if len(sent) != last:
            last, since = len(sent), time.time()
        time.sleep(0.1)
    shell.end()
    peer.close()
    proxy.close()
    remove(folder, "p.db")
    measured(peer.restoring(weed.port, f"{folder}/p.db"), folder, environment=plain())
    if content(folder, "p.db") != content(folder, "peer.db"):
        raise SystemExit("what Litestream restored is not what was written")
    return sum(request.sent for request in sent) / size, max(sent[-1].time - done, 0)


def append(number):
    return f"INSERT INTO t(a,b) VALUES('row number {number} of the table',{number * 7919 % 100003});"


def update(number):
    return f"UPDATE t SET a='changed in {number} of all', b={number} WHERE id={number * 7919 % 20000 + 1};"


def small(bench, weed, name, make, count):
    """Small commits, each in a slice of its own."""
    fill = (f"{SCHEMA} INSERT INTO t WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<20000)"
            " SELECT i, 'row number '||i||' of the table', i FROM n;")
    with tempfile.TemporaryDirectory() as folder:
        before = log_bytes(folder, fill)
        size = log_bytes(folder, fill + "\n" + "\n".join(make(number) for number in range(count))) - before
        proxy = TimingProxy(weed.port)
        environment = at_store(proxy.port)
        shell = Writer([bench.binary, "-batch", "-durability", "sync", "a.db"], folder, environment)
        shell.say(fill + "SELECT 1;")
        shell.say(".mirror sync\nSELECT 1;")
        at = len(proxy.passed)
        for number in range(count):
            shell.say(make(number) + "SELECT 1;")
        shell.say(".mirror sync\nSELECT 1;")
        found = kinds(proxy.passed[at:])
        slices = len({request.path.split("/wal/")[1][:16] for request in proxy.passed[at:]
                      if request.method == "PUT" and "/wal/" in request.path})
        shell.end()
        proxy.close()
        if slices < count:
            raise SystemExit(f"{slices} slices for {count} commits")
        restore(bench.binary, folder, environment | {"S3_HOSTNAME": f"http://127.0.0.1:{weed.port}"}, "r.db")
        if content(folder, "r.db") != content(folder, "a.db"):
            raise SystemExit("the restored database is not what was written")
        value = found["slices"] / size
        bench.row(f"{count} commits {name}, one to a slice: bytes uploaded per byte of log", f"{value:.4f}",
                  f"{found['slices'] // count} of {size // count} bytes a commit", "-", "<= 0.05", value <= 0.05)
        bench.row(f"{count} commits {name}: bytes sent again in merged slices, statements, all there is",
                  ", ".join(f"{found[kind] / size:.4f}" for kind in ("merged", "statements", "all")), "-", "-", "-", "-")


class Load:
    """Writes a database at a rate, and counts its requests."""

    def __init__(self, bench, weed, rate, seconds, program):
        self.rate, self.seconds = rate, seconds
        self.proxy = TimingProxy(weed.port)
        self.folder = tempfile.TemporaryDirectory()
        self.peer = None
        if program:
            self.writer = Writer(["sqlite3", "-batch", "a.db"], self.folder.name, plain())
            self.writer.say("PRAGMA journal_mode=WAL;")
            self.writer.say(".timeout 60000\nCREATE TABLE t(a);SELECT 1;")
            self.peer = Litestream(program, f"{self.folder.name}/a.db", self.proxy.port, secrets.token_hex(6))
            started(f"{self.folder.name}/a.db")
        else:
            self.writer = Writer([bench.binary, "-batch", "a.db"], self.folder.name, at_store(self.proxy.port))
            self.writer.say("CREATE TABLE t(a);SELECT 1;")
            self.writer.say(".mirror sync\nSELECT 1;")
        time.sleep(5)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        at = len(self.proxy.passed)
        start = time.perf_counter()
        if self.rate:
            self.writer.run(self.rate, self.seconds)
        time.sleep(max(start + self.seconds - time.perf_counter(), 0))
        self.passed, self.took = self.proxy.passed[at:], time.perf_counter() - start

    def end(self):
        """Returns the requests a day that cost as much as writes and as reads, the dollars of both in a month, and the stored bytes a day."""
        self.thread.join()
        self.writer.end()
        if self.peer:
            self.peer.close()
        self.proxy.close()
        self.folder.cleanup()
        daily = 86400 / self.took
        stay, sent = {}, 0
        for request in self.passed:
            if request.method == "PUT" and request.status == 200:
                stay[request.path.split("?")[0]] = request.sent
            elif request.method == "DELETE":
                stay.pop(request.path.split("?")[0], None)
        stay = without_replaced(stay)
        listed = sum(1 for request in self.passed if request.method == "GET" and "list-type" in request.path
                     or request.method == "GET" and "prefix=" in request.path)
        writes = sum(1 for request in self.passed if request.method in ("PUT", "POST")) + listed
        reads = sum(1 for request in self.passed if request.method in ("GET", "HEAD")) - listed
        return (writes * daily, reads * daily, 30 * daily * (writes * WRITE + reads * READ), sum(stay.values()) * daily,
                listed * daily)


def without_replaced(stay):
    """Objects without those that a merged one has replaced, which are deleted a quarter of an hour later."""
    ranges = {}
    for path in stay:
        if found := re.search(r"^(.*/(?:wal|sql)/)([0-9a-f]{16})-([0-9a-f]{16})", path):
            ranges[path] = (found[1], int(found[2], 16), int(found[3], 16))
    kept, reached = dict(stay), {}
    for path, (folder, first, last) in sorted(ranges.items(), key=lambda item: (item[1][0], item[1][1], -item[1][2])):
        if last <= reached.get(folder, 0):
            del kept[path]
        reached[folder] = max(last, reached.get(folder, 0))
    return kept


def month(bench, weed, seconds):
    """Runs all at once, because only requests are counted, not time."""
    loads = {}
    for _, rate in LOADS:
        loads[rate, "ours"] = Load(bench, weed, rate, seconds, None)
        if bench.litestream:
            loads[rate, "Litestream"] = Load(bench, weed, rate, seconds, bench.litestream)
    found = {key: load.end() for key, load in loads.items()}
    for name, rate in LOADS:
        texts = {}
        for who in ("ours", "Litestream"):
            if (rate, who) in found:
                writes, reads, cost, stays, listed = found[rate, who]
                texts[who] = (f"{writes:.0f} PUT, POST and LIST ({listed:.0f} of them LIST) and {reads:.0f} GET a day: "
                              f"{cost:.2f} $ a month")
        both = "Litestream" in texts
        costs = [found[rate, who][2] for who in ("ours", "Litestream") if (rate, who) in found]
        bench.row(f"requests, {name}", texts["ours"], "Litestream " + texts["Litestream"] if both else "-",
                  f"{costs[0] / costs[1]:.2f}" if both and costs[1] else "-", "none" if rate == 0 else "-",
                  found[0, "ours"][0] + found[0, "ours"][1] == 0 if rate == 0 else "-")
        stays = [found[rate, who][3] / 1e6 for who in ("ours", "Litestream") if (rate, who) in found]
        bench.row(f"stored a day, {name}",
                  f"{stays[0]:.1f} MB of history; 30 days of it {stays[0] * 30 / 1e3 * STORAGE:.2f} $ a month",
                  f"Litestream {stays[1]:.1f} MB, of which it keeps a day's" if both else "-", "-", "-", "-")
    bench.note("months", [[rate, who, *figures] for (rate, who), figures in found.items()])
