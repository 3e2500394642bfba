#!/usr/bin/env bash
# Runs a command against a MongoDB of its own: with_mongod.sh FOLDER COMMAND [ARGUMENT ...]
# FiftyOne by itself attaches to any server that another FiftyOne of the same user has started, whatever the folder.
set -euo pipefail

folder=$1
shift
python=${VENV:-.venv}/bin/python
mongod=$("$python" -c 'import importlib.util as u; print(u.find_spec("fiftyone").submodule_search_locations[0])')/db/bin/mongod
[ -x "$mongod" ] || mongod=$(command -v mongod)
port=$("$python" -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')

mkdir -p "$folder"
# In a session of its own, so that Ctrl-C reaches the command first and the server is there until the command has ended
setsid "$mongod" --dbpath "$folder" --port "$port" --bind_ip 127.0.0.1 --nounixsocket --wiredTigerCacheSizeGB 0.5 \
    >"$folder/mongod.log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null; wait "$server" 2>/dev/null || true' EXIT
trap : INT TERM

for _ in $(seq 300); do
    if "$python" -c "import socket; socket.create_connection(('127.0.0.1', $port), 1)" 2>/dev/null; then
        break
    fi
    kill -0 "$server" 2>/dev/null || {
        echo "MongoDB did not start in $folder (is another demo running there?); the end of $folder/mongod.log:" >&2
        tail -n 3 "$folder/mongod.log" >&2
        exit 1
    }
    sleep 0.1
done

status=0
FIFTYONE_DATABASE_URI="mongodb://127.0.0.1:$port" "$@" || status=$?
exit "$status"
