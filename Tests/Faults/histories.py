"""Makes commits that each prove the one before, so that a database shows whether all commits form one history."""

import hashlib, re, signal, sqlite3, subprocess, threading, time

SCHEMA = ("CREATE TABLE history(i INTEGER PRIMARY KEY, writer TEXT, n INTEGER, seal TEXT);CREATE INDEX byseal ON history(seal);"
          "CREATE TABLE filler(i INTEGER PRIMARY KEY, x BLOB);\n")
PREVIOUS = "coalesce((SELECT seal FROM history ORDER BY i DESC LIMIT 1), '')"

# The message of a session that does not mirror: the other writer, since when it writes, and the command to type.
MOMENT = r"\d{4}-\d\d-\d\dT[0-9:.]+Z"
EXPLANATIONS = {
    "stale": rf"is (\d+ transactions? )?ahead of \S+ \(last: transaction \d+, {MOMENT}, \S.*\): use \.restore wal, or leave them "
             r"behind with \.mirror on \S+ --new-generation",
    "other": rf"holds another database than \S+ \(last: transaction \d+, {MOMENT}, \S.*\): use another prefix, or leave it behind "
             r"with \.mirror on \S+ --new-generation",
    "empty": r"holds data \(generation \S+, transaction \d+\) but \S+ was empty: use \.restore wal, or \.mirror on \S+ --new-generation",
    "held": rf"\S.* mirrors to \S+ since {MOMENT}: stop it there, or use another prefix",
}


def size(writer, n):
    """Returns the bytes that a commit adds beside its row; 0 for most. If the writer's name has an L, some commits need several parts."""
    drawn = hashlib.sha256(f"{writer} {n}".encode()).digest()
    if "L" in writer and n % 4 == 3:
        return 18000000 + drawn[0] * 30000
    return 0 if drawn[0] % 8 else int(100 * 5000 ** (drawn[1] / 256))


def commit(writer, n):
    filler = f"INSERT INTO filler SELECT max(i), randomblob({size(writer, n)}) FROM history;" if size(writer, n) else ""
    return (f"BEGIN IMMEDIATE;INSERT INTO history SELECT coalesce(max(i), 0) + 1, '{writer}', {n}, "
            f"lower(hex(sha3({PREVIOUS} || '{writer} {n}', 256))) FROM history;{filler}COMMIT;\nSELECT 'ack {n}';\n")


def read(path):
    """Returns the commits of a database as (writer, n) in order; raises if it is not the state after a commit of one history."""
    connection = sqlite3.connect(f"file:{path}?mode=ro", uri=True)
    try:
        if connection.execute("PRAGMA integrity_check").fetchone()[0] != "ok":
            raise AssertionError(f"{path} is corrupt")
        rows = connection.execute("SELECT i, writer, n, seal FROM history ORDER BY i").fetchall()
        filler = connection.execute("SELECT i, length(x) FROM filler ORDER BY i").fetchall()
    finally:
        connection.close()
    seal = ""
    for number, (i, writer, n, found) in enumerate(rows, 1):
        seal = hashlib.sha3_256(f"{seal}{writer} {n}".encode()).hexdigest()
        if i != number or found != seal:
            raise AssertionError(f"commit {i} ({writer} {n}) was not made on the one before it")
    if filler != [(i, size(writer, n)) for i, writer, n, _ in rows if size(writer, n)]:
        raise AssertionError("what commits added beside their rows is not that of these commits")
    commits = [(writer, n) for _, writer, n, _ in rows]
    if len(set(commits)) != len(commits):
        raise AssertionError("a commit is there twice")
    return commits


def missing(commits, acknowledged):
    """Returns the commits in `acknowledged`, a dictionary of {writer: count}, that a database lacks."""
    there = set(commits)
    return [(writer, n) for writer, count in acknowledged.items() for n in range(1, count + 1) if (writer, n) not in there]


class Session:
    """A shell in `sync` that commits one row after the other, each after the one before was stored, until it must end.

    If its name has a B, it also writes bases."""

    def __init__(self, host, command, name):
        self.host, self.name, self.acknowledged, self.told = host, name, 0, []
        self.moved, self.is_ending = threading.Condition(), False
        self.process = host.start(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0)
        self.threads = [threading.Thread(target=work, daemon=True) for work in (self.write, self.listen)]
        for thread in self.threads:
            thread.start()

    def write(self):
        try:
            self.process.stdin.write(b".timeout 8000\n")
            number = 1
            while not self.is_ending:
                self.process.stdin.write(commit(self.name, number).encode())
                # With -bail nothing is printed after a statement that failed.
                if self.process.stdout.readline() != f"ack {number}\n".encode():
                    break
                if "B" in self.name and number % 5 == 0:
                    self.process.stdin.write(b".mirror snapshot\n")
                with self.moved:
                    self.acknowledged, number = number, number + 1
                    self.moved.notify_all()
            self.process.stdin.close()
        except (OSError, ValueError):
            pass

    def listen(self):
        for line in self.process.stderr:
            self.told.append(line.decode(errors="replace").strip())
        with self.moved:
            self.moved.notify_all()

    def wait_for(self, count, seconds):
        """Waits for this number of stored commits; returns False if the process ends before."""
        end = time.time() + seconds
        with self.moved:
            while self.acknowledged < count and self.process.poll() is None and time.time() < end:
                self.moved.wait(0.05)
            return self.acknowledged >= count

    def has_ended(self, seconds):
        try:
            self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            return False
        return True

    def signal(self, number):
        self.host.signal(self.process, number)

    def kill(self):
        self.signal(signal.SIGKILL)
        self.close()

    def finish(self, seconds=60):
        """Ends it in order; returns its exit code, or None if it does not end."""
        self.is_ending = True
        code = self.process.returncode if self.has_ended(seconds) else None
        if code is None:
            self.signal(signal.SIGKILL)
        self.close()
        return code

    def close(self):
        if not self.has_ended(20):
            self.process.kill()
            self.process.wait()
        for thread in self.threads:
            thread.join(20)

    def explanation(self):
        """Returns the explanation that it printed; None if there is none."""
        return next((kind for kind, pattern in EXPLANATIONS.items() for line in self.told if re.search(pattern, line)), None)
