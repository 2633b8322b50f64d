"""Draws the plots of Docs/Performance.md from Docs/Performance/figures.json: figure NAME becomes Docs/Performance/NAME.svg.

usage: figures.py [--check]

With --check nothing is written. The exit code is 1 if a plot differs from the result of its data, or if the tables of
Docs/PerformanceTables.md do not hold a number. Each bar has a label, a value, and a kind: ours, other, or limit."""

import html, json, math, os, re, sys

DOCS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../Docs")
LIGHT = {"back": "#ffffff", "ink": "#1f2933", "ours": "#1b6ca8", "other": "#d1495b", "limit": "#9aa5b1"}
DARK = {"back": "#161b22", "ink": "#e3e8ee", "ours": "#5aa9e6", "other": "#e88d95", "limit": "#64707d"}
LEFT, WIDTH, ROW = 250, 300, 24


def written(value):
    return f"{value:,.4f}".rstrip("0").rstrip(".") if value < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")


def length(value, largest, smallest, isLog):
    if not isLog:
        return WIDTH * value / largest
    low = smallest / 3
    return WIDTH * math.log(value / low) / math.log(largest / low)


def draw(figure):
    bars, isLog, unit = figure["bars"], figure.get("log", False), figure["unit"]
    values = [bar[1] for bar in bars]
    height = 44 + ROW * len(bars) + (18 if isLog else 4)
    rules = lambda colours: "".join(f".{name}{{fill:{value}}}" for name, value in colours.items())
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 660 {height}" role="img" aria-label="{html.escape(figure["title"])}">',
           f"<style>text{{font:12px ui-sans-serif,system-ui,'DejaVu Sans',sans-serif}}.h{{font-size:14px;font-weight:600}}{rules(LIGHT)}"
           f"@media (prefers-color-scheme:dark){{{rules(DARK)}}}</style>",
           '<rect width="100%" height="100%" class="back"/>',
           f'<text x="16" y="24" class="ink h">{html.escape(figure["title"])}</text>']
    for index, (label, value, kind) in enumerate(bars):
        y = 40 + ROW * index
        wide = max(length(value, max(values), min(value for value in values if value), isLog), 1)
        text = f"{written(value)} {unit}" if unit not in ("", "$", "/s") else f"${value:.2f}" if unit == "$" else f"{written(value)}{unit}"
        out.append(f'<text x="{LEFT - 8}" y="{y + 13}" text-anchor="end" class="ink">{html.escape(label)}</text>'
                   f'<rect x="{LEFT}" y="{y + 1}" width="{wide:.0f}" height="16" rx="2" class="{kind}"/>'
                   f'<text x="{LEFT + wide + 6:.0f}" y="{y + 13}" class="ink">{text}</text>')
    if isLog:
        out.append(f'<text x="{LEFT}" y="{height - 8}" class="limit">logarithmic scale</text>')
    return "\n".join(out) + "\n</svg>\n"


def main():
    with open(f"{DOCS}/Performance/figures.json") as file:
        figures = json.load(file)
    faults = []
    if "--check" in sys.argv:
        with open(f"{DOCS}/PerformanceTables.md") as file:
            numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", file.read())}
        faults = [f"{figure['title']}: {value} is not in PerformanceTables.md" for figure in figures for _, value, _ in figure["bars"]
                  if value not in numbers]
    for figure in figures:
        path = f"{DOCS}/Performance/{figure['name']}.svg"
        if "--check" not in sys.argv:
            with open(path, "w") as file:
                file.write(draw(figure))
        elif not os.path.exists(path) or open(path).read() != draw(figure):
            faults.append(f"{path} is not what figures.json gives; run Tests/Docs/figures.py")
    for fault in faults:
        print(f"check figure: {fault}", file=sys.stderr)
    sys.exit(1 if faults else 0)


main()
