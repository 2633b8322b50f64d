"""The result that a restore must give from the remaining objects of a replica: a second implementation of Docs/Protocol.md.

It knows the damage only from names, turns and headers of the undamaged replica."""

import os
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Format"))
from slices import Section


def lines(content):
    """The lines of a text record by their first words."""
    fields = {}
    for line in content.decode().splitlines():
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    return fields


def kind(key, content):
    """Returns the kind of an object, for the counts."""
    if key.startswith("chain/"):
        return "mark"
    if key.startswith("pages/"):
        return "part"
    if "/wal/" in key:
        return "slice" if content.startswith(b"SQLCS3W1") else content.split()[1].decode()
    return {"base": "base", "merged": "merged", "sql": "batch"}.get(
        os.path.basename(os.path.dirname(key)), os.path.basename(key).split(".")[0])


def span(key):
    """Returns the first and the last transaction in the name of a batch or a merged object."""
    first, last = (int(number, 16) for number in os.path.basename(key).split("-")[:2])
    return (last, first) if "/merged/" in key else (first, last)


class Entry:
    """A slice, a turn or a seal, by its place."""

    def __init__(self, key, content):
        name = os.path.basename(key)
        self.key, self.successor, self.parts = key, None, 1
        self.at = (int(name[:16], 16), int(name[17:21], 16), name[22:])
        self.is_slice = content.startswith(b"SQLCS3W1")
        if self.is_slice:
            header = Section.__new__(Section)
            header.name = key
            header.header(content, 0)
            self.id, self.last, self.part, self.parts, self.stored = (
                header.id, header.object_last, header.part, header.parts, header.stored)
            return
        record = lines(content)
        self.id, self.last, self.stored = record["id"][0], self.at[0] - 1, 0
        self.successor = record.get("successor", [None])[0]


class Chain:
    """The objects, turns and seal of a generation after a base, by rule 12."""

    def __init__(self, model, generation, keys, base):
        self.objects, self.turns, self.seal, self.beyond = [], [], None, []
        folder = f"generations/{generation}/"
        entries = {model.entries[key].at: model.entries[key] for key in keys if key.startswith(folder + "wal/")}
        merged = [key for key in keys if key.startswith(folder + "merged/")]
        at, parts, seen = (base[0] + 1, 1, base[1]), [], set()
        while not self.seal:
            covers = [key for key in merged if span(key)[0] <= at[0] <= span(key)[1]]
            if covers:
                key = max(covers, key=lambda key: span(key)[1])
                self.objects.append((key, *span(key)))
                at, parts = (span(key)[1] + 1, 1, key[-16:]), []
                continue
            entry = entries.get(at)
            if not entry:
                break
            seen.add(entry.key)
            if not entry.is_slice:
                self.turns.append(entry.key)
                self.seal, at, parts = entry.successor and entry, (at[0], 1, entry.id), []
            elif entry.part < entry.parts:
                parts.append((entry.key, at[0], entry.last))
                at = (at[0], at[1] + 1, entry.id)
            else:
                self.objects += parts + [(entry.key, at[0], entry.last)]
                at, parts = (entry.last + 1, 1, entry.id), []
        self.tip, self.end = at, at[0] - 1
        # Rule 14.
        bases = [int(os.path.basename(key)[:16], 16) for key in keys if key.startswith(folder + "base/")]
        self.proves_loss = not self.seal and (
            any(entry.stored > self.end for entry in entries.values() if entry.at[0] > self.end and entry.key not in seen)
            or max(bases + [span(key)[1] for key in merged]) > self.end)


class Model:
    """The objects of an undamaged replica, and the objects that a restore reads if only some remain."""

    def __init__(self, content):
        self.content = content
        self.entries = {key: Entry(key, bytes) for key, bytes in content.items() if "/wal/" in key}
        self.marks = {key: lines(bytes) for key, bytes in content.items() if key.startswith("chain/")}
        self.generations = [self.marks[key]["generation"][0] for key in sorted(self.marks)]
        self.ends = {
            generation: self.chain(generation, content, self.bases(generation, content)[-1]).end
            for generation in self.generations}

    def of(self, generation, folder, keys):
        return sorted(key for key in keys if key.startswith(f"generations/{generation}/{folder}/"))

    def bases(self, generation, keys):
        names = [os.path.basename(key) for key in self.of(generation, "base", keys)]
        return [(int(name[:16], 16), name[17:33]) for name in names]

    def chain(self, generation, keys, base):
        return Chain(self, generation, keys, base)

    def first(self, generation):
        """Returns the number of a generation's first base from its mark."""
        return int(self.marks[f"chain/{generation[:8]}.txt"]["base"][0].split()[0])

    def newest(self, keys):
        """Returns the generation at the end of the chain, and the objects that lead there; None if nothing does."""
        marks = [key for key in sorted(self.marks) if key in keys]
        if not marks:
            return None, set()
        generation, read = self.marks[marks[-1]]["generation"][0], {marks[-1]}
        while True:
            bases = self.bases(generation, keys)
            if not bases:
                return None, read
            chain = self.chain(generation, keys, bases[-1])
            if not chain.seal:
                return generation, read
            read |= {*chain.turns, *(key for key, _, _ in chain.objects)}
            generation = chain.seal.successor

    def generation(self, keys, target):
        """Returns the generation that a restore reads, and the objects that it must read to find it; None if there is none."""
        wanted = target.get("transaction")
        if target.get("generation"):
            return target["generation"], set()
        newest, read = self.newest(keys)
        if not newest or wanted is None:
            return newest, read
        number = self.generations.index(newest)
        while number > 0 and wanted < self.first(self.generations[number]):
            number -= 1
            mark = f"chain/{self.generations[number][:8]}.txt"
            if mark not in keys:
                return None, read
            read.add(mark)
        return self.generations[number], read

    def plan(self, keys, target, shorter=False):
        """Returns the expected result of a restore: a Plan, or None if it must fail."""
        wanted = target.get("transaction")
        generation, must = self.generation(keys, target)
        bases = self.bases(generation, keys) if generation else []
        bases = [base for base in bases if wanted is None or base[0] <= wanted]
        if not bases:
            return None
        manifest = "generations/%s/base/%016x-%s.txt" % (generation, *bases[-1])
        must |= {manifest} | {f"pages/{part.split()[3]}.zst" for part in lines(self.content[manifest])["part"]}
        chain = self.chain(generation, keys, bases[-1])
        last = chain.end if wanted is None else wanted
        # A lease, a mark or a later slice proves that there was more.
        if chain.end < last or wanted is None and (chain.proves_loss or not shorter and chain.end < self.ends[generation]):
            return None
        objects = [key for key, first, _ in chain.objects if first <= last]
        turns = {key for key in chain.turns if wanted is None or self.entries[key].at[0] <= last}
        batches = [
            key for key in longest(self.of(generation, "sql", keys)) if span(key)[1] > bases[-1][0] and span(key)[0] <= last]
        return Plan(generation, last, must, objects, turns, batches)


class Plan:
    def __init__(self, generation, last, must, objects, turns, batches):
        self.generation, self.last, self.must, self.batches = generation, last, must, batches
        self.objects, self.turns = objects, turns

    def reads(self, source):
        """Returns the objects that must be undamaged for a restore."""
        return self.must | (set(self.objects) | self.turns if source == "wal" else set(self.batches))

    def may_read(self, source):
        return self.reads(source) | set(self.objects) | self.turns


def longest(batches):
    """Batches in order, without those that a longer one replaces."""
    kept = []
    for key in sorted(batches, key=lambda key: (span(key)[0], -span(key)[1])):
        if not kept or span(key)[1] > span(kept[-1])[1]:
            kept.append(key)
    return kept

