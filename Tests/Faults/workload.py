"""A database with a state that follows from the number of its commits, and shells that write to it."""

import hashlib, os, random, shutil, sqlite3, subprocess, tempfile, threading, time

SCHEMA = ("CREATE TABLE t(n INTEGER PRIMARY KEY, x TEXT);CREATE INDEX tx ON t(x);"
          "CREATE TABLE total(n INTEGER);INSERT INTO total VALUES(0);CREATE TABLE large(n INTEGER, x BLOB);")
SCHEMA_COMMITS = 5

# Bytes of the largest transaction; 0 for small ones only.
largest = 0


def text(n):
    """Returns the values that commit `n` inserts."""
    return hashlib.sha256(str(n).encode()).hexdigest() * (1 + n % 5)


def size(n):
    """Returns the bytes that commit `n` writes to `large`, each order of magnitude with the same probability; 0 for most."""
    drawn = hashlib.sha256(f"size {n}".encode()).digest()
    if not largest or drawn[0] % 16:
        return 0
    return int(100 * (largest / 100) ** (int.from_bytes(drawn[1:5], "big") / (1 << 32)))


def commit(n):
    """Commit `n` as a script; every seventh is a transaction that deletes as well, some are large."""
    delete = f"DELETE FROM t WHERE n={n - 50};" if n % 7 == 0 else ""
    bytes = size(n)
    if bytes:
        rows, row = max(bytes // 1000000, 1), min(bytes, 1000000)
        delete += (f"DELETE FROM large;WITH RECURSIVE c(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM c WHERE i<{rows})"
                   f"INSERT INTO large SELECT {n},randomblob({row}) FROM c;")
    return f"BEGIN IMMEDIATE;INSERT INTO t VALUES({n},'{text(n)}');UPDATE total SET n={n};{delete}COMMIT;\n"


def state(path):
    """Returns the number of the last commit in a database; raises if it is not the state after a commit."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        last = connection.execute("SELECT n FROM total").fetchone()[0]
        rows = connection.execute("SELECT n, x FROM t ORDER BY n").fetchall()
        large = connection.execute("SELECT n, count(*), sum(length(x)) FROM large GROUP BY n").fetchall()
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise AssertionError(f"{path} is corrupt")
    finally:
        connection.close()
    gone = {n - 50 for n in range(1, last + 1) if n % 7 == 0}
    expected = [(n, text(n)) for n in range(1, last + 1) if n not in gone]
    if rows != expected:
        raise AssertionError(f"{path}: {len(rows)} rows are not the state after commit {last}")
    n = next((n for n in range(last, 0, -1) if size(n)), 0)
    bytes = size(n)
    if large != ([(n, max(bytes // 1000000, 1), max(bytes // 1000000, 1) * min(bytes, 1000000))] if n else []):
        raise AssertionError(f"{path}: {large} is not what commit {n} wrote")
    return last


class Place:
    """A folder with a database, and a replica below a URL."""

    def __init__(self, program, url, environment=None):
        self.program, self.url = os.path.abspath(program), url
        self.folder = tempfile.mkdtemp(prefix="faults-")
        self.path = os.path.join(self.folder, "live.db")
        self.environment = {**os.environ, "HOME": self.folder, **(environment or {})}

    def shell(self, script, *arguments, database=None, timeout=120):
        """Runs a script to its end."""
        return subprocess.run(
            [self.program, "-batch", "-mirror", self.url, *arguments, database or self.path], input=script.encode(),
            capture_output=True, env=self.environment, cwd=self.folder, timeout=timeout)

    def create(self):
        done = self.shell(SCHEMA)
        assert done.returncode == 0, done.stderr

    def restore(self, source, name="restored.db"):
        """Restores and returns the path; raises with the message if that fails."""
        path = os.path.join(self.folder, name)
        done = subprocess.run(
            [self.program, "-batch", "-mirror", "off", ":memory:",
             f".restore {source} --from {self.url} --output {path} --force"],
            capture_output=True, env=self.environment, cwd=self.folder, timeout=300)
        if done.returncode != 0:
            raise AssertionError(f".restore {source}: {done.stderr.decode()}")
        return path

    def lose(self):
        """Deletes the database and everything beside it."""
        for suffix in ("", "-wal", "-shm", "-s3pos"):
            if os.path.exists(self.path + suffix):
                os.remove(self.path + suffix)

    def remove(self):
        shutil.rmtree(self.folder, ignore_errors=True)


class Writer:
    """A shell that commits one number after the other and prints each."""

    def __init__(self, place, start, durability, pause=0.0, limit=1 << 60, flags=()):
        self.acknowledged, self.failures = 0, []
        self.process = subprocess.Popen(
            [place.program, "-batch", *flags, "-mirror", place.url, "-durability", durability, place.path],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=place.environment,
            cwd=place.folder, bufsize=0)
        self.next, self.limit, self.pause, self.stopped = start + 1, limit, pause, False
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.feed, self.read, self.listen)]
        for thread in self.threads:
            thread.start()

    def feed(self):
        try:
            self.process.stdin.write(b".timeout 10000\n")
            while not self.stopped and self.next <= self.limit:
                self.process.stdin.write((commit(self.next) + f"SELECT 'ack {self.next}';\n").encode())
                self.next += 1
                if self.pause:
                    time.sleep(self.pause)
            self.process.stdin.close()
        except OSError:
            pass

    def read(self):
        for line in self.process.stdout:
            if line.startswith(b"ack "):
                self.acknowledged = int(line[4:])

    def listen(self):
        for line in self.process.stderr:
            self.failures.append(line.decode(errors="replace").strip())

    def kill(self):
        self.process.kill()
        self.wait()

    def finish(self, timeout=600):
        """Ends the input and waits until the shell has flushed and ended; returns its exit code."""
        self.stopped = True
        self.wait(timeout)
        return self.process.returncode

    def wait(self, timeout=600):
        self.process.wait(timeout)
        for thread in self.threads:
            thread.join(60)
