// What a Node program does with node-postgres. Run by test_other_clients.py; the server is named by PGHOST and its like.
const assert = require("node:assert/strict");
const { Client, Pool } = require("pg");

const columns = "id BIGINT PRIMARY KEY, body TEXT, data BYTEA, price DOUBLE PRECISION, sold BOOLEAN, at TIMESTAMP, count INTEGER";
const row = ["1099511627776", "naïve ☃", Buffer.from([0, 255]), 0.1, true, new Date("2030-01-02T03:04:05.678Z"), -7];
const empty = ["1", null, null, null, null, null, null];

async function values(client) {
  await client.query(`CREATE TABLE items (${columns})`);
  for (const each of [row, empty]) {
    const done = await client.query("INSERT INTO items VALUES ($1, $2, $3, $4, $5, $6, $7)", each);
    assert.equal(done.rowCount, 1);
  }
  for (const name of [undefined, "find", "find"]) { // unnamed, prepared, and as it was prepared
    const found = await client.query({ name, text: "SELECT * FROM items WHERE id >= $1 ORDER BY id", values: [1], rowMode: "array" });
    assert.deepEqual(found.rows, [empty, row]);
    assert.deepEqual(found.fields.map((field) => field.name), columns.split(", ").map((column) => column.split(" ")[0]));
  }
}

async function errors(client) {
  await client.query("BEGIN");
  await client.query("DELETE FROM items");
  await assert.rejects(client.query("INSERT INTO items (id) VALUES ($1), ($1)", [5]), { code: "23505", severity: "ERROR" });
  await assert.rejects(client.query("SELECT 1"), { code: "25P02" });
  await client.query("ROLLBACK");
  await assert.rejects(client.query("COPY items FROM STDIN"), { code: "0A000" });
  await assert.rejects(client.query("SELECT * FROM pg_catalog.pg_class"), { code: "0A000" });
  assert.equal((await client.query("SELECT count(*) FROM items")).rows[0].count, "2");
}

async function pool() {
  const pool = new Pool({ max: 3 });
  await pool.query("UPDATE items SET count = 0 WHERE id = 1");
  await Promise.all(Array.from({ length: 30 }, () => pool.query("UPDATE items SET count = count + 1 WHERE id = $1", [1])));
  assert.deepEqual((await pool.query("SELECT count FROM items WHERE id = 1")).rows, [{ count: 30 }]);
  await pool.end();
}

async function main() {
  const client = new Client();
  await client.connect();
  await values(client);
  await errors(client);
  await client.end();
  await pool();
  console.log("done");
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
