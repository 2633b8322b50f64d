"""Common functions of the benchmark: running and measuring programs, databases, checks, and text."""

import collections, hashlib, os, re, secrets, statistics, subprocess, tempfile, threading, time

from servers import KEY, SECRET

# Seconds to the end and to the expected line, seconds of all processors, peak memory in MB, standard output.
Run = collections.namedtuple("Run", "wall done cpu peak output")


class Bench:
    """The programs to measure and the amounts; `row` takes a line of the table, `note` figures for plots."""

    def __init__(self, binary, weed, litestream, rounds, scale, row, note):
        self.binary, self.weed, self.litestream = binary, weed, litestream
        self.rounds, self.scale, self.row, self.note = rounds, scale, row, note

    def scaled(self, count, least=1):
        return max(int(count * self.scale), least)


def clean():
    return {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}


def at_store(port, prefix=None, **more):
    """The environment of a shell that mirrors to a bucket at a port; `more` are settings such as `S3_SYNC_INTERVAL`."""
    return clean() | {
        "S3_HOSTNAME": f"http://127.0.0.1:{port}", "S3_BUCKET": "bench", "S3_PREFIX": prefix or secrets.token_hex(6),
        "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET} | more


def high_water(process):
    """Returns the peak memory of a process so far in MB; 0 if it has ended."""
    try:
        with open(f"/proc/{process}/status") as status:
            return max((int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM:")), default=0)
    except OSError:
        return 0


class Watch:
    """Follows the peak memory of a process, because the system's own figure for children includes the parent's."""

    def __init__(self, process):
        self.process, self.peak, self.isEnding = process, 0.0, False
        self.thread = threading.Thread(target=self.follow, daemon=True)
        self.thread.start()

    def follow(self):
        time.sleep(0.02)
        while not self.isEnding:
            self.peak = max(self.peak, high_water(self.process))
            time.sleep(0.01)

    def end(self):
        self.isEnding = True
        self.thread.join()
        return self.peak


def ended(process):
    """Waits for a process; returns its exit code and its processor seconds."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_utime + usage.ru_stime


def measured(arguments, folder, script="", environment=None, mark=None, fails=False):
    """Runs a program on a script; `done` is the time of the output line that contains `mark`."""
    with tempfile.TemporaryFile(dir=folder) as source, tempfile.TemporaryFile(dir=folder) as errors:
        source.write(script if isinstance(script, bytes) else script.encode())
        source.seek(0)
        start = time.perf_counter()
        process = subprocess.Popen(arguments, cwd=folder, stdin=source, stdout=subprocess.PIPE, stderr=errors,
                                   env=environment or clean())
        watch = Watch(process.pid)
        done, output = None, []
        for line in process.stdout:
            output.append(line)
            if mark and mark in line:
                done = time.perf_counter() - start
        code, cpu = ended(process)
        wall = time.perf_counter() - start
        process.stdout.close()
        if code != 0 and not fails:
            errors.seek(0)
            raise SystemExit(f"{arguments} failed: {errors.read().decode()[-600:]}")
        return Run(wall, done if done is not None else wall, cpu, watch.end(), b"".join(output).decode())


def restore(binary, folder, environment, output, *options):
    """`.restore wal` from the replica of an environment into a file."""
    remove(folder, output)
    shell = {name: value for name, value in environment.items() if name not in ("S3_BUCKET", "S3_PREFIX")}
    url = f"s3://{environment['S3_BUCKET']}/{environment['S3_PREFIX']}"
    words = " ".join([f".restore wal --from {url}", *options])
    return measured([binary, "-batch", "-mirror", "off", output, words], folder, environment=shell)


def remove(folder, *names):
    for name in names:
        for suffix in ("", "-wal", "-shm", "-journal", "-s3pos", ".restoring"):
            path = os.path.join(folder, name + suffix)
            if os.path.isdir(path):
                subprocess.run(["rm", "-rf", path], check=True)
            elif os.path.exists(path):
                os.remove(path)
        subprocess.run(["rm", "-rf", os.path.join(folder, f".{name}-litestream")], check=True)


def content(folder, name):
    dump = subprocess.run(["sqlite3", "-readonly", name, ".dump"], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    return hashlib.sha256(re.sub(rb"(?m)^.*_litestream_.*\n", b"", dump)).hexdigest()


def expect_same_content(what, folder, one, other):
    if content(folder, one) != content(folder, other):
        raise SystemExit(f"{what}: {other} does not hold what {one} does")


def expect_same_bytes(what, folder, one, other):
    if subprocess.run(["cmp", one, other], cwd=folder).returncode != 0:
        raise SystemExit(f"{what}: {other} is not {one}")


def expect_same_rows(what, folder, one, other, table="t"):
    """Compares a table of two databases row by row, without sorting: both have the same keys."""
    sql = (f"ATTACH '{other}' AS o; SELECT (SELECT count(*) FROM main.{table}) = (SELECT count(*) FROM o.{table}) AND "
           f"(SELECT count(*) FROM main.{table} x JOIN o.{table} y ON x.id = y.id AND x.a IS y.a AND x.b IS y.b) = "
           f"(SELECT count(*) FROM main.{table});")
    found = subprocess.run(["sqlite3", "-readonly", one, sql], cwd=folder, stdout=subprocess.PIPE, check=True).stdout
    if found.strip() != b"1":
        raise SystemExit(f"{what}: the rows of {other} are not those of {one}")


def database(folder, name, megabytes):
    """Makes a database of about that size, in WAL mode. zstd -1 compresses it to about a quarter, page-wise LZ4 to 0.45."""
    rows = int(megabytes * 1e6 / 104)
    subprocess.run(
        ["sqlite3", name,
         "PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT);"
         f"WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<{rows}) INSERT INTO t"
         " SELECT i, 'customer of the shop in the main street, visit '||i||' '||hex(randomblob(15)), i*7919%100003 FROM n;"
         "PRAGMA journal_mode=WAL;"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
    return os.path.getsize(os.path.join(folder, name))


def inserts(count, synchronous="NORMAL", head="PRAGMA journal_mode=WAL;"):
    """A script of single-row transactions into a table with an index; prints `done` after the last."""
    lines = [f"{head} PRAGMA synchronous={synchronous};",
             "CREATE TABLE t(id INTEGER PRIMARY KEY, a TEXT, b INT); CREATE INDEX i ON t(b);"]
    lines += [f"INSERT INTO t(a,b) VALUES('row number {n} of the table',{n * 7919 % 100003});" for n in range(count)]
    return "\n".join(lines + ["SELECT 'done';\n"])


def spread(values, unit="s", scale=1.0, digits=3):
    values = [value * scale for value in values]
    return f"{statistics.median(values):.{digits}f} {unit} ({min(values):.{digits}f}-{max(values):.{digits}f})"


def quantile(values, share):
    values = sorted(values)
    return values[min(int(len(values) * share), len(values) - 1)]


def ratio(ours, others):
    return statistics.median(ours) / statistics.median(others)


def started(database, seconds=120):
    """Waits until Litestream has written its first file beside a database, and a little longer."""
    folder, name = os.path.split(database)
    levels = os.path.join(folder, f".{name}-litestream", "ltx", "0")
    end = time.time() + seconds
    while not (os.path.isdir(levels) and os.listdir(levels)):
        if time.time() > end:
            raise SystemExit("litestream did not begin")
        time.sleep(0.05)
    time.sleep(1.5)
