#!/usr/bin/env python3
"""Damages one object of a replica per run, then restores it in both ways and verifies it.

Usage: damage.py PROGRAM [SEED] [RUNS]. What must hold:
  - a restore that succeeds gives exactly the content that the database had at that moment;
  - if damage is inside the objects that a restore reads, it fails with an error that names the object (or its place, if it is missing);
  - damage outside of them does not affect it;
  - a restore of the newest state fails if the end of the log is missing; with --allow-shorter it gives the remaining transactions;
  - .mirror verify --all finds every damage and names the object.
"""
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile

from expected import Model, kind as kind_of, span

program = os.path.abspath(sys.argv[1])
seed = int(sys.argv[2]) if len(sys.argv) > 2 and sys.argv[2] else random.randrange(1 << 32)
runs = int(sys.argv[3]) if len(sys.argv) > 3 else 500
rng = random.Random(seed)
root = tempfile.mkdtemp(prefix="damage-")
environment = {k: v for k, v in os.environ.items() if not k.startswith(("S3_", "AWS_"))}
environment["SQLITE_HISTORY"] = os.path.join(root, "history")


def shell(script, *arguments, folder=root):
    return subprocess.run(
        [program, "-bail", *arguments], input=script.encode(), capture_output=True, cwd=folder, env=environment,
        timeout=300)


def sqlite3(database, sql):
    done = subprocess.run(["sqlite3", database, sql], capture_output=True, check=True)
    return hashlib.sha256(done.stdout).hexdigest()


class Wrong(Exception):
    pass


class Template:
    """An undamaged replica of several generations, and the content of its database after each session."""

    def __init__(self, number):
        self.folder = os.path.join(root, f"template{number}")
        os.mkdir(self.folder)
        self.replica = os.path.join(self.folder, "replica")
        self.states = {}  # (generation, transaction) -> hash of the dump
        self.make()
        self.keys = sorted(
            os.path.relpath(os.path.join(at, name), self.replica)
            for at, _, names in os.walk(self.replica) for name in names if not name.startswith("%"))
        self.content = {key: self.read(key) for key in self.keys}
        self.model = Model(self.content)
        self.known = {}

    def read(self, key):
        with open(os.path.join(self.replica, key), "rb") as file:
            return file.read()

    def make(self):
        live = os.path.join(self.folder, "live.db")
        large = rng.random() < 0.25
        row = 0
        for generation in range(rng.randint(2, 3)):
            for session in range(rng.randint(2, 4)):
                script = []
                if not row:
                    script.append(f"PRAGMA page_size={rng.choice([512, 1024, 4096, 65536])};")
                    script.append("CREATE TABLE t(a INTEGER PRIMARY KEY, b); CREATE TABLE u(x UNIQUE, y);")
                    script.append("CREATE INDEX by_b ON t(b);")
                for _ in range(rng.randint(2, 8)):
                    row += 1
                    script.append(rng.choice([
                        f"INSERT INTO t(b) VALUES('row {row}');",
                        f"INSERT INTO t(b) SELECT hex(a * {row}) FROM t LIMIT {rng.randint(1, 200)};",
                        f"UPDATE t SET b = b || '{row}' WHERE a % {rng.randint(2, 9)} = 0;",
                        f"BEGIN; INSERT OR IGNORE INTO u VALUES({row}, random()); DELETE FROM t WHERE a % 11 = 3; COMMIT;",
                        f"INSERT INTO u SELECT 'u' || a || '-{row}', randomblob(50) FROM t LIMIT 50;",
                        "VACUUM;" if row % 5 == 0 else f"DELETE FROM t WHERE a % 13 = {row % 13};",
                    ]))
                    if rng.random() < 0.6:
                        script.append(".mirror sync")
                    if rng.random() < 0.08:
                        script.append(f"INSERT INTO t(b) VALUES('base {row}');\n.mirror snapshot")
                    if rng.random() < 0.08:
                        script.append(
                            f"CREATE TEMP TABLE IF NOT EXISTS p(x); INSERT INTO p VALUES({row}); INSERT INTO t(b) SELECT x FROM p;")
                if large and (generation, session) == (0, 1):
                    script.append(
                        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 9000) "
                        f"INSERT INTO t(b) SELECT printf('%01000d', i + {row}) FROM n;")
                    script.append(".mirror sync\n.mirror snapshot")
                done = shell("\n".join(script) + "\n", "-mirror", f"file://{self.replica}", live)
                if done.returncode:
                    raise Wrong(f"the mirror failed: {done.stderr.decode()}{script}")
                listing = json.loads(shell(
                    ".mirror list --json\n", "-mirror", f"file://{self.replica}").stdout)[-1]
                key = (listing["generation"], listing["ranges"][-1]["last_transaction"])
                self.states[key] = sqlite3(live, ".dump")
            # Another program's commit: the next session begins a new generation.
            sqlite3(live, f"INSERT INTO u VALUES('foreign {row}', 0)")
        done = shell(f".mirror verify --all --from file://{self.replica}\n", "-mirror", "off")
        assert done.returncode == 0, done.stdout + done.stderr

    def state(self, generation, transaction):
        """Returns the hash of the dump after a transaction; restores it from the undamaged replica if no session ended with it."""
        key = (generation, transaction)
        if key in self.states:
            return self.states[key]
        if key not in self.known:
            output = os.path.join(self.folder, f"{generation}-{transaction}.db")
            done = shell(
                f".restore wal --from file://{self.replica} --generation {generation} --to-txn {transaction} "
                f"--output {output} --verify\n", "-mirror", "off")
            assert done.returncode == 0, done.stderr
            self.known[key] = sqlite3(output, ".dump")
            os.remove(output)
        return self.known[key]


def harm(template, replica, target):
    """Damages an object; returns the kind of damage, and the names with changed content."""
    key = rng.choice(template.keys)
    if rng.random() < 0.6:
        # One restore reads only a small part of a replica: aim at that part.
        plan = template.model.plan(template.keys, target)
        key = rng.choice(sorted(rng.choice([keys for keys in (plan.must, plan.objects, plan.turns, plan.batches) if keys])))
    kind = rng.choice(["flip", "truncate", "delete", "swap", "duplicate", "append"])
    if rng.random() < 0.08:
        # Delete the newest slice: the log does not show that it existed.
        newest = template.model.generations[-1]
        slices = [other for other in template.keys if f"/{newest}/wal/" in other]
        key, kind = slices[-1], "delete"
    path = os.path.join(replica, key)
    bytes_ = bytearray(template.content[key])
    others = [
        other for other in template.keys
        if other != key and template.content[other] != template.content[key]
        and (rng.random() < 0.3 or os.path.dirname(other)[-4:] == os.path.dirname(key)[-4:])]
    if kind in ("swap", "duplicate") and not others:
        kind = "flip"
    if kind == "flip":
        bytes_[rng.randrange(len(bytes_))] ^= 1 << rng.randrange(8)
    elif kind == "truncate":
        del bytes_[rng.randrange(len(bytes_)):]
    elif kind == "append":
        bytes_ += rng.randbytes(rng.randint(1, 300))
    elif kind == "delete":
        os.remove(path)
        return kind, [key]
    else:
        other = rng.choice(others)
        bytes_ = template.content[other]
        if kind == "swap":
            with open(os.path.join(replica, other), "wb") as file:
                file.write(template.content[key])
            with open(path, "wb") as file:
                file.write(bytes_)
            return kind, [key, other]
    with open(path, "wb") as file:
        file.write(bytes_)
    if kind == "flip" and key.startswith("pages/") and pages(bytes_) == pages(template.content[key]):
        # Some bits of a zstd frame have no effect, for example a larger window.
        return "vain", []
    return kind, [key]


def pages(part):
    return subprocess.run(["zstd", "-dcq"], input=bytes(part), capture_output=True).stdout


def run_restore(source, replica, output, target, more=""):
    options = "".join(f" --{name} {value}" for name, value in (
        ("to-txn", target.get("transaction")), ("generation", target.get("generation"))) if value is not None) + more
    done = shell(f".restore {source} --from file://{replica} --output {output} --force{options}\n", "-mirror", "off")
    about = f".restore {source}{options}: code {done.returncode}\n{done.stdout.decode()}{done.stderr.decode()}"
    return done, about


def prove(template, output, plan, about):
    """Throws if a restored database is not the expected one."""
    if sqlite3(output, "PRAGMA quick_check") != hashlib.sha256(b"ok\n").hexdigest():
        raise Wrong(f"not a whole database: {about}")
    if not plan:
        raise Wrong(f"succeeded although it cannot: {about}")
    if sqlite3(output, ".dump") != template.state(plan.generation, plan.last):
        raise Wrong(f"a wrong database: {about}")


def restore(template, folder, replica, source, target, kind, damaged, counts):
    output = os.path.join(folder, f"{source}.db")
    sqlite3(output, "CREATE TABLE mine(x); INSERT INTO mine VALUES('untouched')")
    before = sqlite3(output, ".dump")
    done, about = run_restore(source, replica, output, target)
    errors = done.stderr.decode()
    left = [key for key in template.keys if not (kind == "delete" and key in damaged)]
    plan = template.model.plan(left, target)
    # A manifest still names the parts of a deleted base.
    hit = plan and any(key in plan.reads(source) for key in damaged)
    grazed = plan and any(key in plan.may_read(source) for key in damaged)
    if done.returncode == 0:
        prove(template, output, plan, about)
        if hit:
            raise Wrong(f"did not report the damage: {about}")
        counts["restored rightly, the damage outside"] += 1
        return
    if sqlite3(output, ".dump") != before or os.path.exists(output + ".restoring"):
        raise Wrong(f"the old database was touched, or work left behind: {about}")
    if plan and not grazed:
        raise Wrong(f"disturbed by damage outside of what it reads: {about}")
    named = any(key in errors for key in damaged)
    if kind == "delete":
        # If an object is missing, the error names its place, or the proof that there was more.
        named = named or any(words in errors for words in (
            "missing", "has no base", "cannot be restored", "a slice was lost", "no generation"))
    if not named:
        raise Wrong(f"the object is not named: {about}")
    counts["refused, naming the object"] += 1
    shorter = kind == "delete" and target.get("transaction") is None and template.model.plan(left, target, shorter=True)
    if not shorter or any(key in shorter.reads(source) for key in damaged):
        return
    # The statements of lost transactions are of no use.
    done, about = run_restore(source, replica, output, target, " --allow-shorter")
    if done.returncode != 0:
        raise Wrong(f"did not restore the remaining transactions: {about}")
    prove(template, output, shorter, about)
    if "lost" not in about and "missing" not in about:
        raise Wrong(f"did not say that it is shorter: {about}")
    counts["restored with --allow-shorter"] += 1


def is_covered(template, key, left):
    """Returns whether other objects that a reader uses hold the content of a deleted object."""
    folder = key.rsplit("/", 2)[0]
    if "/sql/" in key:
        held = {n for other in left if os.path.dirname(other) == os.path.dirname(key)
                for n in range(span(other)[0], span(other)[1] + 1)}
        return held.issuperset(range(span(key)[0], span(key)[1] + 1))
    if "/wal/" in key:
        entry = template.model.entries[key]
        merged = [span(other) for other in left if other.startswith(folder + "/merged/")]
        return any(first <= entry.at[0] and max(entry.last, entry.at[0]) <= last for first, last in merged)
    if "/merged/" not in key:
        return False
    # The replaced slices stay for a quarter of an hour.
    generation = folder.split("/")[1]
    bases = template.model.bases(generation, left)
    chain = template.model.chain(generation, left, bases[0])
    return chain.end >= template.model.ends[generation]


def verify(template, replica, kind, damaged, counts):
    done = shell(f".mirror verify --all --from file://{replica}\n", "-mirror", "off")
    output = done.stdout.decode()
    about = f".mirror verify: code {done.returncode}\n{output}{done.stderr.decode()}"
    if damaged == ["lease.txt"]:
        counts["verify: a lease proves less"] += 1
        return
    if kind == "delete":
        key = damaged[0]
        if "/base/" in key:
            bases = [other for other in template.keys if os.path.dirname(other) == os.path.dirname(key)]
            if len(bases) > 1 or f"/{template.model.generations[-1]}/" not in key:
                # Restores begin with the base before. Of old history, retention deletes bases in the same way.
                counts["verify: a manifest gone, as retention deletes it"] += 1
                return
        if key == max(template.model.marks):
            # The seal before it names the generation too.
            counts["verify: the newest mark gone, all can be restored"] += 1
            return
        left = [other for other in template.keys if other != key]
        if is_covered(template, key, left):
            counts["verify: deleted, but another object holds the same"] += 1
            return
        if done.returncode == 0 or "fault: " not in output:
            raise Wrong(f"not found: {about}")
        faults = re.findall(r"fault: (\S+): ", output)
        if not any(key.startswith(fault) for fault in faults) and "fault: transactions" not in output:
            raise Wrong(f"its place is not told: {about}")
        counts["verify: found"] += 1
        return
    if done.returncode == 0:
        raise Wrong(f"not found: {about}")
    for key in damaged:
        # A damaged manifest hides a damaged part, and a damaged mark hides everything in its generation.
        hidden = key == "lease.txt" or any(other.startswith("chain/") for other in damaged if other != key)
        hidden = hidden or key.startswith("pages/") and any("/base/" in other for other in damaged)
        # A mark that is too large ends the proof with an error.
        if f"fault: {key}: " not in output and f"Error: get {key}: " not in done.stderr.decode() and not hidden:
            raise Wrong(f"{key} is not named: {about}")
    counts["verify: found"] += 1


def main():
    print(f"seed {seed}, {runs} runs, {program}", flush=True)

    class Counting(dict):
        def __missing__(self, key):
            return 0

    counts = Counting()
    failures = 0
    template = None
    for run in range(runs):
        number = run
        if run % 25 == 0:
            if template:
                shutil.rmtree(template.folder)
            template = None
            while not template:
                try:
                    template = Template(number)
                except Wrong as wrong:
                    failures += 1
                    print(f"template {number}: {wrong}", flush=True)
                    number += 1
        folder = os.path.join(root, f"run{number}")
        os.mkdir(folder)
        replica = os.path.join(folder, "replica")
        shutil.copytree(template.replica, replica)
        points = list(template.states)
        generation, transaction = rng.choice(points)
        target = rng.choice([{}, {}, {"generation": generation}, {"transaction": transaction},
                             {"generation": generation, "transaction": transaction}])
        kind, damaged = harm(template, replica, target)
        counts[f"damage: {kind}"] += 1
        if not damaged:
            shutil.rmtree(folder)
            continue
        counts[f"damage of a {kind_of(damaged[0], template.content[damaged[0]])}"] += 1
        for check in (
            lambda: restore(template, folder, replica, "wal", target, kind, damaged, counts),
            lambda: restore(template, folder, replica, "sql", target, kind, damaged, counts),
            lambda: verify(template, replica, kind, damaged, counts),
        ):
            try:
                check()
            except Wrong as wrong:
                failures += 1
                print(f"run {number}, {kind} of {' and '.join(damaged)}: {wrong}", flush=True)
        shutil.rmtree(folder)
    for name in sorted(counts):
        print(f"{counts[name]:6} {name}")
    print(f"{failures} failures")
    return 1 if failures else 0


try:
    code = main()
finally:
    shutil.rmtree(root, ignore_errors=True)
sys.exit(code)
