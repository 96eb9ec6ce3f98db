"""The version of this package and of the server inside it; the build reads it from here."""

VERSION = "0.1.0"
