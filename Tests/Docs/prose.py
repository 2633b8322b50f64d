"""Checks the language of documents and comments, and the links between documents.

usage: prose.py [--wrap] [FILE...]

Without a file, all documents and sources are read. Each fault is printed with its file and line; the exit code is 1 if there is one.

- A line of prose in a document has at most 100 characters. Tables, code, headings, and lines without a blank are exempt.
- Documents and comments hold none of the phrases in PHRASES, which a reader who speaks English as a second language stumbles over.
- A link in a document leads to a file that exists, and to a heading that it has.

--wrap wraps the documents instead."""

import os, re, sys, textwrap

ROOT = os.path.realpath(os.path.join(os.path.dirname(__file__), "../.."))
WIDTH = 100
# The phrase, and what to write instead.
PHRASES = [
    (r"\bwhoever\b", "the process that, the user who"),
    (r"\bbut for\b", "except"),
    (r"\b(?:is|are|was|were) told\b", "gets, learns, is notified"),
    (r"\btold of\b", "learned, recorded"),
    (r"\btells\b", "prints, reports, returns"),
    (r"\bsays? so\b", "prints that"),
    (r"\bmend(?:s|ed|ing)?\b", "fix"),
    (r"\b(?:nil|null|true|false|zero|empty|throws) where\b", "if"),
    (r"\bcarr(?:y|ies) off\b", "steal"),
    (r"\bfor ever\b", "forever"),
    (r"\backnowledge[sd]?\b", "stored"),
    (r"\bso far as\b", "if, as much as"),
    (r"\bcom(?:e|es|ing) true\b", "happens"),
    (r"\bwithout a word\b", "without a message"),
]


def documents():
    yield os.path.join(ROOT, "README.md")
    for folder, _, names in sorted(os.walk(os.path.join(ROOT, "Docs"))):
        yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith(".md"))


def sources():
    for top in ("Sources", "Tests"):
        for folder, _, names in sorted(os.walk(os.path.join(ROOT, top))):
            yield from (os.path.join(folder, name) for name in sorted(names) if name.endswith((".swift", ".c", ".h", ".cpp")))


def prose(text):
    """Lines of a document that are prose: number and text."""
    inside = False
    for number, line in enumerate(text.split("\n"), 1):
        if line.lstrip().startswith("```"):
            inside = not inside
        elif not inside:
            yield number, line


def comment(line):
    """The comment of a line of Swift or C; empty if it has none."""
    at, isInString = 0, False
    while at < len(line):
        if isInString and line[at] == "\\":
            at += 1
        elif line[at] == '"':
            isInString = not isInString
        elif not isInString and line.startswith("//", at):
            return line[at + 2:]
        at += 1
    return ""


def slug(heading):
    """The anchor that a heading gets on GitHub."""
    text = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).replace("`", "")
    return re.sub(r"[^\w\- ]", "", text.strip().lower()).replace(" ", "-")


def anchors(path, cache={}):
    if path not in cache:
        found = {}
        with open(path, encoding="utf-8") as file:
            for _, line in prose(file.read()):
                if match := re.match(r"#+ (.*)", line):
                    name = slug(match[1])
                    found[name + (f"-{found[name]}" if name in found else "")] = 1
                    found[name] = found.get(name, 0) + 1
        cache[path] = found
    return cache[path]


def phrases(text):
    plain = re.sub(r"`[^`]*`", "", text)
    return [f'"{match[0]}": write {instead}' for pattern, instead in PHRASES if (match := re.search(pattern, plain, re.I))]


def links(path, text):
    # A link may go on in the next line.
    plain = re.sub(r"`[^`\n]*`", "", "\n".join(line for _, line in prose(text)))
    for target in re.findall(r"\]\(([^)\s]+)\)", plain):
        if re.match(r"\w+:", target):
            continue
        file, _, anchor = target.partition("#")
        other = os.path.normpath(os.path.join(os.path.dirname(path), file)) if file else path
        if not os.path.exists(other):
            yield f"{target} leads to no file"
        elif anchor and other.endswith(".md") and anchor not in anchors(other):
            yield f"{target} leads to no heading"


def faults(path):
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".md"):
        for number, line in prose(text):
            isExempt = line.startswith(("|", "#")) or " " not in line.strip()[:WIDTH]
            if len(line) > WIDTH and not isExempt:
                yield number, f"{len(line)} characters, and prose has at most {WIDTH}"
            yield from ((number, fault) for fault in phrases(line))
        yield from ((0, fault) for fault in links(path, text))
    else:
        for number, line in enumerate(text.split("\n"), 1):
            yield from ((number, fault) for fault in phrases(comment(line)))


def wrapped(words, first, indent):
    # A blank inside of code is no place to break, nor is one before what would then begin an item of a list.
    words = re.sub(r"`[^`\n]+`", lambda code: code[0].replace(" ", "\0"), words)
    words = re.sub(r" (?=(?:[-+*]|\d+\.)(?: |$))", "\0", words)
    lines = textwrap.wrap(words, WIDTH, initial_indent=first, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)
    return [line.replace("\0", " ") for line in lines]


def wrap(text):
    out, inside, paragraph = [], False, None

    def flush():
        nonlocal paragraph
        if paragraph:
            out.extend(wrapped(" ".join(paragraph[2]), paragraph[0], paragraph[1]))
        paragraph = None

    for line in text.split("\n"):
        isCode = line.lstrip().startswith("```")
        if isCode or inside or not line.strip() or line.startswith(("#", "<!--")) or line.lstrip().startswith("|") \
                or line.startswith("    ") and not paragraph:
            flush()
            out.append(line)
            inside ^= isCode
        elif match := re.match(r"\s*(?:[-*+]|\d+\.)\s+", line):
            flush()
            paragraph = (match[0], " " * len(match[0]), [line[len(match[0]):].strip()])
        elif paragraph:
            paragraph[2].append(line.strip())
        else:
            indent = re.match(r"\s*", line)[0]
            paragraph = (indent, indent, [line.strip()])
    flush()
    return "\n".join(out)


def main():
    named = [os.path.realpath(name) for name in sys.argv[1:] if name != "--wrap"]
    if "--wrap" in sys.argv:
        for path in named or documents():
            with open(path, encoding="utf-8") as file:
                text = file.read()
            if (new := wrap(text)) != text:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(new)
        return 0
    count = 0
    for path in named or [*documents(), *sources()]:
        for number, fault in faults(path):
            count += 1
            print(f"{os.path.relpath(path, ROOT)}:{number}: {fault}", file=sys.stderr)
    return 1 if count else 0


sys.exit(main())
