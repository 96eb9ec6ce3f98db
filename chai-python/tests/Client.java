// What a Java program does with PostgreSQL's JDBC driver. Run by test_remote.py with the URL as its argument.
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.sql.Types;
import java.time.Duration;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.util.Arrays;

class Client {
    private static final LocalDateTime AT = LocalDateTime.parse("2030-01-02T03:04:05.678901");

    interface Work {
        void run() throws SQLException;
    }

    public static void main(String[] arguments) throws SQLException {
        try (Connection connection = DriverManager.getConnection(arguments[0])) {
            try (Statement statement = connection.createStatement()) {
                statement.execute("CREATE TABLE items (id BIGINT PRIMARY KEY, body TEXT, data BYTEA, price DOUBLE PRECISION, "
                    + "sold BOOLEAN, at TIMESTAMP, count INTEGER)");
            }
            // The driver prepares a statement, and goes over to the binary format, the fifth time.
            for (int key = 1; key <= 8; key++) {
                insert(connection, key, key % 2 == 0);
            }
            find(connection);
            batch(connection);
            transactions(connection);
            instants(connection);
            refusals(connection);
        }
        System.out.println("done");
    }

    private static void insert(Connection connection, int key, boolean empty) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items VALUES (?, ?, ?, ?, ?, ?, ?)")) {
            insert.setLong(1, key);
            if (empty) {
                int[] types = {Types.VARCHAR, Types.BINARY, Types.DOUBLE, Types.BOOLEAN, Types.TIMESTAMP, Types.INTEGER};
                for (int i = 0; i < types.length; i++) {
                    insert.setNull(i + 2, types[i]);
                }
            } else {
                insert.setString(2, "na\u00efve \u2603");
                insert.setBytes(3, new byte[] {0, -1});
                insert.setDouble(4, 0.1);
                insert.setBoolean(5, true);
                insert.setObject(6, AT);
                insert.setInt(7, -7);
            }
            check(insert.executeUpdate() == 1, "one row");
        }
    }

    private static void find(Connection connection) throws SQLException {
        try (PreparedStatement find = connection.prepareStatement("SELECT * FROM items WHERE id = ?")) {
            for (int key = 1; key <= 8; key++) {
                find.setLong(1, key);
                try (ResultSet row = find.executeQuery()) {
                    check(row.next() && row.getLong(1) == key, "the row is there");
                    if (key % 2 == 0) {
                        for (int column = 2; column <= 7; column++) {
                            check(row.getObject(column) == null, "null");
                        }
                        continue;
                    }
                    check(row.getString("body").equals("na\u00efve \u2603"), "text");
                    check(Arrays.equals(row.getBytes("data"), new byte[] {0, -1}), "bytes");
                    check(row.getDouble("price") == 0.1 && row.getBoolean("sold") && row.getInt("count") == -7, "numbers");
                    check(row.getObject("at", LocalDateTime.class).equals(AT), "time");
                }
            }
        }
    }

    private static void batch(Connection connection) throws SQLException {
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (id) VALUES (?)")) {
            for (int key = 100; key < 150; key++) {
                insert.setLong(1, key);
                insert.addBatch();
            }
            check(Arrays.stream(insert.executeBatch()).sum() == 50, "fifty rows");
        }
    }

    private static void transactions(Connection connection) throws SQLException {
        connection.setTransactionIsolation(Connection.TRANSACTION_SERIALIZABLE);
        connection.setAutoCommit(false);
        try (Statement statement = connection.createStatement()) {
            statement.setFetchSize(7); // the driver asks for so many rows at a time
            int rows = 0;
            try (ResultSet all = statement.executeQuery("SELECT id FROM items ORDER BY id")) {
                while (all.next()) {
                    rows++;
                }
            }
            check(rows == 58, "all rows");
            statement.executeUpdate("DELETE FROM items");
        }
        connection.rollback();
        connection.setAutoCommit(true);
        try (Statement statement = connection.createStatement()) {
            statement.setQueryTimeout(10);
            try (ResultSet count = statement.executeQuery("SELECT count(*) FROM items")) {
                check(count.next() && count.getLong(1) == 58, "rolled back");
            }
        }
    }

    // The driver tells the server the JVM's time zone, which the test makes another one than UTC.
    private static void instants(Connection connection) throws SQLException {
        OffsetDateTime noon = OffsetDateTime.parse("2030-07-02T12:00:00+02:00");
        try (PreparedStatement insert = connection.prepareStatement("INSERT INTO items (id, at) VALUES (200, ?) RETURNING at, now()")) {
            insert.setObject(1, noon);
            try (ResultSet row = insert.executeQuery()) {
                check(row.next() && row.getObject(1, LocalDateTime.class).equals(LocalDateTime.parse("2030-07-02T10:00:00")), "in UTC");
                Duration off = Duration.between(row.getObject(2, OffsetDateTime.class), OffsetDateTime.now()).abs();
                check(off.compareTo(Duration.ofMinutes(5)) < 0, "now");
            }
        }
    }

    private static void refusals(Connection connection) throws SQLException {
        refused("23505", () -> insert(connection, 1, true));
        refused("0A000", () -> connection.getMetaData().getTables(null, null, "%", null));
        refused("0A000", () -> connection.createStatement().execute("COPY items TO STDOUT"));
        check(connection.isValid(5) && connection.getSchema().equals("public"), "the connection goes on");
    }

    private static void refused(String state, Work work) throws SQLException {
        try {
            work.run();
        } catch (SQLException e) {
            check(state.equals(e.getSQLState()), e.getSQLState() + " " + e.getMessage());
            return;
        }
        check(false, "not refused: " + state);
    }

    private static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
