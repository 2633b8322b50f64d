"""Damages random databases and counts the rows that .recover restores.

A row can be recovered whole if no page with a part of it was changed. Rows of changed pages that are recovered anyway
are counted apart. If there is a C compiler, sqlite3's own .recover is measured beside ours: it needs the virtual
table sqlite_dbpage, which Debian's library lacks, so a small extension gives it (dbpage.c).
"""
import os
import random
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))


def varint(data, at):
    value = 0
    for i in range(9):
        byte = data[at + i]
        if i == 8:
            return (value << 8) | byte, at + 9
        value = (value << 7) | (byte & 127)
        if byte < 128:
            return value, at + i + 1


def pages_of_rows(data, size):
    """The pages that hold each row's mark, found by reading the intact file."""
    found = {}
    for number in range(1, len(data) // size + 1):
        page = data[(number - 1) * size:number * size]
        start = 100 if number == 1 else 0
        kind = page[start]
        if kind not in (2, 10, 13):
            continue
        pointers = start + (12 if kind == 2 else 8)
        for index in range(int.from_bytes(page[start + 3:start + 5], 'big')):
            at = int.from_bytes(page[pointers + 2 * index:pointers + 2 * index + 2], 'big')
            if kind == 2:
                at += 4
            length, at = varint(page, at)
            if kind == 13:
                _, at = varint(page, at)
            most = size - 35 if kind == 13 else (size - 12) * 64 // 255 - 23
            local = length
            if length > most:
                least = (size - 12) * 32 // 255 - 23
                fit = least + (length - least) % (size - 4)
                local = fit if fit <= most else least
            payload, used = page[at:at + local], [number]
            more = int.from_bytes(page[at + local:at + local + 4], 'big') if local < length else 0
            while more and len(payload) < length:
                part = data[(more - 1) * size:more * size]
                used.append(more)
                payload += part[4:4 + length - len(payload)]
                more = int.from_bytes(part[:4], 'big')
            mark = payload.find(b'<row ')
            if mark >= 0:
                found.setdefault(bytes(payload[mark:payload.index(b'>', mark) + 1]), []).append(used)
    return found


def make(path, chance):
    """A database of a few tables, each row with a mark of its own."""
    db = sqlite3.connect(path)
    size = chance.choice([512, 1024, 4096])
    db.execute(f'PRAGMA page_size={size}')
    if chance.random() < 0.3:
        db.execute('PRAGMA auto_vacuum=1')
    marks, serial = [], 0
    for table in range(chance.randint(1, 5)):
        kind = chance.choice(['CREATE TABLE t%d(a,b,c)', 'CREATE TABLE t%d(a,b INTEGER PRIMARY KEY,c)',
                              'CREATE TABLE t%d(a TEXT PRIMARY KEY,b,c) WITHOUT ROWID'])
        db.execute(kind % table)
        if chance.random() < 0.5 and 'WITHOUT' not in kind:
            db.execute('CREATE INDEX i%d ON t%d(c)' % (table, table))
        for _ in range(chance.choice([3, 40, 300])):
            serial += 1
            mark = '<row %d>' % serial
            filler = chance.choice(['', 'x' * chance.randint(0, 60), 'y' * chance.randint(0, 3 * size)])
            db.execute('INSERT INTO t%d VALUES(?,?,?)' % table, (mark, serial, filler))
            marks.append(mark.encode())
    for mark in chance.sample(marks, len(marks) // 20):
        for table in range(5):
            try:
                db.execute('DELETE FROM t%d WHERE a=?' % table, (mark.decode(),))
            except sqlite3.OperationalError:
                pass
    db.commit()
    db.close()
    return size


def damage(data, size, chance):
    """One or a few kinds of damage; returns what they were."""
    done = []
    for _ in range(chance.randint(1, 3)):
        count = len(data) // size
        kind = chance.choice(['bits', 'zero', 'cut', 'swap', 'noise', 'header', 'schema'])
        if kind == 'bits':
            for _ in range(chance.randint(1, 30)):
                data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        elif kind == 'zero':
            at = chance.randrange(count) * size
            data[at:at + size] = bytes(size)
        elif kind == 'cut' and count > 2:
            del data[chance.randrange(size, len(data)):]
        elif kind == 'swap' and count > 2:
            one, two = (chance.randrange(count) * size for _ in range(2))
            data[one:one + size], data[two:two + size] = data[two:two + size], data[one:one + size]
        elif kind == 'noise':
            at = chance.randrange(len(data))
            data[at:at + 200] = chance.randbytes(len(data[at:at + 200]))
        elif kind == 'header':
            at = chance.randrange(100)
            data[at:at + 4] = chance.randbytes(4)
        elif kind == 'schema':
            at = 100 + chance.randrange(max(1, min(size, len(data)) - 101))
            data[at:at + 8] = chance.randbytes(len(data[at:at + 8]))
        done.append(kind)
    return done


def recovered(command, folder, name):
    """Returns the marks of the rows that a program recovers, and how it ended."""
    run = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    target = os.path.join(folder, name + '.new')
    if os.path.exists(target):
        os.remove(target)
    # Lines are tried one by one, so that one that fails costs no others.
    subprocess.run(['sqlite3', target], input=run.stdout, capture_output=True, cwd=folder, timeout=120)
    marks = set()
    db = sqlite3.connect(target)
    db.text_factory = bytes
    try:
        for (table,) in db.execute("SELECT name FROM sqlite_schema WHERE type='table'").fetchall():
            table = table.decode(errors='replace').replace('"', '""')
            try:
                for row in db.execute(f'SELECT * FROM "{table}"'):
                    for value in row:
                        if isinstance(value, bytes) and value.startswith(b'<row '):
                            marks.add(value)
            except sqlite3.Error:
                pass
            except UnicodeDecodeError:
                # Python cannot read a damaged name of a column.
                dump = subprocess.run(['sqlite3', target, '.dump'], capture_output=True, timeout=120).stdout
                marks.update(re.findall(rb"'(<row \d+>)'", dump))
    except sqlite3.Error:
        pass
    db.close()
    return marks, run.returncode, run.stderr


def main():
    program, seed, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    root = tempfile.mkdtemp()
    extension = os.path.join(root, 'dbpage.so')
    build = ['cc', '-shared', '-fPIC', '-o', extension, os.path.join(HERE, 'dbpage.c')]
    has_other = shutil.which('cc') and subprocess.run(build, capture_output=True).returncode == 0
    total = possible = crashes = 0
    whole, extra = [0, 0], [0, 0]
    missed = []
    for number in range(runs):
        chance = random.Random(seed * 1000003 + number)
        folder = os.path.join(root, 'run')
        os.makedirs(folder)
        path = os.path.join(folder, 'x.db')
        size = make(path, chance)
        intact = open(path, 'rb').read()
        rows = pages_of_rows(intact, size)
        data = bytearray(intact)
        kinds = damage(data, size, chance)
        with open(path, 'wb') as file:
            file.write(data)
        changed = {n for n in range(1, len(intact) // size + 1)
                   if data[(n - 1) * size:n * size] != intact[(n - 1) * size:n * size]}
        could = {mark for mark, copies in rows.items() if any(not changed & set(c) for c in copies)}
        total += len(rows)
        possible += len(could)
        commands = [[program, 'x.db', '.recover']]
        if has_other:
            commands.append(['sqlite3', 'x.db', f'.load {extension} sqlite3_dbpage_init', '.recover'])
        for index, command in enumerate(commands):
            marks, code, errors = recovered(command, folder, 'x%d' % index)
            whole[index] += len(marks & could)
            extra[index] += len((marks & set(rows)) - could)
            if index == 0:
                if code < 0 or b'Fatal error' in errors:
                    crashes += 1
                    print(f'crash: seed {seed} run {number} code {code} {kinds}', errors[-300:])
                if could - marks:
                    missed.append((number, len(could - marks), kinds))
        shutil.rmtree(folder)
    shutil.rmtree(root)
    print(f'seed {seed}: {runs} databases, {total} rows, {possible} in pages that are whole, {crashes} crashes')
    for index, name in enumerate(['ours', 'sqlite3'] if has_other else ['ours']):
        share = 100 * whole[index] / max(1, possible)
        print(f'{name}: {whole[index]} of those ({share:.2f} %), and {extra[index]} of {total - possible} others')
    if os.environ.get('VERBOSE'):
        print('missed:', missed)
    sys.exit(1 if crashes else 0)


if __name__ == '__main__':
    main()
