//! Reads muster.toml and refuses what it does not know, with line and column.
