#!/bin/sh
# Runs the code as it lies here, once it is built: go build -o bin/{{name}} .
cd "$(dirname "$0")" || exit 1
exec "./bin/{{name}}"
