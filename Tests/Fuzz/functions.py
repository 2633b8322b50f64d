"""Random calls of the shell's functions and virtual tables, in both programs; see functions.sh."""

import os
import random
import subprocess
import sys
import tempfile

REFERENCE = "/usr/bin/sqlite3"
SECONDS = 60


def quoted(text):
    return "'" + text.replace("'", "''") + "'"


def decimal(chance):
    """A number as decimal functions read it, now and then damaged."""
    pieces = [chance.choice(["", "", "-", "+", " ", "  -"])]
    pieces += ["0"] * chance.choice([0, 0, 1, 3])
    pieces.append("".join(chance.choice("0123456789") for _ in range(chance.choice([0, 1, 2, 5, 40]))))
    if chance.random() < 0.6:
        pieces.append("." + "".join(chance.choice("0012345") for _ in range(chance.choice([0, 1, 3, 25]))))
    if chance.random() < 0.3:
        pieces.append(chance.choice("eE") + chance.choice(["", "-", "+"]) + str(chance.randint(0, 30)))
    if chance.random() < 0.1:
        pieces.insert(chance.randint(0, len(pieces)), chance.choice(["x", ".", " ", "1_0", "e", "--", "é"]))
    return "".join(pieces)


def decimals(chance):
    a, b, c = (quoted(decimal(chance)) for _ in range(3))
    name = chance.choice(["add", "sub", "mul", "cmp"])
    return chance.choice([
        f"SELECT decimal({a}), decimal_{name}({a},{b}), decimal_{name}(decimal_{name}({a},{b}),{c});",
        f"SELECT decimal_sum(column1) FROM (VALUES({a}),({b}),(NULL),({c}));",
        f"SELECT decimal_sum(column1) OVER (ROWS {chance.randint(0, 2)} PRECEDING) FROM (VALUES({a}),({b}),({c}),({a}));",
        f"SELECT group_concat(x,'|') FROM (SELECT column1 x FROM (VALUES({a}),({b}),({c})) ORDER BY 1 COLLATE decimal);",
        f"SELECT {a}<{b} COLLATE decimal, {a}={b} COLLATE decimal, {a}<{b} COLLATE uint, {b}={c} COLLATE uint;",
    ])


def ieee754(chance):
    mantissa = chance.choice([chance.randint(-9, 9), chance.randint(-2**53, 2**53), chance.randint(-2**63 + 1, 2**63 - 1)])
    exponent = chance.choice([chance.randint(-3, 3), chance.randint(-1200, 1200), chance.randint(-20000, 20000)])
    bits = chance.getrandbits(64)
    if (bits >> 52) & 0x7ff == 0x7ff:
        bits &= ~(1 << 62)
    value = f"ieee754_from_blob(x'{bits:016x}')"
    return chance.choice([
        f"SELECT quote(ieee754({mantissa},{exponent})), hex(ieee754_to_blob(ieee754({mantissa},{exponent})));",
        f"SELECT ieee754({value}), ieee754_mantissa({value}), ieee754_exponent({value}), hex(ieee754_to_blob({value}));",
        f"SELECT ieee754(x'{bits:016x}'), ieee754({mantissa}), ieee754({mantissa}.5);",
        f"SELECT hex(ieee754_to_blob(ieee754(ieee754_mantissa({value}),ieee754_exponent({value})))) = '{bits:016X}';",
    ])


PIECES = ["a", "b", "c", "A", "B", ".", ".*", "(", ")", "(a|b)", "|", "*", "+", "?", "^", "$", "[abc]", "[^a]", "[a-c]", "[^", "]",
          "[", "{2}", "{1,2}", "{,2}", "{2,}", "{0,1}", "\\d", "\\D", "\\w", "\\W", "\\s", "\\S", "\\b", "\\x61", "\\u0062", "\\.",
          "\\n", "\\", "\\q", "é", "ü", "1", "_", " ", "-", "[a\\]]", "[-a]", "()"]


def regexp(chance):
    pattern = "".join(chance.choice(PIECES) for _ in range(chance.randint(0, 8)))
    texts = ["".join(chance.choice("abcABé1_ -\n.") for _ in range(chance.randint(0, 8))) for _ in range(4)]
    name = chance.choice(["regexp", "regexp", "regexpi"])
    return "SELECT " + ", ".join(f"{name}({quoted(pattern)},{quoted(text)})" for text in texts) + ";"


def damaged_regexp(chance):
    def blob(length):
        alphabet = [0x61, 0x62, 0x2e, 0x24, 0xff, 0xc3, 0xa9, 0xe2, 0x82, 0xac, 0xf0, 0x9f, 0x98, 0x80, 0xed, 0xa0]
        return "CAST(x'" + "".join(f"{chance.choice(alphabet):02x}" for _ in range(length)) + "' AS TEXT)"
    return f"SELECT regexp({blob(chance.randint(0, 5))},{blob(chance.randint(0, 9))});"


def sha3(chance):
    size = chance.choice([224, 256, 384, 512])
    length = chance.choice([0, 1, 71, 72, 73, 103, 104, 135, 136, 137, 143, 144, 145, chance.randint(0, 3000)])
    data = chance.randbytes(length).hex()
    value = chance.choice([f"x'{data}'", quoted(data), str(chance.randint(-2**63, 2**63 - 1)), repr(chance.uniform(-1e9, 1e9))])
    query = quoted(f"SELECT {value}, NULL, {chance.randint(-9, 9)}, 1.5 UNION ALL SELECT 'x', x'00', '', 2;"
                   + chance.choice(["", " SELECT 1", "\n", " -- end"]))
    return f"SELECT hex(sha3({value},{size})), hex(sha3_query({query},{size}));"


def series(chance):
    small = chance.random() < 0.8
    if small:
        start, stop = chance.randint(-30, 30), chance.randint(-30, 30)
        step = chance.randint(-9, 9)
    else:
        base = chance.choice([-2**63, 2**63 - 1 - 4000, 0])
        start = base + chance.randint(0, 900)
        stop = start + chance.randint(0, 900)
        step = chance.choice([1, 7, -3, 100])
    arguments = [str(start), str(stop), str(step)][:chance.choice([2, 3, 3])]
    if chance.random() < 0.1:
        arguments[chance.randrange(len(arguments))] = "NULL"
    table = f"generate_series({','.join(arguments)})"
    order = chance.choice(["", " ORDER BY value", " ORDER BY value DESC", " ORDER BY rowid", " ORDER BY value%3, value"])
    where = chance.choice(["", "", f" WHERE value>{chance.randint(-20, 20)}", " WHERE value%2", f" WHERE rowid<{chance.randint(1, 5)}"])
    return chance.choice([
        f"SELECT value, rowid, start, stop, step FROM {table}{where}{order} LIMIT 300;",
        f"EXPLAIN QUERY PLAN SELECT value FROM {table}{where}{order};",
        f"SELECT count(*), min(value), max(value) FROM {table}{where};",
        f"SELECT a.value, b.value FROM {table} a JOIN generate_series(1,a.value) b LIMIT 200;" if small
        else f"SELECT value FROM {table} LIMIT 5;",
    ])


KINDS = {"decimal": decimals, "ieee754": ieee754, "regexp": regexp, "damaged-regexp": damaged_regexp, "sha3": sha3, "series": series}


def run(program, script):
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([program, ":memory:"], input=script.encode(), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              cwd=folder, timeout=SECONDS, env={"HOME": folder, "PATH": "/nonexistent", "ASAN_OPTIONS": "detect_leaks=0"})
    return done.returncode, done.stdout


def narrowed(program, lines):
    """Returns the first line that both programs answer differently when it runs alone."""
    for line in lines:
        if run(program, line + "\n") != run(REFERENCE, line + "\n"):
            return line
    return lines[0] + " …and what follows"


def main():
    program, seed, rounds = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    failures = 0
    for kind, make in KINDS.items():
        differing = 0
        for number in range(rounds):
            chance = random.Random(f"{kind} {seed} {number}")
            lines = [make(chance) for _ in range(100)]
            if run(program, "\n".join(lines) + "\n") != run(REFERENCE, "\n".join(lines) + "\n"):
                differing += 1
                print(f"{kind}, seed {seed}, round {number}: {narrowed(program, lines)}", flush=True)
        print(f"{kind}: {rounds * 100} statements, {differing} rounds of {rounds} differ", flush=True)
        failures += differing
    sys.exit(failures > 0)


main()
