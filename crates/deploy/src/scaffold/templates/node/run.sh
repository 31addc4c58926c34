#!/bin/sh
# Runs the code as it lies here.
cd "$(dirname "$0")" || exit 1
exec node server.js
