"""Archives damaged at random: nothing may crash, hang, or write outside of the folder; see archives.sh."""

import os
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import zipfile
import zlib

SCRIPT = """SELECT name,mode,mtime,sz,length(rawdata),length(data),method,zipfile_cds(z) FROM zipfile('{0}');
SELECT count(*),sum(length(data)) FROM zipfile(readfile('{0}'));
.ar -tvf {0}
.ar -C out -xvf {0}
CREATE VIRTUAL TABLE z USING zipfile('{0}');
UPDATE z SET mtime=5;
INSERT INTO z(name,data) VALUES('new','text');
DELETE FROM z WHERE name='a';
SELECT count(*) FROM z;
.ar -uf {0} s
.ar -tf {0}
SELECT 'end';
"""


def make(path, chance):
    if path.endswith('.zip'):
        with zipfile.ZipFile(path, 'w') as archive:
            for number in range(chance.randint(0, 6)):
                name = chance.choice(['a', 'b/', 'b/c', 'ü', '../up', '/abs', 'l', 'l/x', 'd' * 300]) + str(number)
                info = zipfile.ZipInfo(name, (2020, 1, 1 + number, 1, 2, 3))
                info.compress_type = chance.choice([0, 8])
                info.external_attr = chance.choice([0, 0o100644, 0o40755, 0o120777]) << 16
                archive.writestr(info, chance.choice([b'', b'../..', b'x' * 5000, chance.randbytes(300)]))
        return
    db = sqlite3.connect(path)
    db.execute(f'PRAGMA page_size={chance.choice([512, 4096])}')
    db.execute('CREATE TABLE sqlar(name TEXT PRIMARY KEY,mode INT,mtime INT,sz INT,data BLOB)')
    for number in range(chance.randint(0, 6)):
        data = chance.choice([b'', b'../..', b'x' * 5000, chance.randbytes(300)])
        packed = zlib.compress(data) if chance.random() < 0.7 else data
        name = chance.choice(['a', 'b', 'b/c', 'ü', '../up', '/abs', 'l', 'l/x', '..']) + str(number)
        size = chance.choice([len(data), len(data), len(data), -1, 0, 2**31 - 1, 2**40, 'x', None])
        db.execute('INSERT OR REPLACE INTO sqlar VALUES(?,?,?,?,?)',
                   (name, chance.choice([0o100644, 0o40755, 0o120777, None, -1]), 5, size, packed))
    db.commit()
    db.close()


def damage(path, chance):
    data = bytearray(open(path, 'rb').read())
    for _ in range(chance.choice([0, 1, 1, 2, 5])):
        if not data:
            break
        kind = chance.random()
        at = chance.randrange(len(data))
        if kind < 0.4:
            data[at] = chance.choice([0, 255, data[at] ^ (1 << chance.randrange(8))])
        elif kind < 0.6:
            data[at:at + 4] = chance.choice([b'\xff' * 4, bytes(4), b'\xff\xff\xff\x7f', chance.randbytes(4)])
        elif kind < 0.7:
            del data[at:]
        elif kind < 0.8:
            data[at:at] = data[:chance.randrange(64)]
        else:
            # Changes in the headers have the largest effect.
            head = data.rfind(chance.choice([b'PK\1\2', b'PK\3\4', b'PK\5\6']))
            if head >= 0:
                at = head + chance.randrange(46)
                data[at:at + 2] = chance.choice([b'\xff\xff', b'\0\0', chance.randbytes(2)])
    open(path, 'wb').write(data)


def main():
    program, seed, runs = os.path.abspath(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])
    root = tempfile.mkdtemp()
    failures = 0
    for number in range(runs):
        chance = random.Random(seed * 1000003 + number)
        folder = os.path.join(root, 'run', 'in')
        os.makedirs(os.path.join(folder, 's'))
        open(os.path.join(folder, 's', 'f'), 'w').write('new')
        name = chance.choice(['x.zip', 'x.zip', 'x.sqlar'])
        make(os.path.join(folder, name), chance)
        damage(os.path.join(folder, name), chance)
        try:
            run = subprocess.run([program, ':memory:'], input=SCRIPT.format(name).encode(), cwd=folder,
                                 capture_output=True, timeout=60)
            bad = run.returncode < 0 or not run.stdout.endswith(b'end\n') or b'AddressSanitizer' in run.stderr
            reason = f'code {run.returncode} {run.stderr[-500:]}'
        except subprocess.TimeoutExpired:
            bad, reason = True, 'hang'
        if os.listdir(os.path.join(root, 'run')) != ['in'] or set(os.listdir(folder)) - {'s', 'out', name, name + '-journal'}:
            bad, reason = True, f'wrote outside: {os.listdir(folder)}'
        if bad:
            failures += 1
            print(f'seed {seed} run {number}: {reason}')
        shutil.rmtree(os.path.join(root, 'run'))
    shutil.rmtree(root)
    print(f'seed {seed}: {runs} archives, {failures} failures')
    sys.exit(1 if failures else 0)


if __name__ == '__main__':
    main()
