"""Runs the golden cases through this program and a sqlite3 of any version, and prints the differences.

usage: golden.py PROGRAM [SQLITE3] [--show]

For versions that the shell does not follow (Docs/Compatibility.md): there the differences are counted by folder, and --show
prints them. Needs no build, so that a binary can be carried into another system."""

import collections, concurrent.futures, difflib, os, re, shlex, shutil, subprocess, sys, tempfile

CASES = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "DotCommandsTests", "Golden")


def numbers(version):
    return [int(part) for part in version.split(".")]


def is_for(text, version):
    """Whether the first lines of a case name no other version."""
    for line in text[:400].splitlines():
        if not line.startswith("#"):
            break
        words = line.split()
        if len(words) == 4 and words[1] == "sqlite3:" and (numbers(version) >= numbers(words[3])) != (words[2] == "since"):
            return False
    return True


def run(program, arguments, text):
    folder = tempfile.mkdtemp()
    try:
        done = subprocess.run([program, *arguments], input=text, capture_output=True, cwd=folder, timeout=60,
                              env={"PATH": os.environ["PATH"], "HOME": folder, "LANG": "C.UTF-8", "TZ": "UTC0"})
        code, output, errors = done.returncode, done.stdout, done.stderr
    except subprocess.TimeoutExpired:
        code, output, errors = "none in 60 s", b"", b""
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    output, errors = (text.replace(folder.encode(), b"FOLDER") for text in (output, errors))
    own = re.escape(os.path.basename(program).encode())
    errors = re.sub(rb"(\S*/)?" + own + rb"(?=[: ])", b"sqlite3", errors)
    return [f"code {code}", *output.decode(errors="replace").splitlines(), "── errors", *errors.decode(errors="replace").splitlines()]


def main():
    words = [word for word in sys.argv[1:] if word != "--show"]
    program = os.path.abspath(words[0])
    reference = shutil.which(words[1] if len(words) > 1 else "sqlite3")
    version = subprocess.run([reference, "-version"], capture_output=True, text=True).stdout.split()[0]
    cases = []
    for folder, _, names in os.walk(CASES):
        for name in names:
            with open(os.path.join(folder, name), "rb") as file:
                text = file.read()
            if name.endswith(".in") and is_for(text.decode(errors="replace"), version):
                cases.append((f"{os.path.basename(folder)}/{name[:-3]}", text))
    differing = collections.defaultdict(list)

    def compare(case):
        name, text = case
        first = text.split(b"\n", 1)[0].decode(errors="replace")
        arguments = shlex.split(first[7:]) if first.startswith("# args:") else [":memory:"]
        return name, run(reference, arguments, text), run(program, arguments, text)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        for name, expected, actual in pool.map(compare, sorted(cases)):
            if expected != actual:
                differing[name.split("/")[0]].append(name.split("/")[1])
                if "--show" in sys.argv:
                    print(f"──── {name}")
                    print("\n".join(list(difflib.unified_diff(expected, actual, n=0, lineterm=""))[2:40]))
    for folder, names in sorted(differing.items()):
        print(f"{folder} {len(names)}: {' '.join(names)}")
    print(f"{sum(map(len, differing.values()))} of {len(cases)} cases differ from sqlite3 {version}")


main()
