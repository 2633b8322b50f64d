#!/usr/bin/env python3
"""Types at random in two tmux panes, one with colours and one without, and compares the screens.

Usage: Tests/Fuzz/prompt.py [SEED] [ROUNDS]; SHELL_UNDER_TEST names the program. Needs tmux.

Text and cursor must be the same after every key, and the colours the same as on a screen that was redrawn (Ctrl-L).
"""
import os, random, re, subprocess, sys, tempfile, time

seed = int(sys.argv[1]) if len(sys.argv) > 1 else random.randrange(1 << 30)
rounds = int(sys.argv[2]) if len(sys.argv) > 2 else 20
program = os.path.abspath(os.environ.get("SHELL_UNDER_TEST", ".build/debug/sqlite3-cloud-s3"))
folder = tempfile.mkdtemp(prefix="prompt-fuzz.")
socket = f"prompt-fuzz-{os.getpid()}"
dice = random.Random(seed)
print(f"seed {seed}")

WORDS = ["select ", "from ", "where ", "'text' ", "\"name\" ", "12.5 ", "(", ")", "[", "'", "\"", "-- note ", "/* ", " */",
         "日本語", "é", "e\u0301", "x'ab' ", "tbl", " ", "in (1,2,3) ", "abcdefghijklmnopqrstuvwxyz", "ß", "ｗｉｄｅ"]
KEYS = ["Left", "Right", "Home", "End", "BSpace", "BSpace", "DC", "M-b", "M-f", "C-k", "C-y", "C-w", "C-t", "Up", "Down", "C-_"]


def tmux(*arguments):
    return subprocess.run(["tmux", "-L", socket, *arguments], capture_output=True, text=True, check=False).stdout


def screen(pane, colours=False):
    text = tmux("capture-pane", "-p", "-t", pane, *(["-e"] if colours else []))
    return text, tmux("display", "-p", "-t", pane, "#{cursor_x},#{cursor_y}").strip()


def settle(panes, extra=0):
    """Waits until both panes show the same at two consecutive reads."""
    last, end = None, time.time() + 5
    time.sleep(0.01 + extra)
    while time.time() < end:
        now = [screen(pane) for pane in panes]
        if now == last and now[0] == now[1]:
            return now
        last = now
        time.sleep(0.02)
    return now


def cells(pane):
    """The screen's characters, each with its colour; only from the line of the prompt on."""
    out, colour = [], ""
    for line in screen(pane, True)[0].split("\n"):
        row = []
        for part in re.split(r"(\x1b\[[0-9;]*m)", line.rstrip()):
            code = re.fullmatch(r"\x1b\[([0-9;]*)m", part)
            if code:
                for word in (code[1] or "0").split(";"):
                    if word in ("0", "39"):
                        colour = "" if word == "0" else re.sub(r"3[0-7]|9[0-7]", "", colour)
                    elif word == "24":
                        colour = colour.replace("u", "")
                    elif word == "4":
                        colour += "u"
                    elif word == "49":
                        pass
                    else:
                        colour = ("u" if "u" in colour else "") + word
            else:
                row += [(c, colour if c != " " else "") for c in part]
        out.append(row)
    while out and not out[-1]:
        out.pop()
    return out


def trim(row):
    while row and row[-1][0] == " ":
        row = row[:-1]
    return row


failures = 0
try:
    # Otherwise the server would end with the last pane of a turn.
    tmux("-f", "/dev/null", "new-session", "-d", "-s", "keeper", "sleep 86400")
    for turn in range(rounds):
        width, height = dice.choice([20, 21, 33, 60, 80]), 24
        panes = []
        for name, variables in (("plain", "NO_COLOR=1"), ("colour", "A=1")):
            history = f"{folder}/{name}"
            open(history, "w").write("select 1;\nselect 'a long line of history that may well wrap' from t where (1);\n")
            command = f"env LC_ALL=C.UTF-8 TERM=screen-256color {variables} SQLITE_HISTORY={history} {program}"
            tmux("-f", "/dev/null", "new-session", "-d", "-s", f"{name}{turn}", "-x", str(width), "-y", str(height), command)
            panes.append(f"{name}{turn}")
        settle(panes, 0.4)
        log, searching = [], False
        for step in range(dice.randrange(5, 40)):
            if dice.random() < 0.6:
                keys = ["-l", dice.choice(WORDS)]
            elif dice.random() < 0.06:
                keys = ["Enter"]
            elif dice.random() < 0.05:
                width = dice.choice([20, 24, 40, 70])
                for pane in panes:
                    tmux("resize-window", "-t", pane, "-x", str(width), "-y", str(height))
                log.append(f"width {width}")
                settle(panes, 0.2)
                continue
            elif dice.random() < 0.06:
                keys = ["C-r"]
            else:
                keys = [dice.choice(KEYS)]
            log.append(keys[-1])
            for pane in panes:
                tmux("send-keys", "-t", pane, *keys)
            plain, colour = settle(panes)
            searching = "i-search" in colour[0]
            # readline itself loses its place in a search with wide characters, or one that is typed fast.
            if plain != colour and not searching:
                failures += 1
                print(f"turn {turn}, after {log}:\n{plain[0].rstrip()}\n{plain[1]} without colours, with:\n{colour[0].rstrip()}\n{colour[1]}")
                break
        else:
            settle(panes, 0.05)
            before = cells(panes[1])
            if not searching:
                for pane in panes:
                    tmux("send-keys", "-t", pane, "C-l")
                settle(panes, 0.05)
                after = cells(panes[1])
                if [trim(row) for row in after] != [trim(row) for row in before[-len(after):]]:
                    failures += 1
                    print(f"turn {turn}, colours, after {log}:")
                    for one, two in zip(before[-len(after):], after):
                        if one != two:
                            print(" was", one, "\n now", two)
        for pane in panes:
            tmux("kill-session", "-t", pane)
finally:
    tmux("kill-server")
    subprocess.run(["rm", "-rf", folder], check=False)
print(f"{rounds} rounds, {failures} failures")
sys.exit(failures > 0)
