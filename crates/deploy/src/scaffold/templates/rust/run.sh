#!/bin/sh
# Runs the code as it lies here, once it is built: cargo build --release --locked
cd "$(dirname "$0")" || exit 1
exec "./target/release/{{name}}"
