package main

// Version is chaisqld's, and that of the Python distribution which ships it.
const Version = "0.1.0"
