"""Takes pictures of the shell at work in a terminal, for the documents: Docs/Pictures/*.svg.

usage: pictures.py PROGRAM [FOLDER]

Types each scene into a tmux of 84 columns, and draws the screen as SVG, with its colours. Times and
sizes are those of the run."""

import html, os, re, shutil, subprocess, sys, tempfile, time

COLUMNS = 84
PALETTE = ["#3b4252", "#d06c75", "#8fbf7f", "#d9b26f", "#6f9fd8", "#b48ead", "#6fb8b8", "#d8dee9",
           "#7b88a1", "#e88d95", "#a9d79b", "#f0cd8d", "#8fb8ea", "#caa6c4", "#8fd2d2", "#ffffff"]


class Terminal:
    def __init__(self, program, arguments, folder, rows):
        self.socket = f"pictures-{os.getpid()}"
        clean = {name: value for name, value in os.environ.items() if not name.startswith(("S3_", "AWS_", "NO_COLOR"))}
        command = " ".join([program] + arguments)
        self.tmux("-f", "/dev/null", "new-session", "-d", "-x", str(COLUMNS), "-y", str(rows), "-c", folder,
                  f"env HOME={folder} SQLITE_HISTORY={folder}/.history TERM=screen-256color PS1='$ ' sh -c '{command}; sleep 60'",
                  environment=clean)
        time.sleep(0.8)

    def tmux(self, *arguments, environment=None):
        return subprocess.run(["tmux", "-L", self.socket, *arguments], env=environment, capture_output=True, check=True).stdout

    def type(self, line, enter=True):
        """Types a line as a person would, all at once."""
        text = line[:-1] + "\\;" if line.endswith(";") else line
        self.tmux("send-keys", "-l", text)
        if enter:
            self.tmux("send-keys", "Enter")
        time.sleep(0.5)

    def screen(self):
        return self.tmux("capture-pane", "-e", "-p").decode()

    def close(self):
        self.tmux("kill-server")


def runs(line):
    """Text and its colour, run by run."""
    colour, bold = None, False
    for part in re.split(r"(\x1b\[[0-9;]*m)", line):
        if not part.startswith("\x1b["):
            if part:
                yield part, colour, bold
            continue
        codes = [int(code or 0) for code in part[2:-1].split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                colour, bold = None, False
            elif code == 1:
                bold = True
            elif 30 <= code <= 37:
                colour = PALETTE[code - 30]
            elif 90 <= code <= 97:
                colour = PALETTE[code - 82]
            elif code == 39:
                colour = None
            elif code == 38 and codes[:1] == [5]:
                colour = PALETTE[codes[1] % 16]
                codes = codes[2:]


def draw(screen, path, title):
    lines = screen.rstrip("\n").split("\n")
    width, height = COLUMNS * 8.4 + 32, len(lines) * 18 + 52
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" font-family="ui-monospace, DejaVu Sans Mono, '
           f'monospace" font-size="14" role="img" aria-label="{html.escape(title)}">',
           f'<rect width="100%" height="100%" rx="8" fill="#20242c"/>']
    out += [f'<circle cx="{18 + 18 * index}" cy="16" r="5" fill="{fill}"/>' for index, fill in enumerate(("#e88d95", "#f0cd8d", "#a9d79b"))]
    for row, line in enumerate(lines):
        column = 0
        for text, colour, bold in runs(line):
            if text.strip():
                weight = ' font-weight="bold"' if bold else ""
                out.append(f'<text x="{16 + column * 8.4:.1f}" y="{48 + row * 18}" fill="{colour or "#d8dee9"}"{weight} xml:space="preserve" '
                           f'textLength="{len(text) * 8.4:.1f}">{html.escape(text)}</text>')
            column += len(text)
    out.append("</svg>\n")
    with open(path, "w") as file:
        file.write("\n".join(out))


def main():
    program = os.path.abspath(sys.argv[1])
    target = sys.argv[2] if len(sys.argv) > 2 else os.path.join(os.path.dirname(__file__), "../../Docs/Pictures")
    os.makedirs(target, exist_ok=True)
    root = tempfile.mkdtemp(prefix="pictures-")
    shell = os.path.join(root, "sqlite3-cloud-s3")
    os.symlink(program, shell)
    folder = os.path.join(root, "shop")
    os.makedirs(folder)
    try:
        terminal = Terminal(shell, ["-mirror", "file:///tmp/shop-replica", "shop.db"], folder, 20)
        terminal.type("CREATE TABLE orders(id INTEGER PRIMARY KEY, item TEXT, price REAL);")
        terminal.type("INSERT INTO orders(item, price) VALUES('tea', 4.5), ('cup', 12.0);")
        terminal.type(".mode box")
        terminal.type("SELECT item, price FROM orders WHERE price < 100;")
        terminal.type(".mirror status")
        terminal.type("SELECT item, (price * 1.19 FROM orders WHERE item = 'te", enter=False)
        draw(terminal.screen(), f"{target}/prompt.svg", "the prompt, with SQL coloured while it is typed, and .mirror status")
        terminal.close()

        terminal = Terminal(shell, ["-mirror", "file:///tmp/shop-replica", "shop.db"], folder, 24)
        terminal.type(".mirror check")
        time.sleep(2)
        draw(terminal.screen(), f"{target}/check.svg", ".mirror check")
        terminal.close()

        subprocess.run([shell, "-mirror", "off", "big.db"], cwd=folder, check=True, input=(
            b"CREATE TABLE t(a INTEGER PRIMARY KEY, b, c);INSERT INTO t SELECT value, 'row '||value, random() "
            b"FROM generate_series(1, 6000000);"))
        terminal = Terminal(shell, ["-mirror", "off", "big.db"], folder, 8)
        terminal.type(".output dump.sql")
        terminal.type(".dump")
        end = time.time() + 60
        while "/s" not in (screen := terminal.screen()) and time.time() < end:
            time.sleep(0.1)
        time.sleep(1)
        screen = terminal.screen()
        draw(screen, f"{target}/bar.svg", "a bar, for what lasts longer than a second")
        terminal.close()
    finally:
        subprocess.run(["tmux", "-L", f"pictures-{os.getpid()}", "kill-server"], capture_output=True)
        shutil.rmtree(root, ignore_errors=True)
        shutil.rmtree("/tmp/shop-replica", ignore_errors=True)


main()
