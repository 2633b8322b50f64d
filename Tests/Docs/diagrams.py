"""Draws the diagrams of the documents: each Docs/Pictures/FOLDER/NAME.txt becomes NAME.svg beside it.

usage: diagrams.py [--check] [FOLDER]

With --check nothing is written; the exit code is 1 if a picture differs from the result of its text. Each line of a text is one of:

    title TEXT                     the content of the picture, which programs for the blind read aloud
    width N                        the distance between two participants, before the line "lanes"; 360 if it is missing
    lanes NAME, NAME, ...          the participants of a sequence, from left to right
    NAME -> NAME: TEXT             a message; ..> is one that is late
    NAME: TEXT, NAME+ TEXT, NAME! TEXT   what a participant does, what succeeds, what is refused
    gap TEXT                       time passes
    row TEXT                       begins a row of boxes; boxes follow, each on a line
    [KIND] NAME | LINE | LINE      a box; KIND is base, turn, slice, seal, merged, tip, gone or stray
    span 2-5 [KIND] TEXT           a bar below boxes 2 to 5 of the row
    stray 6 [KIND] NAME | LINE     a box below box 6 of the row
    mark 1: NAME | LINE            a mark above the row that follows
    note TEXT                      a sentence below everything
    group 2 TEXT                   a frame around all boxes of column 2 of a map
    at 2,1 [KIND] NAME | LINE      a box of a map, in column 2 and row 1
    link 1,1 -> 2,1: TEXT          an arrow between two boxes of a map
"""

import html, os, re, sys, textwrap

LIGHT = {"back": "#ffffff", "ink": "#1f2933", "soft": "#6b7785", "line": "#9aa5b1", "base": "#dbeafe", "turn": "#fde9c8", "slice": "#dcf2dd",
         "seal": "#f6d9dc", "merged": "#e6ddf6", "mark": "#e9edf2", "tip": "#ffffff", "gone": "#ffffff", "stray": "#eceff2", "good": "#cdecd0",
         "bad": "#f6cfd3", "plain": "#eef2f6"}
DARK = {"back": "#161b22", "ink": "#e3e8ee", "soft": "#97a3b0", "line": "#64707d", "base": "#1f3a5f", "turn": "#5a4420", "slice": "#21482a",
        "seal": "#5f2a32", "merged": "#43346a", "mark": "#2c343e", "tip": "#161b22", "gone": "#161b22", "stray": "#2a3038", "good": "#1f5130",
        "bad": "#6a2730", "plain": "#262d36"}
BOX, GAP, LEFT, TEXT = 148, 22, 20, 6.6


class Drawing:
    def __init__(self):
        self.parts, self.width, self.height, self.title = [], 0, 0, ""

    def rect(self, x, y, width, height, kind, dashed=False):
        dash = ' stroke-dasharray="4 3"' if dashed else ""
        self.parts.append(f'<rect x="{x:.0f}" y="{y:.0f}" width="{width:.0f}" height="{height:.0f}" rx="5" class="b {kind}"{dash}/>')
        self.grow(x + width, y + height)

    def text(self, x, y, text, style="t", anchor="start"):
        self.parts.append(f'<text x="{x:.0f}" y="{y:.0f}" class="{style}" text-anchor="{anchor}">{html.escape(text)}</text>')
        wide = len(text) * TEXT
        self.grow(x + (wide if anchor == "start" else wide / 2), y + 6)

    def arrow(self, x1, y1, x2, y2, dashed=False):
        dash = ' stroke-dasharray="5 4"' if dashed else ""
        self.parts.append(f'<path d="M{x1:.0f} {y1:.0f} L{x2:.0f} {y2:.0f}" class="l" marker-end="url(#a)"{dash}/>')

    def grow(self, x, y):
        self.width, self.height = max(self.width, x), max(self.height, y)

    def svg(self):
        def rules(colours):
            fills = "".join(f".{name}{{fill:{value}}}" for name, value in colours.items() if name not in ("ink", "soft", "line"))
            return (f"{fills}.b,.l{{stroke:{colours['line']}}}.back{{stroke:none}}.t,.n{{fill:{colours['ink']}}}.s,.h{{fill:{colours['soft']}}}"
                    f".a{{fill:{colours['line']}}}")
        width, height = self.width + LEFT, self.height + 14
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{html.escape(self.title)}">',
            f"<style>text{{font:12px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif}}.n{{font-weight:600}}.s{{font-size:11px}}.l{{fill:none}}"
            f"{rules(LIGHT)}@media (prefers-color-scheme:dark){{{rules(DARK)}}}</style>",
            '<defs><marker id="a" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path class="a" d="M0 0 L8 4 L0 8z"/></marker></defs>',
            '<rect width="100%" height="100%" class="back"/>', *self.parts, "</svg>", ""])


def box(drawing, x, y, kind, lines):
    height = 14 + 15 * len(lines)
    drawing.rect(x, y, BOX, height, kind, dashed=kind in ("tip", "gone", "stray"))
    for index, line in enumerate(lines):
        drawing.text(x + BOX / 2, y + 18 + 15 * index, line, "n" if index == 0 else "s", "middle")
    return height


def fields(text):
    kind, rest = re.fullmatch(r"\[(\w+)\]\s*(.*)", text).groups()
    return kind, [field.strip() for field in rest.split("|")]


class Rows:
    """Rows of boxes, each joined to the next one by an arrow."""

    def __init__(self, drawing):
        self.drawing, self.y, self.column, self.bottom, self.below = drawing, 14, 0, 14, 0

    def line(self, line):
        drawing = self.drawing
        if found := re.fullmatch(r"mark \d+: (.*)", line):
            self.y = self.bottom + (18 if self.bottom > 14 else 0)
            lines = [field.strip() for field in found[1].split("|")]
            drawing.rect(LEFT, self.y, 420, 44, "mark")
            drawing.text(LEFT + 12, self.y + 18, lines[0], "n")
            drawing.text(LEFT + 12, self.y + 34, lines[1], "s")
            self.bottom = self.y + 44
        elif line.startswith("row "):
            self.y = self.bottom + (26 if self.bottom > 14 else 10)
            drawing.text(LEFT, self.y, line[4:], "h")
            self.y, self.column, self.below = self.y + 10, 0, 0
            self.bottom = self.y
        elif line.startswith("["):
            kind, lines = fields(line)
            x = self.x(self.column)
            if self.column:
                drawing.arrow(x - GAP, self.y + 22, x - 1, self.y + 22, dashed=kind in ("gone", "stray"))
            self.bottom = max(self.bottom, self.y + box(drawing, x, self.y, kind, lines))
            self.column += 1
        elif found := re.fullmatch(r"span (\d+)-(\d+) (\[.*)", line):
            kind, lines = fields(found[3])
            first, last = self.x(int(found[1]) - 1), self.x(int(found[2]) - 1) + BOX
            drawing.rect(first, self.bottom + 8, last - first, 26, kind)
            drawing.text((first + last) / 2, self.bottom + 25, lines[0], "t", "middle")
            self.below = self.bottom + 8
            self.bottom += 34
        elif found := re.fullmatch(r"stray (\d+) (\[.*)", line):
            kind, lines = fields(found[2])
            y = self.below or self.bottom + 8
            self.bottom = max(self.bottom, y + box(drawing, self.x(int(found[1]) - 1), y, kind, lines))
        elif line.startswith("note "):
            for text in textwrap.wrap(line[5:], 110):
                self.bottom += 20
                drawing.text(LEFT, self.bottom, text)
        else:
            return False
        return True

    def x(self, column):
        return LEFT + column * (BOX + GAP)


class Lanes:
    """A sequence of messages between participants; time goes down."""

    def __init__(self, drawing, names, width):
        self.drawing, self.names, self.y = drawing, names, 14
        self.x = {name: LEFT + 130 + index * width for index, name in enumerate(names)}
        for name in names:
            drawing.rect(self.x[name] - 70, self.y, 140, 28, "mark")
            drawing.text(self.x[name], self.y + 18, name, "n", "middle")
        self.top, self.y = self.y + 28, self.y + 44

    def line(self, line):
        drawing = self.drawing
        if found := re.fullmatch(r"(.+?) (->|\.\.>) (.+?): (.*)", line):
            start, end = self.x[found[1]], self.x[found[3]]
            self.y += 24
            drawing.text((start + end) / 2, self.y - 6, found[4], "s", "middle")
            drawing.arrow(start, self.y, end, self.y, dashed=found[2] == "..>")
            self.y += 6
        elif line.startswith("gap "):
            self.y += 10
            drawing.text((min(self.x.values()) + max(self.x.values())) / 2, self.y + 12, f"— {line[4:]} —", "h", "middle")
            self.y += 18
        elif found := re.fullmatch(rf"({'|'.join(self.names)})([:+!]) ?(.*)", line):
            kind = {":": "plain", "+": "good", "!": "bad"}[found[2]]
            width = len(found[3]) * TEXT + 20
            self.y += 8
            x = max(self.x[found[1]] - width / 2, LEFT)
            drawing.rect(x, self.y, width, 26, kind)
            drawing.text(x + width / 2, self.y + 17, found[3], "t", "middle")
            self.y += 28
        else:
            return False
        return True

    def end(self):
        lines = [f'<path d="M{x} {self.top} V{self.y + 10:.0f}" class="l" stroke-dasharray="2 4"/>' for x in self.x.values()]
        self.drawing.parts[:0] = lines
        self.drawing.grow(0, self.y + 10)


class Map:
    """Boxes in columns and rows, joined by arrows with a text."""

    WIDTH, HEIGHT, ACROSS, DOWN = 170, 62, 360, 96

    def __init__(self, drawing):
        self.drawing, self.columns = drawing, {}

    def corner(self, place):
        column, row = (float(number) for number in place.split(","))
        return LEFT + 10 + (column - 1) * self.ACROSS, 48 + (row - 1) * self.DOWN

    def line(self, line):
        drawing = self.drawing
        if found := re.fullmatch(r"group (\d+) (.*)", line):
            self.columns[int(found[1])] = found[2]
        elif found := re.fullmatch(r"at ([\d.]+,[\d.]+) (\[.*)", line):
            x, y = self.corner(found[1])
            kind, lines = fields(found[2])
            drawing.rect(x, y, self.WIDTH, self.HEIGHT, kind)
            for index, text in enumerate(lines):
                drawing.text(x + self.WIDTH / 2, y + 20 + 16 * index, text, "s" if index else "n", "middle")
        elif found := re.fullmatch(r"link ([\d.]+,[\d.]+) -> ([\d.]+,[\d.]+): (.*)", line):
            (x1, y1), (x2, y2) = self.corner(found[1]), self.corner(found[2])
            x1, y1, y2 = x1 + self.WIDTH, y1 + self.HEIGHT / 2, y2 + self.HEIGHT / 2
            drawing.arrow(x1, y1, x2 - 1, y2)
            # On the outer side of the arrow: above the upper one of two, below the lower one.
            isLower = max(y1, y2) > 48 + self.DOWN + self.HEIGHT / 2 - 1
            drawing.text((x1 + x2) / 2, (y1 + y2) / 2 + (28 if isLower else -16), found[3], "s", "middle")
        else:
            return False
        return True

    def end(self):
        """Puts the frames behind everything."""
        bottom = self.drawing.height
        behind, self.drawing.parts = self.drawing.parts, []
        for column, text in self.columns.items():
            x, _ = self.corner(f"{column},1")
            self.drawing.rect(x - 16, 14, self.WIDTH + 32, bottom, "mark", dashed=True)
            self.drawing.text(x + self.WIDTH / 2, 34, text, "h", "middle")
        self.drawing.parts += behind


def draw(text, path):
    drawing, shape, width = Drawing(), None, 360
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip():
            continue
        if line.startswith("title "):
            drawing.title = line[6:]
            continue
        if line.startswith("width "):
            width = int(line[6:])
            continue
        if line.startswith("lanes "):
            shape = Lanes(drawing, [name.strip() for name in line[6:].split(",")], width)
            continue
        shape = shape or (Map(drawing) if line.startswith(("at ", "group ")) else Rows(drawing))
        if not shape.line(line):
            sys.exit(f"draw {path}: line {number} is none of the known ones: {line}")
    if isinstance(shape, (Lanes, Map)):
        shape.end()
    return drawing.svg()


def main():
    arguments = [argument for argument in sys.argv[1:] if argument != "--check"]
    top = arguments[0] if arguments else os.path.join(os.path.dirname(__file__), "../../Docs/Pictures")
    stale = []
    for folder, _, names in sorted(os.walk(top)):
        for name in sorted(names):
            if not name.endswith(".txt"):
                continue
            with open(os.path.join(folder, name)) as file:
                svg = draw(file.read(), name)
            path = os.path.join(folder, name[:-4] + ".svg")
            if "--check" not in sys.argv:
                with open(path, "w") as file:
                    file.write(svg)
            elif not os.path.exists(path) or open(path).read() != svg:
                stale.append(path)
    for path in stale:
        print(f"check picture: {path} is not what its text gives; run Tests/Docs/diagrams.py", file=sys.stderr)
    sys.exit(1 if stale else 0)


main()
