"""Makes the tables of Docs/PerformanceTables.md and its plots from the figures that `bench.py --json FILE` wrote.

    python3 Tests/Bench/report.py FILE

A table stands between `<!-- table NAME -->` and `<!-- end -->`, NAME a part of the benchmark."""

import json, math, os, re, statistics, sys

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "Docs")
COLOURS = ("#1b6ca8", "#d1495b", "#2e933c", "#edae49", "#6f4e9c", "#5a5a5a")


class Axis:
    """A scale of numbers, logarithmic or not, over pixels. A logarithmic scale is cut off below `least`."""

    def __init__(self, low, high, start, end, isLog=True):
        self.low, self.high, self.start, self.end, self.isLog = low, high, start, end, isLog

    def at(self, value):
        low, high, value = (max(number, self.low) if self.isLog else number for number in (self.low, self.high, value))
        share = ((math.log(value / low) / math.log(high / low)) if self.isLog else (value - low) / (high - low))
        return self.start + (self.end - self.start) * min(share, 1.02)

    def ticks(self):
        if self.isLog:
            first, last = math.ceil(math.log10(self.low) - 1e-9), math.floor(math.log10(self.high) + 1e-9)
            return [10.0 ** power for power in range(first, last + 1)]
        step = 10 ** math.floor(math.log10(max(self.high - self.low, 1e-9)))
        step = next(step * part for part in (1, 0.5, 0.2, 0.1) if (self.high - self.low) / (step * part) >= 4)
        return [self.low + step * number for number in range(int((self.high - self.low) / step + 1.001))]


def number(value):
    return f"{value:g}" if value < 1e5 else f"{value:.0e}".replace("e+0", "e")


def plot(name, title, across, upwards, series, x, y, ticks=None):
    """An SVG file: `series` are pairs of a label and points; `x` and `y` are pairs of the least and largest number and
    whether the scale is logarithmic; `ticks` names places of the horizontal axis."""
    width, height, left, bottom = 760, 420, 70, 350
    horizontal, vertical = Axis(x[0], x[1], left, 520, x[2]), Axis(y[0], y[1], bottom, 40, y[2])
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif" font-size="12">',
           f'<title>{title}</title>', f'<rect width="{width}" height="{height}" fill="white"/>',
           f'<text x="{left}" y="22" font-size="15">{title}</text>']
    for place, text in ticks or [(tick, number(tick)) for tick in horizontal.ticks()]:
        at = horizontal.at(place)
        out.append(f'<line x1="{at:.1f}" y1="40" x2="{at:.1f}" y2="{bottom}" stroke="#e4e4e4"/>'
                   f'<text x="{at:.1f}" y="{bottom + 17}" text-anchor="middle">{text}</text>')
    for tick in vertical.ticks():
        at = vertical.at(tick)
        out.append(f'<line x1="{left}" y1="{at:.1f}" x2="520" y2="{at:.1f}" stroke="#e4e4e4"/>'
                   f'<text x="{left - 6}" y="{at + 4:.1f}" text-anchor="end">{number(tick)}</text>')
    out.append(f'<path d="M{left} 40V{bottom}H520" fill="none" stroke="#444"/>'
               f'<text x="295" y="{bottom + 40}" text-anchor="middle">{across}</text>'
               f'<text transform="translate(18 195) rotate(-90)" text-anchor="middle">{upwards}</text>')
    for index, (label, points) in enumerate(series):
        colour = COLOURS[index % len(COLOURS)]
        places = [(horizontal.at(one), vertical.at(other)) for one, other in points]
        line = " ".join(f"{one:.1f},{other:.1f}" for one, other in places)
        out.append(f'<polyline points="{line}" fill="none" stroke="{colour}" stroke-width="2"/>')
        if len(places) <= 12:
            out += [f'<circle cx="{one:.1f}" cy="{other:.1f}" r="3.5" fill="{colour}"/>' for one, other in places]
        at = 52 + index * 20
        out.append(f'<line x1="532" y1="{at}" x2="552" y2="{at}" stroke="{colour}" stroke-width="3"/>'
                   f'<text x="558" y="{at + 4}">{label}</text>')
    os.makedirs(f"{DOCS}/Performance", exist_ok=True)
    with open(f"{DOCS}/Performance/{name}.svg", "w") as file:
        file.write("\n".join(out) + "\n</svg>\n")


def distribution(values):
    """Returns points of the share of values up to each number of milliseconds."""
    values = sorted(value * 1e3 for value in values if value != float("inf"))
    step = max(len(values) // 200, 1)
    return [(max(values[at], 0.1), (at + 1) / len(values) * 100) for at in [*range(0, len(values), step), len(values) - 1]]


def lag_plots(notes):
    for delay in (0, 50):
        series = []
        for key, label in (("async, pacing off", "pacing off"), ("async, default pacing", "default pacing"),
                           ("sync", "sync: the statement's time"), ("Litestream, 10 ms intervals", "Litestream, 10 ms"),
                           ("Litestream, its defaults", "Litestream")):
            if found := notes.get(f"lag {delay} 20 {key}"):
                if values := distribution(found["lags"]):
                    series.append((label, values))
        if series:
            plot(f"lag-{delay}", f"Commit to retrievable, 20 commits a second, store at {delay} ms", "milliseconds",
                 "% of commits", series, (0.1, 10000, True), (0, 100, False))


def restore_plot(notes):
    points = {}
    for key, found in notes.items():
        if key.startswith("restores "):
            for delay, count, ours, theirs in found:
                for who, taken in (("ours", ours), ("Litestream", theirs)):
                    if taken:
                        points.setdefault((delay, who), {})[max(count, 100)] = statistics.median(taken)
    series = [(f"{who}, store at {delay * 1000:.0f} ms", sorted(found.items())) for (delay, who), found in sorted(points.items())]
    if series:
        most = max(value for _, values in series for _, value in values)
        plot("restore", "Restore of 1 GB and small commits after the base", "commits after the base", "seconds", series,
             (100, 100000, True), (0.1, max(most * 1.2, 10), True),
             [(100, "none"), (1000, "1,000"), (10000, "10,000"), (100000, "100,000")])


def cost_plot(notes):
    series = {}
    for rate, who, *figures in notes.get("months", []):
        series.setdefault(who, []).append((max(rate, 0.002), max(figures[2], 0.01)))
    if series:
        plot("cost", "Requests of a month at list prices of S3 Standard", "commits a second", "dollars",
             [(who, sorted(values)) for who, values in series.items()], (0.002, 100, True), (0.01, 100, True),
             [(0.002, "none"), (1 / 60, "1 a minute"), (1, "1"), (10, "10"), (100, "100")])


def table(part):
    lines = ["| figure | ours | beside it | ratio | target | holds |", "|---|---|---|---|---|---|"]
    for line in part["rows"]:
        fields = [field.replace("|", "\\|") for field in line]
        fields[5] = {"True": "yes", "False": "**no**"}.get(fields[5], fields[5])
        lines.append("| " + " | ".join(fields) + " |")
    scale = "" if part["scale"] == 1 else f", at {part['scale']:g} of the full size"
    lines += ["", f"{part['when']} UTC, {part['cores']} cores, load {part['load']:.1f} before it{scale}."]
    return "\n".join(lines)


def main(path):
    with open(path) as file:
        parts = json.load(file)["parts"]
    with open(f"{DOCS}/PerformanceTables.md") as file:
        text = file.read()
    for name, part in parts.items():
        text = re.sub(rf"(<!-- table {name} -->\n).*?(<!-- end -->)",
                      lambda found: f"{found[1]}\n{table(part)}\n\n{found[2]}", text, flags=re.S)
        lag_plots(part["notes"])
        restore_plot(part["notes"])
        cost_plot(part["notes"])
    with open(f"{DOCS}/PerformanceTables.md", "w") as file:
        file.write(text)


if __name__ == "__main__":
    main(sys.argv[1])
