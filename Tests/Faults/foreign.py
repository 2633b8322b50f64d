"""Lets another process write, checkpoint and vacuum in a loop beside the shell, then restores both ways.

usage: foreign.py PROGRAM [--seconds N] [--pause SECONDS] [--seed N]

Restores must equal the live database; new generations are reported. The other process has no busy time-out:
its busy errors with the mirror on are counted and, in turns, those with the mirror off."""

import json, os, random, shutil, sqlite3, subprocess, sys, tempfile, time

from servers_here import options
from workload import Place, Writer, state

OTHER = """
import json, os, random, sqlite3, sys, time
path, seconds, pause, seed = sys.argv[1], float(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4])
rng = random.Random(seed)
first = sqlite3.connect(path, isolation_level=None, timeout=60)
first.execute("CREATE TABLE IF NOT EXISTS other(n INTEGER PRIMARY KEY, x)")
first.close()
c = sqlite3.connect(path, isolation_level=None, timeout=0)
done = busy = checkpoints = refused = 0
longest = largest = 0.0
end = time.time() + seconds
while time.time() < end:
    begun = time.time()
    try:
        if rng.random() < 0.02:
            row = c.execute("PRAGMA wal_checkpoint(%s)" % rng.choice(["PASSIVE", "FULL", "RESTART", "TRUNCATE"])).fetchone()
            checkpoints += 1
            refused += row[0]
        elif rng.random() < 0.001:
            c.execute("VACUUM")
        elif rng.random() < 0.1:
            c.execute("DELETE FROM other WHERE n % 3 = ?", (rng.randrange(3),))
        else:
            c.execute("INSERT INTO other(x) VALUES(?)", (os.urandom(rng.randrange(400)).hex(),))
        done += 1
    except sqlite3.OperationalError as error:
        busy += 1
    longest = max(longest, time.time() - begun)
    try:
        largest = max(largest, os.path.getsize(path + "-wal"))
    except OSError:
        pass
    time.sleep(pause)
print(json.dumps({"done": done, "busy": busy, "checkpoints": checkpoints, "refused": refused,
                  "longest": longest * 1000, "largest": largest / 1048576}))
"""
TURNS = 4


def beside(place, seconds, pause, seed):
    """Counts the busy errors of the other process while a shell writes ten times a second, and measures the shell."""
    shell = Writer(place, state(place.path), "async", pause=0.1)
    other = subprocess.run(
        [sys.executable, "-c", OTHER, place.path, str(seconds), str(pause), str(seed)], stdout=subprocess.PIPE)
    shell.limit = shell.next
    return json.loads(other.stdout), shell


def report(met):
    """Prints all turns in one line."""
    total = {key: sum(turn[key] for turn in met) for key in ("done", "busy", "checkpoints", "refused")}
    shares = [f"{100 * turn['busy'] / max(turn['done'] + turn['busy'], 1):.1f}" for turn in met]
    return (f"{total['done']} statements, {total['busy']} busy (% in turns: {' '.join(shares)}), {total['checkpoints']} checkpoints "
            f"({total['refused']} busy), longest {max(turn['longest'] for turn in met):.0f} ms, log at most "
            f"{max(turn['largest'] for turn in met):.1f} MB")


def main():
    chosen = options(__doc__, seconds=60, pause=0.002)
    root = tempfile.mkdtemp(prefix="faults-replica-")
    print(f"seed {chosen.seed}, {chosen.seconds} s, {chosen.pause} s between the other's statements", flush=True)
    place = Place(chosen.program, f"file://{root}/replica", {"S3_SYNC_INTERVAL": "0.2"})
    place.create()
    plain = Place(chosen.program, "off")
    plain.create()
    subprocess.run(["sqlite3", plain.path, "PRAGMA journal_mode=WAL"], stdout=subprocess.DEVNULL, check=True)
    met, failures, codes = {True: [], False: []}, [], []
    for turn in range(TURNS):
        for mirrored in (True, False):
            seconds = chosen.seconds / TURNS if mirrored else min(chosen.seconds / TURNS, 15)
            found, writer = beside(place if mirrored else plain, seconds, chosen.pause, chosen.seed + turn)
            code = writer.finish()
            met[mirrored].append(found)
            if mirrored:
                codes.append(code)
                failures += writer.failures
    told = [line for line in failures if not line.startswith("Runtime error") or "locked" not in line]
    generations = len(os.listdir(f"{root}/replica/generations"))

    def dump(path):
        return subprocess.run(["sqlite3", path, ".dump"], capture_output=True, check=True).stdout

    live = dump(place.path)
    equal = {source: dump(place.restore(source)) == live for source in ("wal", "sql")}
    print(f"with the mirror:    {report(met[True])}\nwithout the mirror: {report(met[False])}\n"
          f"the shells ended with {codes} and told {told[:5]}; {generations} generations; restores equal the live database: {equal}")
    place.remove()
    plain.remove()
    shutil.rmtree(root, ignore_errors=True)
    sys.exit(0 if all(equal.values()) else 1)


main()
