"""Random schemas and statements for `.expert`, in both programs; see expert.sh."""

import random
import subprocess
import sys

REFERENCE = "/usr/bin/sqlite3"
SECONDS = 60
QUESTIONS = 10

NAMES = ["a", "b", "c", "d", "e", "Xy", "z_1", "group", "se lect", "q\"x", "it's", "é", "a-b", "order", "1a", "rowid", "é\u4e2d"]
TYPES = ["", "", "INT", "TEXT", "REAL", "BLOB", "INTEGER", "NUMERIC", "VARCHAR(10)"]
COLLATIONS = ["", "", "", "COLLATE nocase", "COLLATE RTRIM", "COLLATE binary", 'COLLATE "NoCase"']
OPERATORS = ["=", "=", "=", "==", "<", ">", "<=", ">=", "<>", "IS", "IS NOT", "LIKE", "GLOB"]


def quoted(name):
    return name if name.isascii() and name.isalnum() and name not in ("group", "order", "1a") else '"' + name.replace('"', '""') + '"'


class Table:
    def __init__(self, chance, name, rare):
        self.name = name
        names = NAMES if rare else NAMES[:7]
        self.columns = chance.sample(names, chance.randint(1, 6))
        self.generated = set()
        parts = []
        key = chance.choice(["none", "none", "integer", "text", "two", "rowless"])
        for place, column in enumerate(self.columns):
            part = f"{quoted(column)} {chance.choice(TYPES)} {chance.choice(COLLATIONS)}"
            if place == 0 and key == "integer":
                part = f"{quoted(column)} INTEGER PRIMARY KEY" + chance.choice(["", " DESC", " AUTOINCREMENT"])
            elif place == 0 and key in ("text", "rowless"):
                part += " PRIMARY KEY"
            elif chance.random() < 0.08:
                part += " UNIQUE"
            elif place > 0 and chance.random() < 0.04:
                part += f" AS ({quoted(self.columns[0])}||1)" + chance.choice(["", " STORED"])
                self.generated.add(column)
            parts.append(part)
        if key == "two" and len(self.columns) > 1 and self.columns[1] not in self.generated:
            parts.append(f"PRIMARY KEY({quoted(self.columns[0])}{chance.choice([' DESC', ''])}, {quoted(self.columns[1])})")
        end = " WITHOUT ROWID" if key == "rowless" else ""
        self.sql = f"CREATE TABLE {quoted(name)}({', '.join(parts)}){end};"

    def column(self, chance):
        return chance.choice(self.columns)

    def fill(self, chance):
        columns = [column for column in self.columns if column not in self.generated]
        lists = ", ".join(quoted(column) for column in columns)
        values = ", ".join(
            chance.choice(["value", "value%10", "value%3", "value/7", "'x'||value%5", "NULL", "char(65+32*(value%2))", "value%2*1.5"])
            for _ in columns)
        rows = chance.choice([0, 1, 5, 40, 300])
        return f"INSERT OR IGNORE INTO {quoted(self.name)}({lists}) SELECT {values} FROM generate_series(1,{rows});"


class Schema:
    def __init__(self, chance):
        self.chance = chance
        rare = chance.random() < 0.15
        names = ["t", "u", "w", "Big_1"] if not rare else ["t", "table", "a b", "x'y", 'q"t', "9t", "té", "u"]
        self.tables = [Table(chance, name, rare) for name in chance.sample(names, chance.randint(1, 4))]
        self.lines = [table.sql for table in self.tables]
        self.sampled = chance.random() < 0.4
        if self.sampled or chance.random() < 0.2:
            self.lines += [table.fill(chance) for table in self.tables]
        for number in range(chance.choice([0, 0, 1, 2, 4])):
            table = chance.choice(self.tables)
            terms = ", ".join(
                f"{quoted(column)} {chance.choice(COLLATIONS)}{chance.choice(['', '', ' DESC'])}"
                for column in chance.sample(table.columns, chance.randint(1, min(3, len(table.columns)))))
            if chance.random() < 0.06:
                terms += f", {quoted(table.column(chance))}+1"
            where = f" WHERE {quoted(table.column(chance))} IS NOT NULL" if chance.random() < 0.1 else ""
            name = chance.choice([f"i{number}", f"i{number}", "t_idx_00000061", "u_idx_00000062", "t_idx_000123a7"])
            unique = "UNIQUE " if chance.random() < 0.1 and not self.sampled else ""
            self.lines.append(f"CREATE {unique}INDEX {name} ON {quoted(table.name)}({terms}){where};")
        self.views = []
        for number in range(chance.choice([0, 0, 0, 1, 2])):
            self.lines.append(f"CREATE VIEW v{number} AS {self.select(0)};")
            self.views.append(f"v{number}")
        for number in range(chance.choice([0, 0, 0, 1, 3])):
            self.lines.append(self.trigger(number))
        if chance.random() < 0.04:
            self.lines.append("CREATE VIRTUAL TABLE f USING fts5(x,y);")
        if chance.random() < 0.03:
            self.lines.append("ANALYZE;")
        if chance.random() < 0.02:
            self.lines.append("CREATE TABLE uc(a COLLATE uint);")

    def trigger(self, number):
        chance = self.chance
        if self.views and chance.random() < 0.3:
            place, when = chance.choice(self.views), "INSTEAD OF"
        else:
            place, when = quoted(chance.choice(self.tables).name), chance.choice(["BEFORE", "AFTER"])
        action = chance.choice(["INSERT", "UPDATE", "DELETE"])
        body = "; ".join(self.change() for _ in range(chance.randint(1, 2)))
        return f"CREATE TRIGGER tr{number} {when} {action} ON {place} BEGIN {body}; END;"

    # Statements

    def value(self):
        return self.chance.choice(["1", "2", "'x'", "'A'", "NULL", "?", ":p", "5.5", "x'00'", "(SELECT 3)", "'a%'", "1+1"])

    def term(self, scope):
        chance = self.chance
        alias, table = chance.choice(scope)
        column = f"{alias}.{quoted(table.column(chance))}"
        kind = chance.random()
        if kind < 0.25 and len(scope) > 1:
            other, second = chance.choice(scope)
            return f"{column} {chance.choice(['=', '=', '<', '>='])} {other}.{quoted(second.column(chance))}"
        if kind < 0.3:
            return f"{column} BETWEEN {self.value()} AND {self.value()}"
        if kind < 0.36:
            return f"{column} IN ({self.value()}, {self.value()})"
        if kind < 0.4:
            inner = chance.choice(self.tables)
            return f"{column} IN (SELECT {quoted(inner.column(chance))} FROM {quoted(inner.name)} WHERE {self.where([(quoted(inner.name), inner)], 1)})"
        if kind < 0.44:
            inner = chance.choice(self.tables)
            return f"EXISTS (SELECT 1 FROM {quoted(inner.name)} AS k WHERE k.{quoted(inner.column(chance))} = {column})"
        if kind < 0.49:
            return f"{column} {chance.choice(['ISNULL', 'NOTNULL', 'IS NOT NULL'])}"
        if kind < 0.55:
            return f"({self.term(scope)} OR {self.term(scope)})"
        if kind < 0.58:
            return f"{column}+1 = {self.value()}"
        if kind < 0.6:
            return f"{alias}.rowid {chance.choice(['=', '>', 'IN'])} (1)"
        if kind < 0.63:
            return f"({column}, {alias}.{quoted(table.column(chance))}) {chance.choice(['=', '>', '<='])} (1, 2)"
        collation = chance.choice(["", "", "", "", " COLLATE nocase", " COLLATE binary"])
        if kind < 0.67:
            return f"{self.value()} {chance.choice(OPERATORS[:9])} {column}{collation}"
        return f"{column}{collation} {chance.choice(OPERATORS)} {self.value()}"

    def where(self, scope, most=4):
        return " AND ".join(self.term(scope) for _ in range(self.chance.randint(1, most)))

    def select(self, depth=1):
        chance = self.chance
        count = chance.choice([1, 1, 1, 2, 2, 3])
        scope = []
        sources = []
        for number in range(count):
            table = chance.choice(self.tables)
            alias = "tuv"[number] + "0"
            scope.append((alias, table))
            join = "" if number == 0 else chance.choice([", ", " JOIN ", " LEFT JOIN ", " CROSS JOIN ", ", "])
            on = ""
            if "JOIN" in join and chance.random() < 0.7:
                on = f" ON {self.term(scope)}"
            if depth and chance.random() < 0.08:
                source = f"(SELECT * FROM {quoted(table.name)} WHERE {self.where([(quoted(table.name), table)], 2)})"
            else:
                source = chance.choice(["", "", "", "main."]) + quoted(table.name)
            sources.append(f"{join}{source} AS {alias}{on}")

        def some(most=3, order=False):
            items = []
            for _ in range(chance.randint(1, most)):
                alias, table = chance.choice(scope)
                item = f"{alias}.{quoted(table.column(chance))}"
                if order:
                    item += chance.choice(["", "", "", " COLLATE nocase"]) + chance.choice(["", "", " DESC", " ASC"])
                items.append(item)
            return ", ".join(items)

        result = chance.choice(["*", "*", some(), "count(*)", f"max({some(1)})", f"DISTINCT {some()}", f"{some(1)}, row_number() OVER (PARTITION BY {some(2)} ORDER BY {some(2, True)})"])
        sql = f"SELECT {result} FROM {''.join(sources)}"
        if chance.random() < 0.85:
            sql += f" WHERE {self.where(scope)}"
        if chance.random() < 0.15:
            sql += f" GROUP BY {some()}"
        if depth and chance.random() < 0.08:
            width = result
            if result == "count(*)" or result.startswith("max"):
                sql += f" {chance.choice(['UNION', 'UNION ALL', 'EXCEPT'])} {self.plain_count()}"
                return sql
        if chance.random() < 0.35:
            sql += f" ORDER BY {some(3, True)}"
        if chance.random() < 0.12:
            sql += f" LIMIT {chance.randint(1, 9)}" + chance.choice(["", " OFFSET 2"])
        return sql

    def plain_count(self):
        table = self.chance.choice(self.tables)
        return f"SELECT 7 FROM {quoted(table.name)} WHERE {self.where([(quoted(table.name), table)], 2)}"

    def change(self):
        chance = self.chance
        table = chance.choice(self.tables)
        name = quoted(table.name)
        scope = [(name, table)]
        columns = [column for column in table.columns if column not in table.generated] or table.columns
        kind = chance.random()
        if kind < 0.35:
            places = ", ".join(f"{quoted(column)}={self.value()}" for column in chance.sample(columns, chance.randint(1, len(columns))))
            return f"UPDATE {name} SET {places} WHERE {self.where(scope, 3)}"
        if kind < 0.65:
            return f"DELETE FROM {name} WHERE {self.where(scope, 3)}"
        lists = ", ".join(quoted(column) for column in columns)
        start = chance.choice(["INSERT INTO", "REPLACE INTO", "INSERT OR IGNORE INTO"])
        if kind < 0.85:
            return f"{start} {name}({lists}) VALUES({', '.join(self.value() for _ in columns)})"
        source = chance.choice(self.tables)
        return f"{start} {name}({lists}) SELECT {', '.join(quoted(source.column(chance)) for _ in columns)} FROM {quoted(source.name)} WHERE {self.where([(quoted(source.name), source)], 2)}"

    def statement(self):
        chance = self.chance
        kind = chance.random()
        if kind < 0.62:
            return self.select()
        if kind < 0.82:
            return self.change()
        if kind < 0.9 and self.views:
            view = chance.choice(self.views)
            return chance.choice([
                f"SELECT * FROM {view} WHERE {quoted(chance.choice(self.tables).column(chance))}=1",
                f"DELETE FROM {view}", f"SELECT * FROM {view}"])
        if kind < 0.93:
            return f"WITH x AS ({self.select()}) SELECT * FROM x, {quoted(chance.choice(self.tables).name)} LIMIT 3"
        return chance.choice([
            "SELECT 1", "SELECT * FROM nope", "SELEC", "BEGIN", "CREATE TABLE n(a)", "EXPLAIN SELECT 1", "PRAGMA user_version",
            "SELECT * FROM sqlite_schema WHERE name=1", "SELECT * FROM f WHERE x=1", "SELECT regexp(1,2)", "DROP TABLE t",
            "VACUUM", "CREATE INDEX zz ON t(a)", "ATTACH ':memory:' AS aux", "SELECT * FROM f_data WHERE block=2"])

    def script(self):
        chance = self.chance
        lines = [".testctrl prng_seed 7"] + self.lines
        for _ in range(QUESTIONS):
            options = chance.choice(["", " -v", " --verbose", " -v"])
            if self.sampled:
                options += f" -s {chance.choice([1, 5, 20, 50, 90, 99, 100, 100])}"
            lines.append(f".testctrl prng_seed {chance.randint(1, 9999)}")
            lines.append(f".expert{options}")
            lines.append("; ".join(self.statement() for _ in range(chance.choice([1, 1, 1, 1, 2, 3]))) + ";")
        return "\n".join(lines) + "\n"


def run(program, script):
    done = subprocess.run([program, ":memory:"], input=script.encode(), capture_output=True, timeout=SECONDS)
    return done.stdout, done.stderr, done.returncode


def questions(script):
    """The script up to each question."""
    lines = script.splitlines()
    first = next(place for place, line in enumerate(lines) if line.startswith(".expert")) - 1
    for at in range(first, len(lines), 3):
        yield "\n".join(lines[:first] + lines[at:at + 3]) + "\n"


def main():
    program, seed, rounds = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    asked = differing = advised = 0
    for number in range(seed, seed + rounds):
        script = Schema(random.Random(number)).script()
        expected = run(REFERENCE, script)
        actual = run(program, script)
        asked += QUESTIONS
        advised += expected[0].count(b"CREATE INDEX")
        if expected == actual:
            continue
        for part in questions(script):
            expected, actual = run(REFERENCE, part), run(program, part)
            if expected != actual:
                differing += 1
                print(f"--- seed {number}\n{part}--- expected {expected[2]}")
                sys.stdout.write((expected[0] + expected[1]).decode(errors="replace"))
                print(f"--- actual {actual[2]}")
                sys.stdout.write((actual[0] + actual[1]).decode(errors="replace"))
    print(f"seed {seed}: {asked} questions, {advised} indexes named, {differing} answers differ")
    sys.exit(1 if differing else 0)


main()
