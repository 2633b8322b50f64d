"""Writes rows in four threads, and waits after each commit until it is stored.

usage: wait.py DATABASE EXTENSION"""

import sqlite3, sys, threading


def connect():
    connection = sqlite3.connect(sys.argv[1], timeout=30)
    connection.enable_load_extension(True)
    connection.load_extension(sys.argv[2])
    return connection


def work(first):
    connection = connect()
    for number in range(first, first + 30):
        with connection:
            connection.execute("INSERT INTO t VALUES(?)", (number,))
        # Raises sqlite3.OperationalError if the commit is not stored within ten seconds.
        connection.execute("SELECT mirror_wait(10)")
    connection.close()


threads = [threading.Thread(target=work, args=(30 * index,)) for index in range(4)]
for thread in threads:
    thread.start()
for thread in threads:
    thread.join()
print(connect().execute("SELECT count(*) FROM t").fetchone()[0], "rows are stored")
