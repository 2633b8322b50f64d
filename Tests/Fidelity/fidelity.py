"""Runs generated sessions with the mirror on, restores them both ways and compares; shrinks differences.

Usage: fidelity.py BINARY SEED SESSIONS [plain|misleading] [--all]

Counts statements that were replayed, and those of transactions that are barriers.
"""

import collections, concurrent.futures, os, random, re, shutil, signal, subprocess, sys, tempfile
from generator import MisleadingSession, Session

# Use memory if possible, so that nothing waits for a disk: the differences do not depend on a disk.
MEMORY = "/dev/shm" if os.access("/dev/shm", os.W_OK) and not os.environ.get("TMPDIR") else None
ZONES = ["Europe/Berlin", "America/St_Johns", "Asia/Kolkata", "UTC0", "EST5EDT"]


class Outcome:
    def __init__(self, fault, reason=None, statements=0, recorded=0, refused=0, earlier=0):
        self.fault, self.reason, self.statements, self.recorded, self.refused, self.earlier = fault, reason, statements, recorded, refused, earlier


def text(lines):
    return "\n".join(line if line.startswith(".") or line.rstrip().endswith(";") else line + "\n;" for line in lines) + "\n"


def counts(replica):
    """Statements of all transactions in a replica, those of barriers, and the last transactions before barriers and bases."""
    transactions, batches = {}, []
    for path, _, names in os.walk(replica):
        if path.endswith("/sql"):
            batches += [f"{path}/{name}" for name in names]
    scripts = subprocess.run(["zstd", "-dcq", *batches], stdout=subprocess.PIPE).stdout if batches else b""
    for script in scripts.split(b"-- sqlite3-cloud-s3 statements 1\n-- generation ")[1:]:
        path = f"{replica}/generations/{script[:17].decode()}/sql"
        for found in re.finditer(rb"^-- transaction (\d+) time=\d+ statements=(\d+)([^\n]*)", script, re.M):
            transactions[path, found.group(1)] = (int(found.group(2)), b" barrier=" in found.group(3))
    barriers = {place for place, (_, refused) in transactions.items() if refused}
    starts = {(path, int(number)) for path, number in barriers}
    starts |= {(f"{path[:-5]}/sql", int(name[:16], 16)) for path, _, names in os.walk(replica) if path.endswith("/base") for name in names if re.fullmatch(r"[0-9a-f]{16}.*", name)}
    before = {(path, b"%d" % (number - 1)) for path, number in starts}
    ends = [int(number) for path, number in before if (path, number) in transactions and (path, number) not in barriers]
    return sum(count for count, _ in transactions.values()), sum(count for count, refused in transactions.values() if refused), sorted(ends)


def environment(zone):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_"))}
    return clean | ({"TZ": zone} if zone else {})


def play(binary, scripts, files, zone):
    """Runs the sessions of one database and restores it; returns the differences."""
    with tempfile.TemporaryDirectory(dir=MEMORY) as folder:
        for name, content in files.items():
            with open(f"{folder}/{name}", "w", encoding="latin-1") as file:
                file.write(content)
        mirror = ["-mirror", f"file://{folder}/replica"]
        for script in scripts + [[]]:
            script = [line.replace("PROGRAM", binary) for line in script]
            # Limit the processor time, so that a busy machine leaves out no more than an idle one.
            done = subprocess.run(["prlimit", "--cpu=4", binary, *mirror, "a.db"], input=text(script + [".connection 0"] if script else ["SELECT 1 FROM sqlite_schema"]).encode("utf-8", "replace"), cwd=folder,
                                  env=environment(zone), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=60)
            if done.returncode == -signal.SIGXCPU:
                raise subprocess.TimeoutExpired(binary, 4)
            if done.returncode < 0 and done.returncode != -9:
                return Outcome(f"the shell ended with {done.returncode}: {done.stderr.decode('utf-8', 'replace')[-300:]}")
        if not os.path.exists(f"{folder}/replica"):
            return Outcome(None)
        restored = subprocess.run([binary, "-mirror", "off", "r.db", f".restore sql --verify --from file://{folder}/replica"], cwd=folder,
                                  env=environment("UTC0" if zone != "UTC0" else "Asia/Tokyo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
        errors = restored.stderr.decode("utf-8", "replace")
        output = restored.stdout.decode("utf-8", "replace")
        if restored.returncode != 0:
            return Outcome(errors[-600:])
        for leaked in os.listdir(folder):
            if leaked.startswith("r.db") and leaked != "r.db":
                return Outcome(f"{leaked} was left behind")
        dumps = [subprocess.run([binary, "-mirror", "off", "-readonly", name, ".dump", "PRAGMA user_version", "PRAGMA application_id", "PRAGMA encoding"], cwd=folder,
                                env=environment(None), stdout=subprocess.PIPE, stderr=subprocess.STDOUT).stdout for name in ("a.db", "r.db")]
        if dumps[0] != dumps[1]:
            return Outcome("the restored database differs from the live one")
        reason = re.search(r"come from the WAL: (.*)", errors)
        count = re.search(r"; (\d+) statements of transactions", output)
        recorded, refused, ends = counts(f"{folder}/replica")
        earlier = 0
        for end in ends[:6]:
            before = subprocess.run([binary, "-mirror", "off", "e.db", f".restore sql --verify --force --to-txn {end} --from file://{folder}/replica"], cwd=folder,
                                    env=environment("UTC0" if zone != "UTC0" else "Asia/Tokyo"), stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=300)
            if before.returncode != 0:
                return Outcome(f"to transaction {end}: " + before.stderr.decode("utf-8", "replace")[-600:])
            replayed = re.search(r"; (\d+) statements of transactions", before.stdout.decode("utf-8", "replace"))
            earlier += int(replayed.group(1)) if replayed else 0
        return Outcome(None, reason.group(1) if reason else None, int(count.group(1)) if count and count.group(1) else 0, recorded, refused, earlier)


def shrink(binary, scripts, files, zone, fault):
    """Leaves out everything that is not necessary for the fault."""
    kind = re.sub(r"[0-9]+", "N", fault)[:60]
    def fails(candidate):
        try:
            found = play(binary, candidate, files, zone).fault
        except subprocess.TimeoutExpired:
            return False
        return found is not None and re.sub(r"[0-9]+", "N", found)[:60] == kind
    lines = [(index, line) for index, script in enumerate(scripts) for line in script]
    def build(chosen):
        return [[line for number, line in chosen if number == index] for index in range(len(scripts))]
    size = len(lines) // 2
    budget = 300
    while size >= 1 and budget > 0:
        at = 0
        while at < len(lines) and budget > 0:
            candidate = lines[:at] + lines[at + size:]
            budget -= 1
            if fails(build(candidate)):
                lines = candidate
            else:
                at += size
        size //= 2
    return [script for script in build(lines) if script]


def one(binary, seed, grammar):
    session = grammar(seed)
    zone = random.Random(seed).choice(ZONES + [None]) if "zone" in session.features else None
    try:
        return seed, session, zone, play(binary, session.scripts, session.files, zone)
    except subprocess.TimeoutExpired:
        # Rows that double with every statement are not tested here.
        return seed, session, zone, Outcome(None, "skipped: a session took too long")


def main():
    binary, seed, wanted = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    grammar = MisleadingSession if "misleading" in sys.argv else Session
    reasons, faults, sessions, statements, databases, recorded, refused, earlier = collections.Counter(), 0, 0, 0, 0, 0, 0, 0
    # SIGTERM begins no more sessions.
    is_ending = []
    signal.signal(signal.SIGTERM, lambda number, frame: is_ending.append(number))
    # A session waits for its mirror's pace for most of its time.
    workers = 2 * (os.cpu_count() or 1)
    with concurrent.futures.ThreadPoolExecutor(workers) as pool:
        waiting = collections.deque()
        while sessions < wanted and not is_ending or waiting:
            while sessions < wanted and not is_ending and len(waiting) < 4 * workers:
                sessions += len(grammar(seed).scripts)
                waiting.append(pool.submit(one, binary, seed, grammar))
                seed += 1
            number, session, zone, outcome = waiting.popleft().result()
            databases += 1
            statements += outcome.statements
            recorded += outcome.recorded
            refused += outcome.refused
            earlier += outcome.earlier
            if outcome.fault:
                faults += 1
                print(f"seed {number}: {outcome.fault}", flush=True)
                if faults <= 3 or "--all" in sys.argv:
                    for script in shrink(binary, session.scripts, session.files, zone, outcome.fault):
                        print(f"--- session, TZ={zone}\n{text(script)}", flush=True)
            else:
                reasons[outcome.reason or "none: everything was replayed"] += 1
    for reason, count in reasons.most_common():
        print(f"{count:6} last barrier {reason}")
    print(f"{recorded} statements recorded, {refused} of them in barriers ({100 * refused / max(recorded, 1):.1f} %)")
    print(f"{sessions} sessions of {databases} databases, {statements} statements replayed, {earlier} more up to earlier barriers, {faults} faults")
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
