"""Two hosts write to one replica in `sync` while faults happen. After each round, no commit that a session reported as stored may be missing.

usage: hosts.py PROGRAM [--rounds N] [--seed N] [--weed WEED] [--broken conditions|answers]

Each host has its own namespaces (host name, boot id, process numbers, network, mounts), its own clocks and disk, and its own proxy
to SeaweedFS. Each round has one seed. Its faults are kills, pauses, partitions, late requests, clock jumps, suspended machines,
files replaced by old copies, restarts and renames of a host, several sessions on one file, and forks by the user. At its end:
- a restore, from slices or from statements, holds every commit that was reported as stored, and all commits form one history;
- every refused start has printed the other writer, since when it writes, and which command to type;
- a host that has just restored the newest state can continue.

`--seed N --rounds 1` repeats a round as exactly as real processes allow. STORY=1 also prints the rounds that pass. KEEP=1 keeps the
disks of the hosts after a failed round. With --broken, the store ignores conditions, or loses one of 30 objects that it reported as
stored; then rounds must fail. Needs root."""

import collections, os, shutil, signal, sys, tempfile, time

import moved_clock
from host_faults import FaultyRound
from namespaces import Host, are_possible
from servers_here import KEY, SECRET, Seaweed, options, raw_puts


def main():
    chosen = options(__doc__, rounds=20, broken="")
    if not are_possible():
        sys.exit("hosts.py needs namespaces: run it as root on a system that allows unshare")
    print(f"seed {chosen.seed}, {chosen.rounds} rounds", flush=True)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    server, program = Seaweed(chosen.weed), os.path.abspath(chosen.program)
    root = tempfile.mkdtemp(prefix="faults-hosts-")
    library = moved_clock.build(root)
    # The first requests to a new server take seconds.
    raw_puts(server.port)
    hosts = [Host(root, letter, library, server.port) for letter in "ab"]
    for host in hosts:
        host.program_environment = {
            "S3_ACCESS_KEY_ID": KEY, "S3_SECRET_ACCESS_KEY": SECRET, "S3_FLUSH_TIMEOUT": "6", "S3_CONNECT_TIMEOUT": "2",
            "S3_TRANSFER_TIMEOUT": "3", "S3_SYNC_INTERVAL": "0"}
    counts, wrong, began = collections.Counter(), [], time.time()
    try:
        for number in range(chosen.rounds):
            seed = chosen.seed + number
            round = FaultyRound(seed, program, hosts, server.port, counts, chosen.broken)
            try:
                round.play()
            except Exception as problem:
                round.fail(f"{type(problem).__name__}: {problem}")
            if round.problems:
                wrong.append(seed)
                print(f"seed {seed}: {round.problems}\n" + "\n".join(round.story[-60:]), flush=True)
                if os.environ.get("KEEP"):
                    shutil.copytree(root, f"{root}-{seed}", symlinks=True)
                    print(f"kept {root}-{seed}", flush=True)
            elif os.environ.get("STORY"):
                print(f"seed {seed}\n" + "\n".join(round.story), flush=True)
            for session in list(round.running):
                session.kill()
            for host in hosts:
                host.close()
            if (number + 1) % 25 == 0:
                print(f"{number + 1} rounds, {len(wrong)} wrong, {time.time() - began:.0f} s", flush=True)
    finally:
        for host in hosts:
            host.close()
        server.close()
        shutil.rmtree(root, ignore_errors=True)
    print(f"{chosen.rounds} rounds, {len(wrong)} wrong {wrong or ''}, {time.time() - began:.0f} s")
    print(", ".join(f"{name} {count}" for name, count in sorted(counts.items())))
    sys.exit(1 if wrong else 0)


main()
