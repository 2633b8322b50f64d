"""Measures the time from a commit until it is in the store, at several rates, with a near and a far store, beside Litestream.

A commit counts as retrievable when the answer to the PUT that holds it has passed the proxy. Ours are told by the names of
slices, which are ranges of transactions; Litestream's by the last row's random tag, which its compression leaves readable."""

import os, re, secrets, statistics, subprocess, tempfile, threading, time

from litestream import Litestream, environment as plain
from servers import KEY, SECRET, TimingProxy, raw_puts

RATES = (1, 20, 100, 1000)
DELAYS = (0.0, 0.05)
SECONDS = {1: 12, 20: 8, 100: 8, 1000: 8}


class Writer:
    """A shell that gets one INSERT after the other on a schedule; `times` are the times of its answers."""

    def __init__(self, arguments, folder, environment):
        self.shell = subprocess.Popen(arguments, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      env=environment, bufsize=0)
        self.tags, self.asked, self.times = [], [], []
        self.answers = self.shell.stdout

    def say(self, text):
        """Runs statements that print one line, and returns it."""
        self.shell.stdin.write(text.encode() + b"\n")
        return self.answers.readline().decode().strip()

    def run(self, rate, seconds):
        count = int(rate * seconds)

        def listen():
            for _ in range(count):
                if not self.answers.readline():
                    return
                self.times.append(time.perf_counter())

        listener = threading.Thread(target=listen, daemon=True)
        listener.start()
        start = time.perf_counter()
        for number in range(count):
            tag = secrets.token_hex(12)
            wait = start + number / rate - time.perf_counter()
            if wait > 0:
                time.sleep(wait)
            self.tags.append(tag)
            self.asked.append(time.perf_counter())
            self.shell.stdin.write(f"INSERT INTO t VALUES('{tag}');SELECT 1;\n".encode())
        listener.join(120)
        return start, self.times[-1]

    def end(self):
        self.shell.stdin.close()
        self.shell.wait()


def quantile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def rest(rate):
    """Sends raw PUTs in the rhythm of the commits, in the pauses between them."""
    return min(1 / rate, 0.05) if rate <= 100 else 0.0


def ours(binary, weed, delay, rate, interval, durability):
    """Returns lags in seconds (in `sync`: the time of each statement), PUTs per second, and raw PUTs before and after."""
    proxy = TimingProxy(weed.port, delay)
    raw = raw_puts(proxy.port, 30, rest(rate))
    environment = plain() | {
        "S3_HOSTNAME": f"http://127.0.0.1:{proxy.port}", "S3_BUCKET": "bench", "S3_PREFIX": secrets.token_hex(4),
        "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET}
    if interval is not None:
        environment["S3_SYNC_INTERVAL"] = str(interval)
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer([binary, "-batch", "-durability", durability, "a.db"], folder, environment)
        writer.say("CREATE TABLE t(a);SELECT 1;")
        writer.say(".mirror sync\nSELECT 1;")
        status = writer.say(".mirror status --json")
        first = int(re.search(r'"committed_transaction": ?(\d+)', status)[1]) + 1
        time.sleep(1.2)
        # In `sync` each commit waits for the store: make only as many as fit into the time.
        seconds = SECONDS[rate]
        if durability == "sync" and delay:
            seconds = min(seconds, seconds / delay / rate)
        start, end = writer.run(rate, seconds)
        time.sleep(0.3 + 4 * delay)
        writer.say(".mirror sync\nSELECT 1;")
        puts = sum(1 for put in proxy.puts if start <= put.time <= end) / (end - start)
        writer.end()
    lags = []
    if durability == "sync":
        before = 0.0
        for asked, done in zip(writer.asked, writer.times):
            lags.append(done - max(asked, before))
            before = done
    else:
        arrived = {}
        for put in proxy.puts:
            # The name has the first transaction of a slice; the others were stored with it.
            if found := re.search(r"/wal/([0-9a-f]{16})\.", put.path):
                arrived[int(found[1], 16)] = put.time
        for number, done in enumerate(writer.times):
            lags.append(max(arrived[first + number] - done, 0))
    raw += raw_puts(proxy.port, 30, rest(rate))
    proxy.close()
    return lags, puts, raw


def theirs(program, weed, delay, rate, interval):
    proxy = TimingProxy(weed.port, delay, bodies=True)
    raw = raw_puts(proxy.port, 30, rest(rate))
    with tempfile.TemporaryDirectory() as folder:
        writer = Writer(["sqlite3", "-batch", "a.db"], folder, plain())
        writer.say(".timeout 5000\nPRAGMA journal_mode=WAL;")
        writer.say("PRAGMA synchronous=NORMAL;CREATE TABLE t(a);PRAGMA wal_autocheckpoint=0;")
        peer = Litestream(program, f"{folder}/a.db", proxy.port, secrets.token_hex(4), interval)
        end = time.time() + 20
        while not any("/ltx/" in put.path or ".ltx" in put.path for put in proxy.puts) and time.time() < end:
            time.sleep(0.05)
        time.sleep(2)
        start, last = writer.run(rate, SECONDS[rate])
        deadline = time.time() + 60 + delay * 100
        reached = -1
        while reached < len(writer.tags) - 1 and time.time() < deadline:
            time.sleep(0.5)
            reached = max((index for put in proxy.puts for index in [writer_index(writer, put)]), default=-1)
        puts = sum(1 for put in proxy.puts if start <= put.time <= last) / (last - start)
        peer.close()
        writer.end()
    lags, best = [], 0
    for put in sorted((put for put in proxy.puts), key=lambda put: put.time):
        index = writer_index(writer, put)
        while best <= index:
            lags.append(max(put.time - writer.times[best], 0))
            best += 1
    missing = len(writer.times) - len(lags)
    lags += [float("inf")] * missing
    proxy.close()
    return lags, puts, raw


def writer_index(writer, put):
    """Returns the last commit with its tag in an object; -1 if there is none."""
    if put.index is None:
        known = {tag: number for number, tag in enumerate(writer.tags)}
        found = [known[tag.decode()] for tag in re.findall(rb"(?=([0-9a-f]{24}))", put.body) if tag.decode() in known]
        put.index = max(found, default=-1)
        put.body = b""
    return put.index


def bench_lag(binary, weed, program, row, only="", note=lambda name, value: None):
    for delay in DELAYS:
        for rate in RATES:
            name = f"store at {int(delay * 1000)} ms, {rate} commits/s"
            runs = [("async, pacing off", 0, "async"), ("async, default pacing", None, "async"), ("sync", None, "sync")]
            for what, interval, durability in runs:
                if only and only not in f"{name}, {what}":
                    continue
                lags, puts, raw = ours(binary, weed, delay, rate, interval, durability)
                note(f"lag {int(delay * 1000)} {rate} {what}", {"lags": lags, "puts": puts, "raw": statistics.median(raw)})
                one = statistics.median(raw)
                p50, p99 = quantile(lags, 0.5), quantile(lags, 0.99)
                target, holds = "-", "-"
                if what == "async, pacing off":
                    target, holds = "<= 2.5, 5", p50 / one <= 2.5 and p99 / one <= 5
                elif what == "async, default pacing":
                    # At one commit a second, each commit follows a quiet time; else there is one slice a second, and a batch of statements.
                    target, holds = ("p50 <= 1.5", p50 / one <= 1.5) if rate == 1 else ("<= 2 PUT/s", puts <= 2)
                row(f"{name}, {what}: p50, p99", f"{p50 * 1e3:.1f}, {p99 * 1e3:.1f} ms; {puts:.1f} PUT/s",
                    f"raw PUT {one * 1e3:.1f} ms ({min(raw) * 1e3:.1f}-{max(raw) * 1e3:.1f})", f"{p50 / one:.2f}, {p99 / one:.2f}",
                    target, holds)
            for what, interval in (("its defaults", None), ("10 ms intervals", "10ms")):
                if not program or only and only not in f"{name}, Litestream":
                    continue
                lags, puts, raw = theirs(program, weed, delay, rate, interval)
                note(f"lag {int(delay * 1000)} {rate} Litestream, {what}",
                     {"lags": lags, "puts": puts, "raw": statistics.median(raw)})
                row(f"{name}, Litestream, {what}: p50, p99", "-",
                    f"{quantile(lags, 0.5) * 1e3:.1f}, {quantile(lags, 0.99) * 1e3:.1f} ms; {puts:.1f} PUT/s", "-", "-", "-")
