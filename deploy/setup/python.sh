#!/bin/bash
# Makes the two Python environments that tests read exports and the lake with:
# python (python.txt) and python-duckdb2 (DuckDB 2.0 alone), in the user's cache.
# Instant when both are there; a change of the pins makes new ones.
set -euo pipefail

here=$(cd "$(dirname "$0")" && pwd)
cache=${XDG_CACHE_HOME:-$HOME/.cache}/footfall

# environment NAME PIP-ARGUMENT...: made whole or not at all.
environment() {
	local name=$1 dir stamp
	shift
	dir=$cache/$name
	stamp=$( (cat "$here/python.txt"; echo "$@"; python3 --version) | sha256sum | cut -d' ' -f1)
	if [ "$(cat "$dir/stamp" 2>/dev/null)" = "$stamp" ]; then
		return
	fi
	echo "setup: making the Python environment $name"
	rm -rf "$dir"
	python3 -m venv "$dir"
	"$dir/bin/pip" install --quiet --disable-pip-version-check "$@"
	echo "$stamp" >"$dir/stamp"
}

mkdir -p "$cache"
exec 9>"$cache/python.lock"
flock 9
environment python -r "$here/python.txt"
environment python-duckdb2 duckdb==2.0.0
