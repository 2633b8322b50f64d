/// A script with every kind of statement and command.
enum RichScript {
  static let csv =
    "id,name,note\n1,Ada,\"wrote, among others, notes\"\n2,Grace,\"said \"\"hello\"\"\"\n3,Edsger,\n"

  static let text = """
    CREATE TABLE author(id INTEGER PRIMARY KEY, name TEXT NOT NULL COLLATE NOCASE, born INT CHECK(born > 1700));
    CREATE TABLE book(
      isbn TEXT PRIMARY KEY, author INT REFERENCES author ON DELETE CASCADE, title, price REAL DEFAULT 9.99,
      label AS (title || ' #' || isbn) STORED
    ) WITHOUT ROWID;
    CREATE INDEX by_title ON book(title COLLATE NOCASE, price DESC);
    CREATE UNIQUE INDEX few ON book(author, title) WHERE price > 100;
    CREATE TABLE log(id INTEGER PRIMARY KEY AUTOINCREMENT, what TEXT, n INT);
    CREATE TRIGGER note AFTER INSERT ON book BEGIN INSERT INTO log(what, n) VALUES('new ' || new.title, 1); END;
    CREATE TRIGGER gone AFTER DELETE ON book BEGIN
      UPDATE log SET n = n + 1 WHERE what LIKE 'new%'; INSERT INTO log(what) VALUES('gone; ' || old.isbn); END;
    CREATE VIEW shelf AS SELECT name, title FROM author JOIN book ON author.id = book.author;
    CREATE VIRTUAL TABLE words USING fts5(title, body);
    CREATE VIRTUAL TABLE area USING rtree(id, x0, x1);
    PRAGMA foreign_keys=ON;
    INSERT INTO author VALUES(1,'Ursula',1929),(2,'Italo',1923),(3,'Jorge Luis',1899);
    INSERT INTO book(isbn, author, title) VALUES('a-1',1,'The Dispossessed'),('a-2',1,'Lavinia'),('b-1',2,'t zero');
    INSERT INTO book(isbn, author, title) VALUES('x',99,'nobody''s');
    INSERT INTO author VALUES(1,'again',1950);
    INSERT INTO author VALUES(4,'too early',1600);
    INSERT INTO book(isbn, author, title, price) VALUES('a-1',1,'other',5)
      ON CONFLICT(isbn) DO UPDATE SET price = excluded.price, title = title || ' (2nd)';
    INSERT OR IGNORE INTO author VALUES(2,'ignored',1950),(5,'kept',1950);
    INSERT OR REPLACE INTO author VALUES(5,'replaced',1951);
    INSERT OR FAIL INTO log(id, what) VALUES(901,'stays'),(1,'fails'),(902,'never');
    INSERT INTO author VALUES(6,'back',1960) RETURNING id, upper(name);
    UPDATE book SET price = price * 2 WHERE author = 1 RETURNING isbn, price;
    INSERT INTO words VALUES('one','the quick brown fox'),('two','jumps over the lazy dog');
    INSERT INTO words(words) VALUES('optimize');
    INSERT INTO area VALUES(1,0.5,1.5),(2,-3,4);
    CREATE TABLE things(k, v BLOB);
    INSERT INTO things VALUES(1, x'00ff10'), (2, zeroblob(9000)), (3, NULL), (4, 1e300), (5, -9223372036854775808);
    INSERT INTO things VALUES('naïve — 漢字 🐘', 'line one
    line two; still in it -- not a comment'), (6, replace(hex(zeroblob(3000)), '0', 'ab'));
    BEGIN;
    INSERT INTO log(what) VALUES('in'); SAVEPOINT one; INSERT INTO log(what) VALUES('undone');
    SAVEPOINT two; DELETE FROM things; ROLLBACK TO one; INSERT INTO log(what) VALUES('kept'); RELEASE one;
    INSERT INTO author VALUES(1,'fails inside',1950);
    COMMIT;
    BEGIN; DELETE FROM author; DROP TABLE things; ROLLBACK;
    SAVEPOINT outer; INSERT INTO log(what) VALUES('by savepoint'); RELEASE outer;
    DELETE FROM author WHERE id = 1;
    .import --csv people.csv people
    .mode csv
    .import --skip 1 people.csv people
    .mode list
    .parameter init
    .parameter set $name 'O''Brien; --'
    .parameter set @n 42
    INSERT INTO log(what, n) VALUES($name, @n);
    ALTER TABLE log ADD COLUMN extra DEFAULT 'e';
    ALTER TABLE things RENAME COLUMN v TO value;
    ALTER TABLE people RENAME TO persons;
    CREATE TABLE copy AS SELECT * FROM persons;
    WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 2000)
      INSERT INTO copy SELECT i, 'row ' || i, i * i FROM n;
    DELETE FROM copy WHERE id % 7 = 3; DROP INDEX by_title; ANALYZE;
    SELECT * FROM nowhere;
    PRAGMA user_version=77; PRAGMA application_id=12345;
    VACUUM;
    REINDEX; SELECT count(*), sum(n) FROM log; SELECT * FROM shelf;
    """ + "\n"
}
