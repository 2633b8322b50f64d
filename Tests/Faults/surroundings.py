"""Full disks, read-only folders, revoked keys and deleted buckets while a shell writes.

usage: surroundings.py PROGRAM [--seed N]            (as root: it mounts small file systems)

Each case prints the messages of the shell. It must not hang or crash, the database must stay usable, and
a restore must give the live database or an earlier committed state."""

import os, shutil, subprocess, sys, tempfile, time

from servers_here import Store, options
from workload import Place, Writer, commit, state

chosen = options(__doc__)
failures = []


def check(case, holds, said):
    print(f"{'ok  ' if holds else 'FAIL'} {case}: {said}", flush=True)
    if not holds:
        failures.append(case)


class SmallDisk:
    def __init__(self, megabytes):
        self.path = tempfile.mkdtemp(prefix="faults-disk-")
        subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", self.path], check=True)

    def close(self):
        subprocess.run(["umount", "-l", self.path])
        os.rmdir(self.path)


def full_disk():
    """The database's disk fills up."""
    replica, disk = tempfile.mkdtemp(prefix="faults-replica-"), SmallDisk(4)
    place = Place(chosen.program, f"file://{replica}")
    place.path = os.path.join(disk.path, "live.db")
    place.create()
    done = place.shell("".join(commit(n) for n in range(1, 20000)))
    live = state(place.path)
    check("disk full under the database", done.returncode == 1 and b"full" in done.stderr and live > 100
          and state(place.restore("wal")) == live, done.stderr.decode().splitlines()[0])
    place.remove()
    disk.close()
    shutil.rmtree(replica)


def full_replica():
    """The directory that is mirrored to fills up, then has room again."""
    disk = SmallDisk(2)
    place = Place(chosen.program, f"file://{disk.path}/replica", {"S3_FLUSH_TIMEOUT": "2", "S3_SYNC_INTERVAL": "0.05"})
    place.create()
    filler = os.path.join(disk.path, "filler")
    try:
        with open(filler, "wb", buffering=0) as file:
            while file.write(bytes(4096)) == 4096:
                pass
    except OSError:
        pass
    done = place.shell("".join(commit(n) for n in range(1, 3000)))
    said = done.stderr.decode().splitlines()
    try:
        before = state(place.restore("wal"))
    except AssertionError as problem:
        before = str(problem)
    os.remove(filler)
    after = place.shell("SELECT 1;\n")
    check("disk full under the replica", done.returncode == 1 and "no space left" in " ".join(said) and before == 0
          and after.returncode == 0 and state(place.restore("wal")) == state(place.path), said[-1])
    place.remove()
    disk.close()


def full_target():
    """A restore without enough room fails before it begins, and leaves the old database."""
    replica, disk = tempfile.mkdtemp(prefix="faults-replica-"), SmallDisk(1)
    place = Place(chosen.program, f"file://{replica}")
    place.create()
    place.shell("INSERT INTO t SELECT value, hex(randomblob(2000)) FROM generate_series(-2000,-1);\n")
    target = os.path.join(disk.path, "old.db")
    subprocess.run(["sqlite3", target, "CREATE TABLE old(a)"], check=True)
    done = subprocess.run(
        [chosen.program, "-batch", "-mirror", "off", ":memory:", f".restore wal --from {place.url} --output {target} --force"],
        capture_output=True)
    tables = subprocess.run(["sqlite3", target, ".tables"], capture_output=True).stdout
    check("no room for a restore", done.returncode == 1 and b"old" in tables, done.stderr.decode().strip())
    place.remove()
    disk.close()
    shutil.rmtree(replica)


def read_only_folder():
    """The folder of the database is read-only."""
    replica, disk = tempfile.mkdtemp(prefix="faults-replica-"), SmallDisk(4)
    place = Place(chosen.program, f"file://{replica}")
    place.path = os.path.join(disk.path, "live.db")
    subprocess.run(["sqlite3", place.path, "CREATE TABLE t(a); INSERT INTO t VALUES(1)"], check=True)
    subprocess.run(["mount", "-o", "remount,ro", disk.path], check=True)
    done = place.shell("SELECT a FROM t;\n")
    check("read-only folder", done.stdout == b"1\n" and done.stderr != b"", f"{done.returncode}: {done.stderr.decode().strip()}")
    place.remove()
    disk.close()
    shutil.rmtree(replica)


def refused(case, refusal, word):
    """The store refuses everything for a while, then accepts requests again."""
    store = Store(chosen.weed)
    place = Place(chosen.program, "s3://bench/refused", {**store.environment, "S3_SYNC_INTERVAL": "0.1"})
    place.create()
    writer = Writer(place, 0, "async", pause=0.01)
    time.sleep(1)
    store.proxy.refusal = refusal
    time.sleep(4)
    store.proxy.refusal = None
    time.sleep(1)
    code = writer.finish()
    live = state(place.path)
    check(case, code == 0 and live == state(place.restore("wal")) == state(place.restore("sql"))
          and any(word in line for line in writer.failures), f"{code}: {writer.failures}")
    # At the end of a session.
    store.proxy.refusal = refusal
    place.environment["S3_FLUSH_TIMEOUT"] = "3"
    begun = time.time()
    done = place.shell(commit(live + 1))
    check(case + ", at the end", done.returncode == 1 and word in done.stderr.decode(),
          f"after {time.time() - begun:.1f} s: {done.stderr.decode().strip()}")
    place.remove()
    store.close()


def emptied():
    """The replica is deleted while a session writes to it."""
    replica = tempfile.mkdtemp(prefix="faults-replica-")
    place = Place(chosen.program, f"file://{replica}", {"S3_SYNC_INTERVAL": "0.1", "S3_FLUSH_TIMEOUT": "5"})
    place.create()
    writer = Writer(place, 0, "async", pause=0.01)
    time.sleep(1)
    os.rename(replica, replica + "-gone")
    shutil.rmtree(replica + "-gone")
    time.sleep(25)
    code = writer.finish()
    again = place.shell("SELECT 1;\n")
    check("replica deleted", code == 1 and writer.failures and again.returncode == 0
          and state(place.restore("wal")) == state(place.path), f"{code}: {writer.failures[:2]}")
    place.remove()
    shutil.rmtree(replica, ignore_errors=True)


full_disk()
full_replica()
full_target()
read_only_folder()
refused("keys revoked", (403, "AccessDenied"), "denied")
refused("bucket gone", (404, "NoSuchBucket"), "bucket")
emptied()
sys.exit(1 if failures else 0)
