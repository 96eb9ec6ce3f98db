SELECT data, expiry FROM sessions WHERE token = $1 AND expiry > now()
INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT (token) DO NOTHING
UPDATE sessions SET data = $1, expiry = $2 WHERE token = $3 AND data = $4 AND expiry > now()
UPDATE sessions SET expiry = $1 WHERE token = $2 AND expiry < $1 AND expiry > now()
INSERT INTO sessions (token, data, expiry) VALUES ($1, $2, $3) ON CONFLICT (token) DO UPDATE SET data = EXCLUDED.data, expiry = EXCLUDED.expiry
DELETE FROM sessions WHERE token = $1
SELECT token, data, expiry FROM sessions WHERE token > $1 AND expiry > now() ORDER BY token LIMIT $2
SELECT count(*) FROM sessions WHERE expiry > now()
DELETE FROM sessions WHERE expiry < $1 AND token IN (SELECT token FROM sessions WHERE expiry < $1 ORDER BY expiry LIMIT $2)
DELETE FROM sessions WHERE expiry < now() AND token IN (SELECT token FROM sessions WHERE expiry < now() ORDER BY expiry LIMIT 3)
SELECT now(), expiry FROM sessions WHERE expiry < now() ORDER BY expiry LIMIT 1
CREATE TABLE IF NOT EXISTS sessions (token TEXT PRIMARY KEY, data BYTEA NOT NULL, expiry TIMESTAMP NOT NULL)
CREATE INDEX IF NOT EXISTS idx_sessions_expiry ON sessions (expiry)
SELECT k, "Mixed", count(*) FROM t WHERE i = $1 AND ts < now() OR NOT o ORDER BY 1 LIMIT $2
SELECT t.*, i + 1, b * -2, d / 0.5, i % 3, y || '\x00' FROM t AS x WHERE k BETWEEN 'a' AND 'z' ORDER BY ts DESC NULLS LAST, 1 LIMIT 5 OFFSET $1
SELECT min(ts), max(i), count(d), count(*) FROM t WHERE k IN ('a', 'b', NULL) AND (d < 2.5 OR y = '\x61') AND NOT (b IS NULL)
SELECT i % 2 AS n, count(*), sum(b), avg(DISTINCT d), string_agg(k, ', ' ORDER BY ts DESC NULLS LAST), bool_and(o) FILTER (WHERE i > 0) FROM t WHERE k > 'a' GROUP BY n HAVING count(*) > 1 AND max(i) < $1 ORDER BY count(*) DESC, 1 LIMIT 3
SELECT k, t.*, every(o) FROM t GROUP BY k, i + 1 ORDER BY max(ts)
SELECT DISTINCT i, lower("Mixed") FROM t ORDER BY 1, lower("Mixed") DESC OFFSET 1
SELECT count(DISTINCT i) FROM t GROUP BY ROLLUP (i, o)
SELECT * FROM t WHERE o IS DISTINCT FROM true AND k <> 'a' AND i NOT IN (1, 2) AND ts NOT BETWEEN '2024-01-01' AND now()
SELECT * FROM t WHERE 5 > i AND $1 <= b AND '2025-01-01' < ts ORDER BY k
INSERT INTO t (k, i, y, ts) VALUES ($1, DEFAULT, '\x00', '2025-01-01 10:00:00.123456'), ('q', -1, E'\\001', NULL) ON CONFLICT (k) DO UPDATE SET i = excluded.i + t.i WHERE t.o RETURNING *
INSERT INTO t VALUES ('w', 1, 2, 3.5, 'a', now(), false, 'm') ON CONFLICT DO NOTHING RETURNING k, i + 1 AS n
INSERT INTO t (k, i, d) SELECT k || 'x', count(*), '1.5' FROM t GROUP BY k ORDER BY 1 LIMIT 5 ON CONFLICT (k) DO UPDATE SET i = excluded.i RETURNING k
INSERT INTO t (k, i) (VALUES ($1, 2), ('b', DEFAULT) ORDER BY column2 LIMIT 1)
VALUES (1, 'a', NULL), (2.5, 'b', $1) ORDER BY column1 DESC OFFSET 1
TABLE ONLY t ORDER BY k FETCH FIRST 2 ROWS ONLY
TRUNCATE TABLE t, ONLY (public.sessions), t * RESTART IDENTITY CASCADE
UPDATE t SET i = (i + 1) * 2, d = 1e300, ts = $1::timestamptz, k = $2 WHERE y = E'\\001' AND "Mixed" <> 'x' RETURNING k
DELETE FROM t WHERE ts < $1 AND k IN (SELECT k FROM t WHERE ts < $1 LIMIT 5) RETURNING *
DELETE FROM t WHERE i < $1 ORDER BY i LIMIT 2
CREATE TABLE x (a INT8 PRIMARY KEY, b CHARACTER VARYING(5) NOT NULL DEFAULT 'y', c FLOAT8 DEFAULT -1.5, CONSTRAINT p CHECK (a > 0))
CREATE TABLE IF NOT EXISTS pairs (a TEXT, b INTEGER UNIQUE, PRIMARY KEY (a, b))
CREATE UNIQUE INDEX i ON t USING btree (i DESC)
CREATE INDEX ON t (ts)
DROP INDEX IF EXISTS t_ts_idx
DROP TABLE IF EXISTS x, pairs CASCADE
SELECT 1/0, -9223372036854775808, 1e309, 'x'::bytea, 5 % 0, CAST('t' AS bool), interval '1', 0.1::int2, '1'::int8
SELECT CAST('2025' AS timestamp with time zone), timestamp '2025-01-01', '9999-12-31 23:59:59.999999'::timestamp, 'infinity'::timestamptz
SELECT version(), current_database(), current_user, current_timestamp, localtimestamp, pg_catalog.version()
SELECT oid, typname FROM pg_catalog.pg_type WHERE typname = $1
BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY
START TRANSACTION; SELECT 1; COMMIT AND CHAIN; ROLLBACK
SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY
SET TIME ZONE 'UTC'; SHOW ALL; RESET ALL; DISCARD ALL; DEALLOCATE ALL
SET statement_timeout = '5s'; SHOW statement_timeout
/* /* */ */ -- x
SELECT $tag$ body $tag$, "q""q", 'a' 'b', 1.e5, .5, $12 <-1 @@ ::
SELECT E'\x41\u00e9\n\'', U&'\0441', B'01', X'1F', N'n'
SELECT ((((((((((((((((((((((((((((((((((((((((((((((((((1))))))))))))))))))))))))))))))))))))))))))))))))))
SELECT - - - + + NOT NOT -1 - -1
SELECT * FROM t WHERE k = 'x' OR k = 'WHERE' OR k = '; DROP TABLE t; --' OR "Mixed" = $1
COPY t FROM STDIN
EXPLAIN SELECT 1
WITH a AS (SELECT 1) SELECT * FROM a
VACUUM; ANALYZE; LISTEN x
SELECT TRIM(LEADING 'x' FROM k), SUBSTRING(k FROM 2 FOR i), POSITION('a' IN k), OVERLAY(k PLACING 'é' FROM 1), lpad(k, 5, 'ab'), repeat('x', $1), split_part(k, ',', -1) FROM t WHERE lower(k) = 'a' AND left(k, 1) <> upper($2)
SELECT encode(y, 'base64'), decode('6162', 'hex'), md5(k), sha256(y), round(d), round(i / 7.0, 2), trunc(-1.5), mod(b, 3), sqrt(abs(d)), concat_ws('-', k, i, o), chr(i) FROM t ORDER BY length(k) DESC
DELETE FROM sessions WHERE expiry < now() - interval '30 days' AND token IN (SELECT token FROM sessions WHERE expiry < now() - interval '30 days' ORDER BY expiry LIMIT 3)
SELECT interval '1 year 2 mons -3 days 04:05:06.7 ago', INTERVAL '5' MINUTE, interval(2) '1.239 s', 'P1Y2M3DT4H5M6.5S'::interval, interval '1-2 3 4:05', $1 * interval '1 day', ts - $2, ts + (i * interval '1 hour') FROM t
SELECT date_trunc('week', ts), extract(epoch FROM ts), EXTRACT("dow" FROM now()), date_part('julian', ts), to_timestamp(d), timestamp '0044-03-15 BC' FROM t WHERE ts - timestamp '2020-01-01' > interval '1' day
SELECT date '2025-01-31' + 1, ts::date, date(ts), CURRENT_DATE - $1, ts - date '2020-01-01', date_part('dow', CURRENT_DATE) FROM t WHERE ts >= date '2025-01-01' AND ts < $2::date + interval '1 day'
SELECT k FROM t WHERE k = ANY ($1) AND i <> ALL ('{1, "2" ,NULL}') AND d = SOME (ARRAY[1.5, i]::float8[]) AND ts = ANY (CAST($2 AS timestamp[]))
