"""Records and slices of a replica, parsed by Docs/Format.md alone: for read.py."""
import ctypes
import struct
import sys


class Damage(Exception):
    """An object differs from the document, or something is missing."""


def check(condition, name, cause):
    if not condition:
        raise Damage(f"read {name}: {cause}")


# The two hashes and compressions of the page, from their own libraries.

class Hash(ctypes.Structure):
    _fields_ = [("low", ctypes.c_uint64), ("high", ctypes.c_uint64)]


try:
    xxhash = ctypes.CDLL("libxxhash.so.0")
    zstd = ctypes.CDLL("libzstd.so.1")
except OSError as error:
    print(f"read.py: {error}", file=sys.stderr)
    sys.exit(77)
xxhash.XXH3_128bits_withSeed.restype = Hash
xxhash.XXH3_128bits_withSeed.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_uint64]
zstd.ZSTD_decompress.restype = ctypes.c_size_t
zstd.ZSTD_decompress.argtypes = [ctypes.c_char_p, ctypes.c_size_t, ctypes.c_char_p, ctypes.c_size_t]


def hash128(data, seed=0):
    found = xxhash.XXH3_128bits_withSeed(bytes(data), len(data), seed)
    return found.high << 64 | found.low


def decompress(data, size, name):
    """The content of zstd frames, which must have this size."""
    target = ctypes.create_string_buffer(size + 1)
    count = zstd.ZSTD_decompress(target, size + 1, bytes(data), len(data))
    check(count == size, name, "its zstd frames are damaged")
    return target.raw[:size]


# Text records.

def record(content, title, name):
    at = content.rfind(b"\nend ") + 1
    check(at > 0 and content[at:] == b"end %032x\n" % hash128(content[:at]), name, "its hash is wrong")
    lines = content[:at].decode().split("\n")
    check(lines[0] == f"sqlite3-cloud-s3 {title} 1", name, f"it is no {title}")
    fields = {}
    for line in lines[1:-1]:
        key, _, value = line.partition(" ")
        fields.setdefault(key, []).append(value)
    return fields


def place(text):
    generation, transaction, part, previous = text.split(" ")
    return generation, int(transaction), int(part), previous


# Slices.

class Cursor:
    def __init__(self, data, at=0):
        self.data, self.at = data, at

    def take(self, count):
        self.at += count
        return self.data[self.at - count:self.at]

    def number(self, size):
        return int.from_bytes(self.take(size), "little")

    def varint(self):
        value = shift = 0
        while True:
            byte = self.data[self.at]
            self.at += 1
            value |= (byte & 0x7f) << shift
            shift += 7
            if byte < 0x80:
                return value

    def signed(self):
        return signed(self.varint())


def signed(value):
    return value // 2 if value % 2 == 0 else -(value + 1) // 2


class Section:
    """A header, its tables and its streams."""

    def __init__(self, data, start, name):
        self.name = name
        self.header(data, start)
        cursor = Cursor(data, start + self.header_size)
        stored = [cursor.take(size) for size in self.sizes]
        self.end = cursor.at + 16
        content = hash128(data[start + self.header_size:cursor.at])
        check(cursor.number(8) | cursor.number(8) << 64 == content, name, "its content is damaged")
        tables = decompress(stored[3], self.tables_size, name) if self.packed & 8 else stored[3]
        check(len(tables) == self.tables_size, name, "its tables are cut short")
        self.tables(tables)
        lengths = [self.kinds.count(1) * self.page_size, self.kinds.count(0) * self.page_size, self.literals]
        self.streams = [
            Cursor(decompress(data, length, name) if self.packed >> number & 1 else data)
            for number, (data, length) in enumerate(zip(stored, lengths))]

    def header(self, data, start):
        check(data[start:start + 9] == b"SQLCS3W1\x01", self.name, "it is no slice")
        self.header_size = data[start + 9]
        header = data[start:start + self.header_size]
        low = hash128(header[:-8]) & 0xffff_ffff_ffff_ffff
        check(low == int.from_bytes(header[-8:], "little"), self.name, "its header is damaged")
        cursor = Cursor(header, 10)
        size = cursor.number(1)
        self.page_size, self.big_endian = 1 << (size & 0x7f), size >> 7
        self.packed, random = cursor.number(1), cursor.number(4)
        self.salts = cursor.take(8)
        self.sums_before = (cursor.number(4), cursor.number(4))
        self.sums_after = (cursor.number(4), cursor.number(4))
        self.before = cursor.number(8) | cursor.number(8) << 64
        self.id, self.previous = "%016x" % cursor.number(8), "%016x" % cursor.number(8)
        cursor.number(8)
        self.generation = "%08x-%08x" % (cursor.varint(), random)
        self.first = cursor.varint()
        self.last = self.first + cursor.varint()
        self.object_last = self.last + cursor.varint()
        self.part, self.parts = cursor.varint(), cursor.varint()
        cursor.varint()
        self.first_frame, self.frames, self.commits = cursor.varint(), cursor.varint(), cursor.varint()
        self.pages_before = cursor.varint()
        self.stored = self.first - cursor.signed()
        self.created = cursor.signed()
        self.sizes = [cursor.varint() for _ in range(4)]
        self.tables_size = cursor.varint()

    def tables(self, data):
        cursor = Cursor(data)
        self.numbers, self.kinds, page = [], [], 0
        for _ in range(self.frames):
            value = cursor.varint()
            page += signed(value // 4)
            self.numbers.append(page)
            self.kinds.append(value % 4)
        check(max(self.kinds) < 3, self.name, "a frame of unknown kind")
        counts = [cursor.varint() for _ in range(self.commits)]
        self.states, pages, end = {}, self.pages_before, 0
        sizes = [cursor.signed() for _ in range(self.commits)]
        for _ in range(self.commits):
            cursor.signed()
        for count, step in zip(counts, sizes):
            pages, end = pages + step, end + count
            self.states[end] = (pages, cursor.number(8) | cursor.number(8) << 64)
        check(self.commits == 0 or end == self.frames, self.name, "frames follow its last commit")
        self.operations, self.literals = [], 0
        for kind in self.kinds:
            operations = []
            for _ in range(cursor.varint() if kind == 2 else 0):
                skipped, word = cursor.varint(), cursor.varint()
                operations.append((skipped, word // 2, cursor.signed() if word % 2 else 0))
                self.literals += 0 if word % 2 else word // 2
            self.operations.append(operations)

    def page(self, index, image):
        """The page of a frame; `image` returns the page's image before."""
        if self.kinds[index] != 2:
            return self.streams[1 - self.kinds[index]].take(self.page_size)
        old = image(self.numbers[index])
        page, at = bytearray(old), 0
        for skipped, count, distance in self.operations[index]:
            at += skipped
            new = old[at + distance:at + distance + count] if distance else self.streams[2].take(count)
            page[at:at + count] = new
            at += count
        check(len(page) == self.page_size, self.name, "an operation leaves its page")
        return bytes(page)

    def skip(self, index):
        """Skips a frame that is applied already."""
        kind = self.kinds[index]
        new = sum(count for _, count, distance in self.operations[index] if not distance)
        self.streams[2 if kind == 2 else 1 - kind].take(new if kind == 2 else self.page_size)


def running(sums, data, big_endian):
    first, second = sums
    for one, two in struct.iter_unpack(">II" if big_endian else "<II", data):
        first = (first + one + second) & 0xffff_ffff
        second = (second + two + first) & 0xffff_ffff
    return first, second
