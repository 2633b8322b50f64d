#!/usr/bin/env python3
"""Restores a database from a replica in a directory, by Docs/Format.md alone.

Usage: read.py REPLICA OUTPUT [TRANSACTION]
Without TRANSACTION it restores the newest state. Exits with 1 if the replica is damaged or has lost something, and with 77 if
libxxhash or libzstd is missing. Encrypted replicas are refused.
"""
import hashlib
import os
import re
import struct
import sys

from slices import Damage, Section, check, decompress, hash128, place, record, running


# Names, and listings of a directory.

ID = "([0-9a-f]{16})"
SLOT = re.compile(rf"{ID}\.([0-9a-f]{{4}})-{ID}")
MERGED = re.compile(f"{ID}-{ID}-{ID}")
BASE = re.compile(rf"{ID}-{ID}\.txt")


class Replica:
    def __init__(self, root):
        self.root = root

    def names(self, folder):
        path = os.path.join(self.root, folder)
        return sorted(os.listdir(path)) if os.path.isdir(path) else []

    def read(self, name):
        with open(os.path.join(self.root, name), "rb") as file:
            content = file.read()
        check(not content.startswith(b"SQLCS3E1"), name, "it is encrypted")
        return content

    def matches(self, folder, pattern):
        found = (pattern.fullmatch(name) for name in self.names(folder))
        return [match.groups() for match in found if match]

    def generation(self, name):
        """Slots, merged objects and bases of a generation, listed in this order until two rounds are equal."""
        folder, last = f"generations/{name}/", None
        while True:
            slots = {(int(f, 16), int(p, 16), previous) for f, p, previous in self.matches(folder + "wal", SLOT)}
            merged = [(int(f, 16), int(l, 16), id) for l, f, id in self.matches(folder + "merged", MERGED)]
            bases = sorted((int(t, 16), id) for t, id in self.matches(folder + "base", BASE))
            batches = [int(l, 16) for f, l, id in self.matches(folder + "sql", MERGED)]
            found = (slots, merged, bases, batches)
            if found == last:
                return found
            last = found


# The chain.

class Chain:
    """The content of a generation after a base: objects to apply, the end, and the seal."""

    def __init__(self, replica, generation, listed, base):
        self.replica, self.generation = replica, generation
        self.slots, self.merged = listed[0], listed[1]
        self.objects, self.seal, self.visited = [], None, set()
        parts = []
        at = (base[0] + 1, 1, base[1])
        while self.seal is None:
            covers = [name for name in self.merged if name[0] <= at[0] <= name[1]]
            if covers:
                first, last, id = max(covers, key=lambda name: name[1])
                self.objects.append((f"merged/{last:016x}-{first:016x}-{id}", first, last, id, 1))
                parts, at = [], (last + 1, 1, id)
                continue
            if at not in self.slots:
                break
            name = f"wal/{at[0]:016x}.{at[1]:04x}-{at[2]}"
            key, content = self.key(name), replica.read(self.key(name))
            check(at not in self.visited, key, "the entries after it lead back to it")
            self.visited.add(at)
            if content.startswith(b"sqlite3-cloud-s3 "):
                turn = self.turn(content, at, key)
                if "successor" in turn:
                    self.seal = turn
                parts, at = [], (at[0], 1, turn["id"][0]) if self.seal is None else at
                continue
            entry = Section(content, 0, key)
            check((entry.generation, entry.first, entry.part, entry.previous) == (generation, *at), key,
                  "its header does not fit its name")
            parts.append((name, entry.first, entry.object_last, entry.id, entry.part))
            if entry.part < entry.parts:
                at = (at[0], at[1] + 1, entry.id)
            else:
                self.objects += parts
                parts, at = [], (entry.object_last + 1, 1, entry.id)
        self.place, self.last = at, at[0] - 1

    def key(self, name):
        return f"generations/{self.generation}/{name}"

    def turn(self, content, at, key):
        kind = "seal" if content.startswith(b"sqlite3-cloud-s3 seal") else "turn"
        turn = record(content, kind, key)
        check(place(turn["place"][0]) == (self.generation, *at), key, "it is that of another place")
        return turn

    def check_end(self, listed, witness):
        """Fails if something proves that the end was lost."""
        name = self.key(f"wal/{self.place[0]:016x}.{self.place[1]:04x}-{self.place[2]}")
        ends = [last for _, last, _ in self.merged] + [base for base, _ in listed[2]] + listed[3]
        check(max(ends, default=0) <= self.last, name, "it is missing")
        for at in sorted(self.slots - self.visited):
            content = b"" if at[0] <= self.last else self.replica.read(self.key("wal/%016x.%04x-%s" % at))
            if content.startswith(b"SQLCS3W1"):
                check(Section(content, 0, name).stored <= self.last, name, "it is missing")
        if witness is None:
            return
        generation, transaction, _, _ = witness
        number, own = (int(text[:8], 16) for text in (generation, self.generation))
        check(number <= own, name, f"{generation} is lost")
        if number == own:
            check(generation == self.generation, name, f"{generation} is not on the chain")
            check(transaction - 1 <= self.last, name, "it is missing: the lease names a later place")


class Database:
    """Pages of a base, to which slices are applied."""

    def __init__(self, replica, key):
        manifest = record(replica.read(key), "base", key)
        value = lambda name: manifest[name][0]
        self.page_size, self.size = int(value("page-size")), int(value("pages"))
        self.checksum, self.transaction = int(value("checksum"), 16), int(value("transaction"))
        check(key.endswith("%016x-%s.txt" % (self.transaction, value("entry"))), key, "it is that of another base")
        self.images, self.log = {}, None
        for line in manifest["part"]:
            first, count, length, digest = line.split(" ")
            first, count, name = int(first), int(count), f"pages/{digest}.zst"
            check(first == len(self.images) + 1, key, "its parts are out of order")
            content = replica.read(name)
            check(len(content) == int(length), name, "it has another length")
            pages = decompress(content, count * self.page_size, name)
            check(hashlib.sha256(pages).hexdigest() == digest, name, "its digest is wrong")
            for number in range(count):
                self.images[first + number] = pages[number * self.page_size:(number + 1) * self.page_size]
        check(len(self.images) == self.size, key, "its parts do not hold every page")
        self.prove(key)

    def prove(self, name):
        """The pages must have the checksum of the last commit applied."""
        found = 0
        for number in range(1, self.size + 1):
            if number != 0x4000_0000 // self.page_size + 1:
                found ^= hash128(self.images[number], number)
        check(found == self.checksum, name, "the pages have another checksum")

    def apply(self, content, name, wanted, named):
        """Applies the commits of an object up to a transaction, except those that are applied already."""
        start = 0
        while start < len(content) and self.transaction < wanted:
            section = Section(content, start, name)
            start = section.end
            check(section.first <= self.transaction + 1 and section.page_size == self.page_size, name, "it does not follow")
            check((section.id, section.object_last, section.part) == named, name, "its header does not fit its name")
            passed = self.transaction + 1 - section.first
            if passed > 0:
                self.tail(section, passed, wanted)
                continue
            check((section.pages_before, section.before) == (self.size, self.checksum), name,
                  "another state comes before it")
            if self.log and self.log[0] == section.salts:
                check(self.log[1:] == (section.first_frame, section.sums_before), name, "it does not continue the log")
            elif self.log:
                check(section.first_frame == 1, name, "it does not begin its log")
            self.frames(section, wanted, 0, section.sums_before)

    def tail(self, section, passed, wanted):
        """Applies a section after its first commits, which are applied already."""
        if passed >= section.commits:
            return
        first = sorted(section.states)[passed - 1]
        check(section.states[first] == (self.size, self.checksum), section.name, "another state comes before it")
        for index in range(first):
            section.skip(index)
        if self.log:
            check(self.log[:2] == (section.salts, section.first_frame + first), section.name,
                  "it does not continue the log")
        self.frames(section, wanted, first, self.log[2] if self.log else None)

    def frames(self, section, wanted, first, sums):
        for index, number in list(enumerate(section.numbers))[first:]:
            page = section.page(index, self.images.__getitem__)
            state = section.states.get(index + 1)
            head = struct.pack(">II", number, state[0] if state else 0)
            sums = sums and running(sums, head + page, section.big_endian)
            self.images[number] = page
            if state:
                self.transaction, (self.size, self.checksum) = self.transaction + 1, state
                if self.transaction == wanted:
                    return
        check(sums in (None, section.sums_after), section.name, "the frames do not continue the log")
        self.log = (section.salts, section.first_frame + section.frames, section.sums_after)


# Steps 2 to 13 of the page.

def successor(chain):
    turn = chain.seal
    return turn["successor"][0], (place(turn["place"][0])[1], turn["id"][0])


def witness(replica):
    try:
        last = record(replica.read("lease.txt"), "lease", "lease.txt").get("last")
        return place(last[0]) if last else None
    except (OSError, Damage):
        return None


def restore(root, wanted):
    replica = Replica(root)
    lease = witness(replica)
    marks = [int(name[:8], 16) for name in replica.names("chain") if re.fullmatch(r"[0-9a-f]{8}\.txt", name)]
    check(marks, "chain/", "it holds no mark")
    name = record(replica.read(f"chain/{max(marks):08x}.txt"), "mark", "mark")["generation"][0]
    while True:
        listed = replica.generation(name)
        check(listed[2], f"generations/{name}/base/", "it holds no base")
        chain = Chain(replica, name, listed, listed[2][-1])
        if chain.seal is None:
            break
        name, _ = successor(chain)
    if wanted is None:
        chain.check_end(listed, lease)
    while wanted is not None and wanted < listed[2][0][0]:
        number = int(name[:8], 16) - 1
        check(number > 0, "chain/", f"transaction {wanted} is older than the history")
        name = record(replica.read(f"chain/{number:08x}.txt"), "mark", "mark")["generation"][0]
        listed = replica.generation(name)
        check(listed[2], f"generations/{name}/base/", "it holds no base")
    for base in reversed(listed[2]):
        chain = Chain(replica, name, listed, base)
        if wanted is None or base[0] <= wanted:
            break
    target = chain.last if wanted is None else wanted
    check(target <= chain.last, f"generations/{name}/", f"it does not hold transaction {target}")
    database = Database(replica, f"generations/{name}/base/{base[0]:016x}-{base[1]}.txt")
    for object_name, _, last, id, part in chain.objects:
        key = chain.key(object_name)
        database.apply(replica.read(key), key, target, (id, last, part))
    check(database.transaction == target, name, f"it ends with transaction {database.transaction}")
    database.prove(name)
    return database


def main(root, output, wanted=None):
    try:
        database = restore(root, int(wanted) if wanted else None)
    except (Damage, OSError, LookupError, ValueError) as error:
        sys.exit(f"read.py: {error}")
    with open(output, "wb") as file:
        for number in range(1, database.size + 1):
            file.write(database.images[number])
    print(f"transaction {database.transaction}")


if __name__ == "__main__":
    if len(sys.argv) not in (3, 4):
        sys.exit(__doc__)
    main(*sys.argv[1:])
