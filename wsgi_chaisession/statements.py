"""Every SQL text of the store; the same ones for chaisqld and PostgreSQL.

The sessions table is the one that chaistore made. Sessions of one user are found through a
second table: its key is "principal hash:token hash", because an index over a column of few
distinct values is slow to delete from in Chai.
"""

SCHEMA = (
    """CREATE TABLE IF NOT EXISTS sessions
    (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)",
    """CREATE TABLE IF NOT EXISTS session_principals
    (id TEXT PRIMARY KEY, token TEXT NOT NULL, expiry TIMESTAMP NOT NULL)""",
    "CREATE INDEX IF NOT EXISTS idx_session_principals_token ON session_principals (token)",
    "CREATE INDEX IF NOT EXISTS idx_session_principals_expiry ON session_principals (expiry)",
    """CREATE TABLE IF NOT EXISTS session_reaper
    (name TEXT PRIMARY KEY, finished TIMESTAMP NOT NULL, runs BIGINT NOT NULL,
    deleted BIGINT NOT NULL, last_deleted BIGINT NOT NULL, seconds DOUBLE PRECISION NOT NULL)""",
    """CREATE TABLE IF NOT EXISTS session_reaper_runs
    (id TEXT PRIMARY KEY, finished TIMESTAMP NOT NULL, pace DOUBLE PRECISION)""",
    "CREATE INDEX IF NOT EXISTS idx_session_reaper_runs_finished ON session_reaper_runs (finished)",
)

FIND = "SELECT data, expiry FROM sessions WHERE token = %(key)b AND expiry > now()"
INSERT = (
    "INSERT INTO sessions (token, data, expiry) VALUES (%(key)b, %(data)b, %(expiry)b)"
    " ON CONFLICT (token) DO NOTHING"
)
REPLACE = (
    "UPDATE sessions SET data = %(data)b, expiry = %(expiry)b"
    " WHERE token = %(key)b AND data = %(old)b AND expiry > now()"
)
TOUCH = (
    "UPDATE sessions SET expiry = %(expiry)b WHERE token = %(key)b AND expiry < %(expiry)b AND expiry > now()"
)
COMMIT = (
    "INSERT INTO sessions (token, data, expiry) VALUES (%(key)b, %(data)b, %(expiry)b)"
    " ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry"
)
DELETE = "DELETE FROM sessions WHERE token = %(key)b"
END = "DELETE FROM sessions WHERE token = %(key)b AND data = %(data)b AND expiry > now()"
PAGE = (
    "SELECT token, data, expiry FROM sessions WHERE token > %(after)b AND expiry > now()"
    " ORDER BY token LIMIT %(page)b"
)
COUNT = "SELECT count(*) FROM sessions WHERE expiry > now()"
COUNT_EXPIRED = "SELECT count(*) FROM sessions WHERE expiry <= now()"
# The expiry is judged again outside: a session extended after the inner select survives.
EXPIRED = (
    "DELETE FROM {table} WHERE expiry <= {now} AND {key} IN"
    " (SELECT {key} FROM {table} WHERE expiry <= {now} ORDER BY expiry LIMIT %(limit)b)"
)

ENTRY_UPDATE = "UPDATE session_principals SET expiry = %(expiry)b WHERE id = %(id)b"
ENTRY_INSERT = (
    "INSERT INTO session_principals (id, token, expiry) VALUES (%(id)b, %(key)b, %(expiry)b)"
    " ON CONFLICT (id) DO UPDATE SET token = EXCLUDED.token, expiry = EXCLUDED.expiry"
)
ENTRY_DELETE = "DELETE FROM session_principals WHERE token = %(key)b"
ENTRIES = (
    "SELECT token FROM session_principals WHERE id > %(low)b AND id < %(high)b AND expiry > now()"
    " ORDER BY id LIMIT %(page)b"
)

OLDEST = "SELECT now(), expiry FROM sessions WHERE expiry <= now() ORDER BY expiry LIMIT 1"

# A run enters under an id of its own before it is added, so that a repeat adds nothing. Only the store's
# clock is read: reapers on several hosts need not agree about the time.
RUN_ENTER = (
    "INSERT INTO session_reaper_runs (id, finished, pace) VALUES (%(id)b, now(), %(interval)b)"
    " ON CONFLICT (id) DO NOTHING"
)
RUN_ADD = (
    "INSERT INTO session_reaper (name, finished, runs, deleted, last_deleted, seconds)"
    " VALUES ('reaper', now(), 1, %(deleted)b, %(deleted)b, %(seconds)b) ON CONFLICT (name) DO UPDATE"
    " SET finished = EXCLUDED.finished, runs = session_reaper.runs + 1,"
    " deleted = session_reaper.deleted + EXCLUDED.deleted, last_deleted = EXCLUDED.last_deleted,"
    " seconds = EXCLUDED.seconds"
)
RUN_NOW = "SELECT now()"
RUN_FORGET = "DELETE FROM session_reaper_runs WHERE finished < %(until)b"
RUN_STATUS = (
    "SELECT now(), finished, runs, deleted, last_deleted, seconds FROM session_reaper WHERE name = 'reaper'"
)
RUN_LAST = "SELECT pace FROM session_reaper_runs ORDER BY finished DESC LIMIT 1"
