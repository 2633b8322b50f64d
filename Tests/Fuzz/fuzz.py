"""Runs mutated scripts through a program; see run.sh."""

import collections
import concurrent.futures
import os
import pathlib
import random
import re
import resource
import shutil
import signal
import subprocess
import sys
import tempfile

CASES = pathlib.Path(__file__).resolve().parent.parent / "DotCommandsTests" / "Golden"
FOUND = pathlib.Path(__file__).resolve().parent / "found"
SECONDS = 10
REFERENCE = os.environ.get("REFERENCE", "/usr/bin/sqlite3")
# The effect of a full file or a closed pipe on a program is no crash.
HARMLESS = {-signal.SIGPIPE, -signal.SIGXFSZ}
# Answers that differ from run to run: random values, times, counters of the process, the statements behind commands, and
# programs that did not start: their pipe breaks sooner or later; and samples that .expert takes.
CHANCE = re.compile(rb"random|\.ti|\.st|\.tr|profile|temp_?filename|vers|\.exp[^\n]*-s")
UNSTARTED = re.compile(rb"sh: \d+: ")
MARKS = (b"AddressSanitizer", b"Fatal error", b"Illegal instruction")
PIECES = [
    b"'", b'"', b";", b"\n", b"--", b"/*", b"*/", b"\0", b"\xff", b"\xe2\x82", b"\\", b"\\000", b"(", b")", b"%s",
    b"9223372036854775808", b"-1", b"0x7fffffff", b"1e999", b"NULL", b"|", b".", b"\r\n", b"#", b"go\n", b"/\n",
    b"A" * 3000, b" " * 200, b"\xf0\x9f\x91\xa9\xe2\x80\x8d", b"x'00'", b"zeroblob(70000)", b"select ",
]


def is_later():
    """Returns whether the reference is a version with faults that are not copied."""
    text = subprocess.run([REFERENCE, "-version"], capture_output=True, check=True, cwd=tempfile.gettempdir()).stdout
    return tuple(int(part) for part in text.split()[0].split(b".")) >= (3, 41)


LATER = bool(os.environ.get("COMPARE")) and is_later()


def load():
    """The scripts of all cases and all their lines; programs of the system are left out."""
    scripts = []
    for path in sorted(CASES.glob("*/*.in")):
        lines = [line for line in path.read_bytes().split(b"\n")
                 if not line.startswith((b"# args", b".sys", b".sh", b".sy"))]
        scripts.append(lines)
    return scripts, [line for script in scripts for line in script if line]


def tamed(script):
    """Returns the script without paths that lead out of its folder."""
    script = re.sub(rb"(?<![\w.])/+(?=\w)", b"./", script)
    return script.replace(b"..", b". ")


def mutated(seed, scripts, lines):
    """The script of a seed: always the same for the same cases."""
    chance = random.Random(seed)
    script = list(chance.choice(scripts))
    for _ in range(chance.randint(0, 4)):
        script.insert(chance.randint(0, len(script)), chance.choice(lines))
    for _ in range(chance.randint(0, 2)):
        if script:
            script.pop(chance.randrange(len(script)))
    data = bytearray(b"\n".join(script))
    for _ in range(chance.choice([0, 1, 1, 2, 4, 16])):
        at = chance.randint(0, len(data))
        kind = chance.randrange(4)
        if kind == 0:
            data[at:at] = chance.choice(PIECES)
        elif kind == 1:
            del data[at:at + chance.choice([1, 1, 2, 8])]
        elif kind == 2 and at < len(data):
            data[at] = chance.randrange(256)
        else:
            end = chance.randint(0, len(data))
            data[at:at] = data[end:end + chance.randint(1, 40)]
    return tamed(bytes(data))


def limits():
    resource.setrlimit(resource.RLIMIT_FSIZE, (64 << 20, 64 << 20))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def run(program, script, seconds=SECONDS):
    """Returns exit code and output; the code is None if the program had to be stopped."""
    folder = tempfile.mkdtemp(prefix="shell-fuzz-")
    try:
        # PATH is useless: scripts may try to start programs, and must not find any.
        environment = {"PATH": "/nonexistent", "HOME": folder, "ASAN_OPTIONS": "detect_leaks=0"}
        process = subprocess.Popen(
            [program, ":memory:"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, cwd=folder,
            env=environment, start_new_session=True, preexec_fn=limits)
        try:
            output, errors = process.communicate(script, seconds)
            return process.returncode, plain(output, folder), plain(errors, folder)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            return None, b"", b""
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def plain(text, folder):
    """The text without addresses and the names of this run's folder and files."""
    text = re.sub(rb"/temp[0-9a-f]+\.", b"/temp.", text.replace(folder.encode(), b"."))
    return re.sub(rb"vtab:[0-9A-F]+ *", b"vtab ", text)


def without(pattern, answer):
    """The answer without the lines that a pattern matches."""
    code, output, errors = answer
    return code, *(re.sub(rb"(?m)^(?:%s)[^\n]*\n?" % pattern, b"", text) for text in (output, errors))


def listed(script, answer, other):
    """Returns the difference in Docs/Compatibility.md that explains two answers; None if there is none.

    A difference of lines explains two answers only if they are the same except for such lines.
    """
    code, output, errors = other
    if re.search(rb"\.c(l|\b)", script) and b"out of memory on [SELECT name, sql" in errors:
        if without(rb"Error: \(7\) out of memory on \[", other)[1:] == answer[1:]:
            return "clone as the first command"
    if b".restore wal or .restore sql restore" in answer[2]:
        return "restore from nothing"
    # Faults of 3.41 to 3.46 that are not copied.
    for name, command, mark in (
            ("test cases capture nothing", rb"\.testcas|\.chec?k?", b""),
            ("JSON without backslashes", rb"js", rb"u00[01]|uffffff"),
            ("import that cannot make its table", rb"\.imp", rb"\(null\) failed:"),
            ("a mark twice", rb"-bom", b""),
            ("queries behind a digest", rb"\.sha[^\n]*-debug", rb"with tabcols as materialized"),
            ("sums with NULL", rb"decimal", rb"out of memory \(7\)")):
        if LATER and re.search(command, script) and re.search(mark, output + errors):
            return name
    if b"unable to open database" in errors and re.search(rb"no such function: \w+_|not authorized", errors):
        return "after an open that failed"
    for name, command, lines in (
            ("authorizer and our statements", rb"\.au", rb"authorizer: "),
            ("progress and our statements", rb"\.prog", rb"Progress \d"),
            ("version", rb"\.\s*v(e|\b)", rb"zlib version |gcc-"),
            ("filectrl shows what is in memory", rb"\.fi[^\n]*(data_version|has_moved)", rb"-?\d+$"),
            ("plans in a dump", rb"\.eq", rb"QUERY PLAN|[ |`]*--|addr  opcode|----|\d+ +[A-Z]\w+ ")):
        if re.search(command, script) and without(lines, answer) == without(lines, other):
            return name
    return None


def difference(program, script, answer):
    """Returns the different answer of sqlite3, if it always gives the same; None if there is no difference."""
    if CHANCE.search(script) or UNSTARTED.search(answer[2]):
        return None
    other = run(REFERENCE, script)
    if other == answer:
        return None
    if other[0] is not None and other[0] < 0 and other[0] not in HARMLESS:
        return "listed: sqlite3 crashes"
    name = listed(script, answer, other)
    return f"listed: {name}" if name else "difference"


def try_seed(program, seed, scripts, lines):
    """Returns the fault in the run of a seed; None if there is none."""
    script = mutated(seed, scripts, lines)
    code, output, errors = run(program, script)
    complaint = None
    if code is None:
        # sqlite3 runs a query without end forever too, and a statement that takes sqlite3 long is no hang.
        complaint = "hang" if run(REFERENCE, script, SECONDS / 3)[0] is not None else None
    elif (code < 0 and code not in HARMLESS) or any(mark in errors for mark in MARKS):
        complaint = f"crash, code {code}"
    elif os.environ.get("COMPARE"):
        complaint = difference(program, script, (code, output, errors))
    if complaint and not complaint.startswith("listed"):
        FOUND.mkdir(exist_ok=True)
        (FOUND / f"{seed}.sql").write_bytes(script)
    return complaint


def main():
    program, first, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    scripts, lines = load()
    failures, known = 0, collections.Counter()
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        seeds = range(first, first + runs)
        for seed, complaint in zip(seeds, pool.map(lambda seed: try_seed(program, seed, scripts, lines), seeds)):
            if complaint and complaint.startswith("listed"):
                known[complaint] += 1
            elif complaint:
                failures += 1
                print(f"seed {seed}: {complaint}; again: {program} :memory: < {FOUND / f'{seed}.sql'}", flush=True)
    for complaint, count in known.most_common():
        print(f"{count} {complaint}")
    print(f"{runs} runs from seed {first}: {failures} failures")
    sys.exit(failures > 0)


main()
