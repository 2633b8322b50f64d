"""Random sessions from a seed: schemas and statements with everything that a replay must get right."""

import random

TABLES = ["t", "u", "w", "s", "p", "c", "log", "v", "f", "g", "r", '"odd ""name"']
SCHEMA = [
    "CREATE TABLE t(id INTEGER PRIMARY KEY, a, b UNIQUE, c DEFAULT CURRENT_TIMESTAMP, d DEFAULT (random()), e AS (a||'x'))",
    "CREATE TABLE u(k TEXT PRIMARY KEY, v REAL, n INT) WITHOUT ROWID",
    "CREATE TABLE w(i INTEGER PRIMARY KEY AUTOINCREMENT, x TEXT COLLATE NOCASE CHECK(length(x)<50), y BLOB)",
    "CREATE TABLE s(a INT, b TEXT, c ANY) STRICT",
    "CREATE TABLE p(id INTEGER PRIMARY KEY, x UNIQUE ON CONFLICT IGNORE)",
    "CREATE TABLE c(id INTEGER PRIMARY KEY, p REFERENCES p(id) ON DELETE CASCADE ON UPDATE SET NULL, q)",
    "CREATE TABLE d(id INTEGER PRIMARY KEY, p REFERENCES p(id) DEFERRABLE INITIALLY DEFERRED)",
    "CREATE TABLE log(at DEFAULT (strftime('%Y-%m-%d %H:%M:%f','now')), what, n)",
    'CREATE TABLE "odd ""name"(x, "y z" DEFAULT (hex(randomblob(2))))',
]
MORE = [
    "CREATE TRIGGER t_ai AFTER INSERT ON t BEGIN INSERT INTO log(what,n) VALUES('t'||new.id, last_insert_rowid()); END",
    "CREATE TRIGGER t_au AFTER UPDATE ON t BEGIN INSERT INTO log(what,n) SELECT 'u', changes(); END",
    "CREATE TRIGGER t_ad AFTER DELETE ON t BEGIN UPDATE log SET n=total_changes() WHERE what='t'||old.id; END",
    "CREATE TRIGGER w_bi BEFORE INSERT ON w WHEN new.x LIKE 'a%' BEGIN SELECT RAISE({raise}); END",
    "CREATE TRIGGER w_bu BEFORE UPDATE ON w BEGIN INSERT INTO t(a) VALUES(random()); SELECT RAISE({raise}) WHERE new.x='z'; END",
    "CREATE VIEW v AS SELECT id, a, changes() n, last_insert_rowid() l FROM t",
    "CREATE TRIGGER v_i INSTEAD OF INSERT ON v BEGIN INSERT OR REPLACE INTO t(id,a) VALUES(new.id,new.a); INSERT INTO log(what) VALUES('v'); END",
    "CREATE VIRTUAL TABLE f USING fts5(x, y)", "CREATE VIRTUAL TABLE g USING fts4(x)",
    "CREATE VIRTUAL TABLE r USING rtree(id, x0, x1, y0, y1)", "CREATE VIRTUAL TABLE h USING fts3(x)",
    "CREATE INDEX t_b ON t(b) WHERE b>5", "CREATE INDEX t_e ON t(a||'q')", "CREATE INDEX w_x ON w(x)",
    "CREATE UNIQUE INDEX w_y ON w(y) WHERE y IS NOT NULL", "CREATE TABLE IF NOT EXISTS t(x)",
    "CREATE TABLE copy AS SELECT * FROM t ORDER BY random()", "CREATE TABLE vc AS SELECT a, n FROM v",
]
FEATURES = ["temp", "attach", "settings", "dbconfig", "limit", "import", "parameter", "zone", "readonly",
            "interrupt", "vtab", "alter", "vacuum", "pragma", "connection", "outside", "writable", "other", "encoding",
            "largest"]


class Session:
    """One history of a database: several sessions of the shell, one after the other."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        chance = self.random
        self.features = {name for name in FEATURES if chance.random() < (0.25 if name not in RARE else 0.06)}
        self.files = {}
        self.scripts = [self.script(number) for number in range(chance.randint(1, 5))]

    def pick(self, *choices):
        return self.random.choice(choices)

    # Values

    def literal(self):
        n = self.random.randint(-5, 40)
        return self.pick(
            str(n), str(n), str(n), f"{n}.5", "NULL", f"'x{n}'", f"'a{n}'", "''", "'it''s'", "X'00ff'", "1e3", "-0.0",
            "9223372036854775807", "-9223372036854775808", "9223372036854775808", "0x7f", "1e999", "'é…'", "'z'", "TRUE",
            "0.1", "123456789.123456789", f"'{n}'")

    def expression(self, depth=0):
        if depth > 0 or self.random.random() < 0.55:
            return self.literal()
        inner = lambda: self.expression(depth + 1)
        choices = [
            "random()", "abs(random()%1000)", "hex(randomblob(3))", "randomblob(5)", "datetime('now')", "julianday()",
            "CURRENT_TIMESTAMP", "strftime('%f','now')", "unixepoch('subsec')", "last_insert_rowid()", "changes()",
            "total_changes()", "date()", "CURRENT_TIME", "unixepoch()", "(SELECT max(id) FROM t)", "(SELECT count(*) FROM log)",
            f"({inner()}+{inner()})", f"coalesce({inner()},{inner()})", f"typeof({inner()})", f"quote({inner()})",
            f"({inner()} LIKE 'A%')", f"CASE WHEN {inner()} THEN {inner()} ELSE {inner()} END", "char(65,0,66)",
            f"json_array({inner()})", f"printf('%.3f',{inner()})", "(SELECT substr(group_concat(a),1,40) FROM t)", "zeroblob(3)",
            "sum(1) OVER ()" if depth == 9 else "round(2.567,1)", f"max({inner()},{inner()})", "upper('q')", f"sha3({inner()},224)",
            f"decimal_add('1.1',{inner()})", "ieee754(2.5)", "(SELECT sum(value) FROM generate_series(1,5))"]
        if "zone" in self.features:
            choices += ["datetime('now','localtime')", "datetime('2020-07-01 12:00','utc')", "strftime('%H','now','localtime')"] * 2
        if "outside" in self.features:
            choices += ["length(readfile('x.csv'))", "sqlite_version()", "(SELECT count(*) FROM pragma_database_list)", "(SELECT count(*) FROM mirror_log)"]
        if "temp" in self.features:
            choices += ["(SELECT count(*) FROM tt)", "(SELECT max(q) FROM tt)"]
        if "attach" in self.features:
            choices += ["(SELECT count(*) FROM aux.z)", "(SELECT max(q) FROM z)"]
        return self.random.choice(choices)

    def values(self, count):
        return "(" + ",".join(self.expression() for _ in range(count)) + ")"

    def rows(self, count):
        return ",".join(self.values(count) for _ in range(self.pick(1, 1, 1, 2, 3)))

    def conflict(self):
        return self.pick("", "", "", " OR FAIL", " OR IGNORE", " OR REPLACE", " OR ROLLBACK", " OR ABORT")

    def where(self, column):
        return self.pick(
            f" WHERE {column}={self.literal()}", f" WHERE {column}>{self.random.randint(0, 30)}", "",
            f" WHERE rowid IN (SELECT rowid FROM t ORDER BY random() LIMIT 2)", f" WHERE {column} LIKE 'X%'",
            f" WHERE {column}={self.random.randint(0, 20)}", f" WHERE {column} IS {self.expression()}")

    # Statements

    def change(self):
        n = self.random.randint(0, 25)
        odd = '"odd ""name"'
        choices = [
            f"INSERT{self.conflict()} INTO t(a,b) VALUES{self.rows(2)}", f"INSERT{self.conflict()} INTO t(id,a) VALUES({n},{self.expression()})",
            f"INSERT INTO t(a) SELECT {self.expression()} FROM t LIMIT {self.random.randint(0, 5)}", "INSERT INTO t DEFAULT VALUES",
            f"INSERT{self.conflict()} INTO u VALUES{self.rows(3)}", f"INSERT INTO u VALUES('k{n % 5}',{n},1) ON CONFLICT(k) DO UPDATE SET n=n+excluded.n, v={self.expression()}",
            f"INSERT{self.conflict()} INTO w(x,y) VALUES{self.rows(2)}", f"INSERT INTO w(x) VALUES('{self.pick('a', 'b', 'z', 'A')}{n}') RETURNING i, x",
            f"INSERT{self.conflict()} INTO s VALUES{self.rows(3)}", f"INSERT INTO p VALUES({n},{self.expression()})",
            f"INSERT{self.conflict()} INTO c(p,q) VALUES({n},{self.expression()})", f"INSERT INTO d(p) VALUES({self.random.randint(0, 60)})",
            f"UPDATE{self.conflict()} t SET a={self.expression()}{self.where('a')}", f"UPDATE{self.conflict()} t SET b={self.expression()}{self.where('id')}",
            f"UPDATE{self.conflict()} w SET x={self.expression()}{self.where('i')}", f"UPDATE t SET a=log.n FROM log WHERE t.id=log.rowid",
            f"UPDATE u SET v=v+1, n=changes(){self.where('k').replace('rowid', 'k').replace('SELECT k', 'SELECT rowid')}",
            f"UPDATE p SET id=id+100 WHERE id={n}", f"DELETE FROM p WHERE id>{n}", f"DELETE FROM t{self.where('id')}",
            f"DELETE FROM w WHERE i={n}", f"DELETE FROM log WHERE rowid%{n + 2}=0", f"DELETE FROM c{self.where('p')}", f"REPLACE INTO t(id,b) VALUES({n},{self.expression()})",
            f"INSERT INTO v(id,a) VALUES({n},{self.expression()})", f"INSERT INTO {odd}(x) VALUES({self.expression()})",
            f"-- a comment; with ' a quote\nINSERT INTO log(what) VALUES({self.expression()}) -- at the end",
            f"/* ; */ UPDATE log SET n=(SELECT count(*) FROM t) WHERE rowid={n}", f"EXPLAIN INSERT INTO t(a) VALUES(1)",
            f"WITH x(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM x WHERE i<{n}) INSERT{self.conflict()} INTO t(b) SELECT i*{self.random.randint(1, 3)} FROM x",
            f"INSERT INTO log(what,n) SELECT a, last_insert_rowid() FROM t ORDER BY random() LIMIT 3", "SELECT count(*), changes() FROM t",
            f"INSERT INTO t(a,b) VALUES({self.literal()},{self.literal()}) RETURNING *", f"DELETE FROM t WHERE id={n} RETURNING id, changes()",
            f"INSERT INTO log(what,n) VALUES('tc', total_changes())", f"INSERT INTO log(what,n) VALUES('lr', last_insert_rowid())",
            f"INSERT INTO {odd} SELECT what, n FROM log WHERE n={self.expression()}", f"INSERT INTO missing VALUES({n})"]
        if "largest" in self.features:
            choices += ["INSERT OR IGNORE INTO t(id,a) VALUES(9223372036854775807,1)", "DELETE FROM t WHERE id=9223372036854775807",
                        "INSERT INTO log(rowid,what) VALUES(9223372036854775807,'largest')", "INSERT INTO t(a) VALUES('after the largest')"]
        if "vtab" in self.features:
            choices += [
                f"INSERT INTO f VALUES('one {n}', {self.expression()})", f"DELETE FROM f WHERE f MATCH 'one'", "INSERT INTO f(f) VALUES('optimize')",
                f"INSERT INTO g VALUES('two {n} three')", "SELECT optimize(g) FROM g LIMIT 1", "INSERT INTO f(f) VALUES('rebuild')",
                f"INSERT INTO r VALUES({n},0,{n},1,2)", f"UPDATE r SET x1=x1+{n} WHERE id>3", f"DELETE FROM r WHERE id={n}", "SELECT optimize(h) FROM h LIMIT 1",
                f"INSERT INTO h VALUES('four {n}')", f"UPDATE f SET y={self.literal()} WHERE rowid={n}"] * 2
        if "alter" in self.features:
            choices += [
                f"ALTER TABLE log ADD COLUMN c{n} DEFAULT {self.literal()}", f"ALTER TABLE log DROP COLUMN c{n}", f"ALTER TABLE log RENAME COLUMN c{n} TO cc{n}",
                f"ALTER TABLE copy RENAME TO copy{n}", f"CREATE TABLE copy{n} AS SELECT * FROM t", f"DROP TABLE IF EXISTS copy{n}", "DROP INDEX IF EXISTS t_b",
                "REINDEX", "ANALYZE", self.random.choice(MORE).format(raise_="").replace("RAISE()", "RAISE(IGNORE)") if False else "DROP TRIGGER IF EXISTS w_bi",
                f"CREATE INDEX IF NOT EXISTS x{n} ON log(what)", f"DROP INDEX IF EXISTS x{n}", "DROP VIEW IF EXISTS v", "ALTER TABLE t RENAME TO t9", "ALTER TABLE t9 RENAME TO t"]
        if "parameter" in self.features:
            choices += [
                "INSERT INTO t(a,b) VALUES(:r,$t)", "INSERT INTO log(what,n) VALUES(?1, 10-@i)", "UPDATE t SET a=:b WHERE id=10-?2",
                "INSERT INTO log(what) VALUES(':r'||:r) -- :b", "INSERT INTO u VALUES(hex(:t),:r,?2) ON CONFLICT DO NOTHING"] * 3
        if "other" in self.features:
            choices += ["PRAGMA user_version"]
        return self.random.choice(choices)

    def setting(self):
        n = self.random.randint(0, 9)
        choices = []
        if "settings" in self.features:
            choices += [f"PRAGMA {self.pick('foreign_keys', 'recursive_triggers', 'ignore_check_constraints', 'case_sensitive_like', 'reverse_unordered_selects', 'automatic_index', 'defer_foreign_keys', 'legacy_alter_table', 'trusted_schema', 'count_changes', 'full_column_names', 'short_column_names')}={self.pick('ON', 'OFF', 1, 0)}"] * 3
        if "pragma" in self.features:
            choices += [f"PRAGMA user_version={n}", f"PRAGMA application_id={n}", "PRAGMA incremental_vacuum", "PRAGMA wal_checkpoint", "PRAGMA optimize", "PRAGMA analysis_limit=10",
                        f"PRAGMA wal_autocheckpoint={n}", "PRAGMA secure_delete=1", "PRAGMA cache_size=5", "PRAGMA main.user_version(3)", "PRAGMA auto_vacuum=1"]
        if "vacuum" in self.features:
            choices += ["VACUUM", "VACUUM INTO 'into{}.db'".format(self.random.randint(0, 10 ** 6)), "VACUUM main"]
        if "temp" in self.features:
            choices += ["CREATE TEMP TABLE IF NOT EXISTS tt(q)", f"INSERT INTO tt VALUES({self.expression()})", "CREATE TEMP VIEW IF NOT EXISTS tv AS SELECT count(*) q FROM t", "DROP TABLE IF EXISTS temp.tt",
                        "INSERT INTO log(what) SELECT q FROM tv", "DROP VIEW IF EXISTS tv", "CREATE TEMP TABLE u(k)", "DROP TABLE IF EXISTS temp.u"]
            if self.random.random() < 0.3:
                choices += ["CREATE TEMP TRIGGER IF NOT EXISTS ttr AFTER INSERT ON t BEGIN INSERT INTO log(what) VALUES('temp'); END", "DROP TRIGGER IF EXISTS ttr"]
        if "attach" in self.features:
            choices += ["ATTACH 'aux.db' AS aux", "CREATE TABLE IF NOT EXISTS aux.z(q)", "INSERT INTO aux.z SELECT count(*) FROM t", "DETACH aux", "INSERT INTO log(what) SELECT q FROM z", "ATTACH ':memory:' AS \"Q x\"", "DETACH \"q X\""]
        if "dbconfig" in self.features:
            choices += [f".dbconfig {self.pick('enable_trigger', 'enable_view', 'enable_fkey', 'dqs_dml', 'dqs_ddl', 'legacy_alter_table', 'trusted_schema', 'defensive', 'legacy_file_format')} {self.pick('on', 'off')}"] * 2
        if "limit" in self.features:
            choices += [f".limit length {self.pick(60, 1000, 1000000)}", f".limit trigger_depth {self.pick(0, 1, 100)}", f".limit expr_depth {self.pick(5, 1000)}"]
        if "interrupt" in self.features:
            choices += [f".progress {self.pick(20, 100, 1000)} --limit {self.pick(1, 2, 5)} --quiet --reset", ".progress 0", "PRAGMA query_only=1", "PRAGMA query_only=0", "PRAGMA max_page_count=3", "PRAGMA max_page_count=1000000"]
        if "import" in self.features:
            self.files["x.csv"] = "1,aa\n2,bb\n3,\"c'c\"\n3,dup\n-4,\n5,xx\xe9\n"
            choices += [".import --csv x.csv t", ".import --csv x.csv u", ".import --csv x.csv fresh", ".mode list"]
        if "parameter" in self.features:
            choices += [f".parameter set :r {self.pick('0.1', '-1.5e-300', '1e999', '2.2250738585072014e-308', '4.9e-324', '123456789.123456789', '9007199254740993.0', '0.1+0.2', '-0.0')}", f".parameter set $t {self.pick('hello', 'char(65,0,66)', 'x''y')}",
                        f".parameter set @i {self.pick('-5', '-9223372036854775808', '7')}", f".parameter set ?2 {n}", ".parameter set :b \"X'0001'\"", ".parameter clear", ".parameter init", ".parameter set ?1 '-3.25'", ".parameter set :t zeroblob(3)"] * 2
        if "outside" in self.features:
            choices += ["INSERT INTO log(what) SELECT name FROM fsdir('.') WHERE name LIKE '%.csv'", "INSERT INTO log(n) VALUES(writefile('out.txt','x'))"]
        if "writable" in self.features:
            choices += ["PRAGMA writable_schema=ON", "UPDATE sqlite_schema SET sql=sql||' ' WHERE name='copy'", "PRAGMA writable_schema=OFF", "PRAGMA writable_schema=RESET"]
        if "connection" in self.features:
            choices += [".connection 1", ".connection 0", ".connection 0"]
        if "zone" in self.features:
            choices += ["INSERT INTO log(what) VALUES(datetime(1e9,'unixepoch','localtime'))"]
        return self.random.choice(choices) if choices else self.change()

    def transaction(self):
        lines = [self.pick("BEGIN", "BEGIN", "BEGIN IMMEDIATE", "SAVEPOINT outer", "begin exclusive")]
        names = []
        for _ in range(self.random.randint(0, 9)):
            act = self.random.random()
            if act < 0.12:
                names.append(self.pick("a", "A", '"a"', "b", "[b]", "'c'", "Outer"))
                lines.append(f"SAVEPOINT {names[-1]}")
            elif act < 0.2 and names:
                lines.append(f"ROLLBACK TO {self.pick('', 'SAVEPOINT ')}{self.random.choice(names)}")
            elif act < 0.25 and names:
                lines.append(f"RELEASE {self.pick('', 'SAVEPOINT ')}{self.random.choice(names)}")
            elif act < 0.3:
                lines.append(self.setting())
            elif act < 0.33:
                lines.append(self.pick("COMMIT", "PRAGMA defer_foreign_keys=1", "INSERT INTO d(p) VALUES(777)"))
            else:
                lines.append(self.change())
        lines += self.pick(["COMMIT"], ["COMMIT"], ["END"], ["ROLLBACK"], ["COMMIT", "DELETE FROM d WHERE p=777", "COMMIT", "ROLLBACK"], ["RELEASE outer", "COMMIT"])
        return lines

    def script(self, number):
        lines = []
        if number == 0:
            if "encoding" in self.features:
                lines.append(f"PRAGMA encoding='{self.pick('UTF-16le', 'UTF-16be', 'UTF-8')}'")
                lines.append(f"PRAGMA {self.pick('page_size=1024', 'page_size=8192', 'auto_vacuum=1', 'auto_vacuum=2')}")
            if self.random.random() < 0.5:
                lines.append("PRAGMA foreign_keys=ON")
            lines += [line for line in SCHEMA if self.random.random() < 0.93]
            for line in self.random.sample(MORE, self.random.randint(2, len(MORE))):
                lines.append(line.replace("{raise}", self.pick("IGNORE", "ABORT,'no'", "FAIL,'no'", "ROLLBACK,'no'")))
        for _ in range(self.random.randint(3, 40)):
            act = self.random.random()
            if act < 0.3:
                lines += self.transaction()
            elif act < 0.45:
                lines.append(self.setting())
            else:
                lines.append(self.change())
        if self.random.random() < 0.1:
            lines.insert(self.random.randint(0, len(lines)), ".system kill -9 $PPID")
        return lines


RARE = {"largest", "attach", "outside", "writable", "connection", "limit", "interrupt", "temp"}


SCRIPTS = ["plain", "Straße", "ÄÖ", "äö", "e\u0301", "\u00e9", "имя", "名前", "اسم", "K", "\u212a", "ſ", "s", "a b", "x\ty", "ﬁ", "İ", "i\u0307"]
PRAGMAS = {
    "foreign_keys": 2, "recursive_triggers": 2, "ignore_check_constraints": 2, "case_sensitive_like": 2, "reverse_unordered_selects": 2,
    "automatic_index": 2, "defer_foreign_keys": 2, "legacy_alter_table": 2, "trusted_schema": 2, "count_changes": 2, "full_column_names": 2,
    "short_column_names": 2, "empty_result_callbacks": 2, "query_only": 2, "read_uncommitted": 2, "cell_size_check": 2, "fullfsync": 2,
    "checkpoint_fullfsync": 2, "writable_schema": ("ON", "OFF", "RESET"), "threads": (0, 1, 4), "cache_size": (5, -100, 2000), "cache_spill": (0, 1, 50),
    "temp_store": (0, 1, 2), "synchronous": (0, 1, 2), "secure_delete": (0, 1, "FAST"), "journal_size_limit": (-1, 0, 9999), "mmap_size": (0, 65536),
    "analysis_limit": (0, 1, 10), "auto_vacuum": (0, 1, 2), "page_size": (512, 4096), "encoding": ("'UTF-8'", "'UTF-16le'"), "user_version": (0, -1, 7),
    "application_id": (0, 9), "schema_version": (5, 1000), "default_cache_size": (3, 100), "max_page_count": (1000000,), "locking_mode": ("NORMAL",),
    "wal_autocheckpoint": (0, 1, 100), "wal_checkpoint": ("PASSIVE", "FULL", "TRUNCATE"), "journal_mode": ("WAL",), "busy_timeout": (0, 50),
    "soft_heap_limit": (0, 100000000), "hard_heap_limit": (0,), "incremental_vacuum": (1, 5), "optimize": (0xfffe, 1), "integrity_check": (1,),
    "quick_check": ("t",), "foreign_key_check": ("c",), "table_info": ("t",), "no_such_pragma": (1,), "vdbe_trace": (0,), "shrink_memory": (0,),
}
SWITCHES = ["defensive", "dqs_ddl", "dqs_dml", "enable_fkey", "enable_qpsg", "enable_trigger", "enable_view", "fts3_tokenizer", "legacy_alter_table",
            "legacy_file_format", "no_ckpt_on_close", "reset_database", "trigger_eqp", "trusted_schema", "writable_schema"]
SHADOWED = ["t", "u", "w", "log", "p", "c", "o", "v"]
NESTED = ["SELECT * FROM t", "SAVEPOINT q", "ROLLBACK TO q", "RELEASE q", "ROLLBACK", "COMMIT", "BEGIN", "PRAGMA recursive_triggers=1", "PRAGMA case_sensitive_like=1",
          "PRAGMA cache_size", "PRAGMA data_version", "PRAGMA optimize", "SELECT count(*) FROM tt", "SELECT * FROM temp.t", "SELECT * FROM sqlite_temp_schema",
          "SELECT * FROM pragma_table_info(''t'')", "SELECT * FROM pragma_database_list", "PRAGMA table_info(t)", "PRAGMA writable_schema=1", "EXPLAIN PRAGMA foreign_keys=1",
          "SELECT last_insert_rowid(), changes(), total_changes()", "SELECT random()", "SELECT datetime(''now'')", "PRAGMA threads=2", "SELECT * FROM v", "ATTACH '':memory:'' AS nest",
          "PRAGMA foreign_keys", "SELECT * FROM pragma_foreign_key_check", "PRAGMA integrity_check", "SELECT * FROM log ORDER BY 1; SELECT 2", ";;SELECT 1"]


class MisleadingSession(Session):
    """Writes the same, in a form that misleads readers of the text, and with states of a session that its text does not show."""

    def __init__(self, seed):
        chance = random.Random(seed * 7 + 3)
        # Each of these makes much of a session a barrier: one at a time, and mostly none.
        self.moods = {name for name, share in MOODS.items() if chance.random() < share}
        super().__init__(seed)

    # Text

    def blank(self):
        n = self.random.random()
        if n < 0.6:
            return " "
        if n < 0.7:
            return self.pick("\t", "  ", "\n", "\n\n", " \f ", "\r\n")
        if n < 0.93:
            return self.pick("/**/", "/* ; */", "/* it's \" ` [ */", "/*\n.not a command\n*/", "/* -- */", "-- x\n", "--\n", "-- ' ; ROLLBACK\n", "/* COMMIT; */", "/* é\u0301名 */", "/***/", "/* /* */")
        return "/*" + self.pick("x", "; ", "名", "'") * self.random.randint(1000, 6000) + "*/"

    def spread(self, sql):
        """Puts blanks of all kinds between words outside of quotes, if a blank may stand there."""
        pieces, quote, at = [], None, 0
        while at < len(sql):
            letter = sql[at]
            if quote:
                if letter == quote:
                    quote = None
            elif letter in "'\"`":
                quote = letter
            elif letter == "[":
                quote = "]"
            elif sql.startswith("--", at) or sql.startswith("/*", at):
                return "".join(pieces) + sql[at:]
            elif letter == " " and self.random.random() < 0.2:
                letter = self.blank()
            pieces.append(letter)
            at += 1
        return "".join(pieces)

    def mislead(self, line):
        if line.startswith("."):
            return line
        if self.random.random() < 0.35:
            line = self.spread(line)
        act = self.random.random()
        if act < 0.12:
            line = self.pick(";", ";;", "; ;", ";\n;", "/* a */;", ";-- b\n") + line
        elif act < 0.22:
            line = self.blank().replace(".not", "not") + line
        elif act < 0.27:
            line = self.pick("EXPLAIN ", "EXPLAIN QUERY PLAN ", "explain\n", "EXPLAIN/**/") + line
        if self.random.random() < 0.15:
            line += self.pick(";", " ;;", "; /* end */", " /* ROLLBACK */", "; -- end\n")
        # A command would begin on a line of its own.
        return "\n".join(" " + part if part.startswith((".", "#")) and number else part for number, part in enumerate(line.split("\n")))

    def name(self):
        word = self.random.choice(SCRIPTS)
        style = self.random.random()
        if style < 0.35:
            return '"' + word.replace('"', '""') + '"'
        if style < 0.5:
            return "`" + word + "`"
        if style < 0.65:
            return "[" + word + "]"
        if style < 0.8:
            return "'" + word + "'"
        return word if " " not in word and "\t" not in word else f'"{word}"'

    # Statements

    def parameter(self):
        return self.pick(":x", ":x", "@x", "$x", "$x::y(z)", "?", "?1", "?2", "?3", "?007", ":é", ":e\u0301", ":ORDER")

    def change(self):
        if self.random.random() < 0.7:
            return super().change()
        p, q, n = self.parameter(), self.parameter(), self.random.randint(0, 9)
        choices = [
            f"CREATE TABLE IF NOT EXISTS o{n} AS SELECT a, b FROM t ORDER BY {p}", f"CREATE TABLE IF NOT EXISTS o{n} AS SELECT {p}, {q}", f"DROP TABLE IF EXISTS o{n}",
            f"INSERT INTO log(what,n) SELECT a, b FROM t LIMIT {p} OFFSET {q}", f"INSERT INTO log(what,n) SELECT max(a), {q} FROM t GROUP BY {p}", f"INSERT INTO log(what) SELECT{p}",
            f"INSERT INTO log(what) VALUES(\"{p}\")", f"INSERT INTO log(what,n) VALUES('{p}', {p})", f"UPDATE t SET a={p} WHERE id={q}", f"DELETE FROM log WHERE n={p} AND what IS {q}",
            f"INSERT INTO t(a,b) VALUES({p},{q}) ON CONFLICT DO UPDATE SET a={q}", f"INSERT INTO w(x) SELECT x FROM w WHERE x LIKE {p}", f"INSERT INTO log(what) SELECT a FROM t WHERE a>{p} ORDER BY b LIMIT 3",
            f"INSERT INTO log(what) VALUES({p}) RETURNING {q}", f"INSERT INTO log(what,n) SELECT group_concat(a), {p} FROM t GROUP BY b", f"INSERT INTO u VALUES({p},{q},-{p}) ON CONFLICT DO NOTHING",
            f"CREATE TABLE IF NOT EXISTS {self.name()}(a, {self.name()})", f"INSERT INTO {self.name()} VALUES({self.expression()},{p})", f"DROP TABLE IF EXISTS {self.name()}",
            f"CREATE INDEX IF NOT EXISTS {self.name()} ON log(what)", f"CREATE VIEW IF NOT EXISTS vp AS SELECT name, type FROM pragma_table_info('t')", "INSERT INTO log(what,n) SELECT * FROM vp",
            f"INSERT INTO log(what,n) SELECT name, seq FROM pragma_index_list('{self.pick('t', 'u', 'w', 'x')}')", "INSERT INTO log(what) SELECT \"table\" FROM pragma_foreign_key_list('c')",
            "INSERT INTO log(what,n) SELECT \"table\", rowid FROM pragma_foreign_key_check", "INSERT INTO log(what) SELECT name FROM pragma_index_info('w_x')",
            "INSERT INTO log(what,n) SELECT t.a, w.i FROM t JOIN w ON t.b=w.i JOIN log l ON l.n=t.id", "INSERT INTO log(what,n) SELECT w.x, t.id FROM w, t WHERE t.a=w.x",
            "INSERT INTO log(what) SELECT DISTINCT a FROM t WHERE a IN (SELECT x FROM w)", "SELECT count(*) FROM t WHERE a>3", ";", "/* nothing */", "-- nothing"]
        if "functions" in self.moods:
            inner = self.random.choice(NESTED)
            choices += [f"INSERT INTO log(what) VALUES(hex(sha3_query('{inner}')))", f"SELECT hex(sha3_query('{inner}')) IS NULL", f"UPDATE t SET a=sha3_query('{inner}') WHERE id={n}"] * 4
        if "statistics" in self.moods:
            choices += [f"UPDATE sqlite_stat1 SET stat='{self.pick('1 1', '1000000 1000000', '3 2', 'garbage', '40 40 1')}'{self.pick('', ' WHERE tbl=' + chr(39) + 't' + chr(39))}", "DELETE FROM sqlite_stat1 WHERE tbl='w'",
                        "INSERT INTO sqlite_stat1 VALUES('t',NULL,'99999')", "ANALYZE sqlite_schema", "ANALYZE sqlite_master", "DROP TABLE IF EXISTS sqlite_stat1", "PRAGMA optimize"] * 2
        if "analyze" in self.moods or "statistics" in self.moods:
            choices += ["ANALYZE", "ANALYZE t", "ANALYZE w", "ANALYZE main", "DROP INDEX IF EXISTS w_x", "CREATE INDEX IF NOT EXISTS w_x ON w(x)"] * 2
        if "shadow" in self.moods:
            name = self.pick(*SHADOWED)
            choices += [f"CREATE TEMP TABLE IF NOT EXISTS {name}(id, a, b, what, n)", f"CREATE TEMP VIEW IF NOT EXISTS {name} AS SELECT 1 id, 2 a, 3 what", f"DROP TABLE IF EXISTS temp.{name}", f"DROP VIEW IF EXISTS temp.{name}",
                        f"CREATE INDEX IF NOT EXISTS temp.ti ON {name}(a)", f"INSERT INTO main.log(what) SELECT count(*) FROM {name}", "CREATE TEMP TABLE IF NOT EXISTS tt(q)", "INSERT INTO temp.tt VALUES(1)",
                        "INSERT INTO main.log(what) SELECT count(*) FROM sqlite_temp_schema", "INSERT INTO main.log(what) SELECT name FROM pragma_table_info('sqlite_parameters')"] * 2
        return self.random.choice(choices)

    def setting(self):
        if self.random.random() < 0.4:
            return super().setting()
        choices = []
        if "pragmas" in self.moods:
            name = self.random.choice(list(PRAGMAS))
            values = PRAGMAS[name]
            value = self.pick(0, 1, "ON", "OFF", "true", "no", "'yes'") if values == 2 else self.random.choice(values)
            choices += [f"PRAGMA {self.pick('', '', 'main.', 'temp.')}{name}{self.pick('={}', '({})', ' = {}').format(value)}", f"PRAGMA {name}",
                        f"INSERT INTO log(what) SELECT * FROM pragma_{name}"]
        if "switches" in self.moods:
            choices += [f".dbconfig {self.pick(*SWITCHES)} {self.pick('on', 'off')}"] * 2
        if "others" in self.moods:
            choices += [".system PROGRAM -mirror off a.db 'INSERT INTO log(what) VALUES(1)' >/dev/null 2>&1", ".system PROGRAM -mirror off a.db ANALYZE >/dev/null 2>&1", ".connection 1", ".connection 0", ".open a.db", ".mirror snapshot",
                        ".system PROGRAM -mirror off a.db 'CREATE TABLE IF NOT EXISTS others(a)' >/dev/null 2>&1"]
        if "snapshots" in self.moods:
            choices += [".mirror snapshot", ".mirror snapshot", ".open a.db", ".mirror sync"]
        choices += [f".parameter set {self.pick(':x', '@x', '$x', '$x::y(z)', '?1', '?2', '?3', '?007', ':é', ':ORDER')} {self.pick('1', '2', '0.1', '-3', 'NULL', 'text', '1e999', '4.9e-324', 'zeroblob(2)', 'char(0,13,10,39)', 'char(1,2,13)', '9223372036854775807', '-9223372036854775808')}"] * 3
        choices += [".parameter clear", ".parameter init"]
        return self.random.choice(choices)

    def transaction(self):
        lines = super().transaction()
        names = []
        for index in range(len(lines)):
            if self.random.random() < 0.12:
                act = self.random.random()
                if act < 0.5 or not names:
                    names.append(self.name())
                    lines[index:index] = [f"SAVEPOINT {names[-1]}"]
                else:
                    name = self.random.choice(names + [self.name()])
                    lines[index:index] = [f"{self.pick('ROLLBACK TO', 'ROLLBACK TRANSACTION TO SAVEPOINT', 'RELEASE', 'RELEASE SAVEPOINT', 'ROLLBACK TO')} {name}"]
        if self.random.random() < 0.1 and "statistics" in self.moods:
            lines[1:1] = ["SAVEPOINT st", "ANALYZE", "ROLLBACK TO st"]
        return lines

    def script(self, number):
        return [self.mislead(line) for line in super().script(number)]


MOODS = {"functions": 0.12, "statistics": 0.12, "analyze": 0.2, "shadow": 0.08, "pragmas": 0.15, "switches": 0.12, "others": 0.06, "snapshots": 0.25}
