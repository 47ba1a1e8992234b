#!/usr/bin/env bash
# Runs every test: the unit tests, and the end-to-end tests over real HTTP, each on a database of its own, on SQLite
# and on PostgreSQL. What is missing is installed by apt as root; otherwise the line to run is printed and the exit
# is 2. Arguments go to `cargo test`, such as: tests/run.sh -- review
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
PATH="$PATH:${CARGO_HOME:-${HOME:-/root}/.cargo}/bin"
# Settings of the caller are not the tests' business.
write=${PEEGEL_TESTS_WRITE:-}
unset "${!PEEGEL_@}"
[[ -z $write ]] || export PEEGEL_TESTS_WRITE=$write

fail() {
  echo "tests/run.sh: $*" >&2
  exit 2
}

# The folder with the newest PostgreSQL programs; Debian keeps them out of PATH.
postgres_bin() {
  local folder newest=""
  while IFS= read -r folder; do
    [[ -x $folder/initdb && -x $folder/postgres ]] && newest=$folder
  done < <(printf '%s\n' /usr/lib/postgresql/*/bin | sort -V)
  if [[ -n $newest ]]; then
    echo "$newest"
  elif command -v initdb >/dev/null && command -v postgres >/dev/null; then
    dirname "$(readlink -f "$(command -v initdb)")"
  fi
}

missing_packages() {
  [[ -n $(postgres_bin) ]] || echo postgresql
  command -v pdftotext >/dev/null || echo poppler-utils
  command -v qpdf >/dev/null || echo qpdf
  command -v ffmpeg >/dev/null || echo ffmpeg
  command -v openssl >/dev/null || echo openssl
  command -v exiftool >/dev/null || echo libimage-exiftool-perl
  command -v heif-enc >/dev/null || echo libheif-examples
  command -v convert >/dev/null || echo imagemagick
  command -v chromium >/dev/null || echo chromium
  command -v npm >/dev/null || printf '%s\n' nodejs npm
  python3 -c 'import ensurepip, venv' 2>/dev/null || echo python3-venv
  # SQLite and the cryptography of TLS are built from C.
  command -v cc >/dev/null || printf '%s\n' gcc libc6-dev
}

install_packages() {
  local line="apt-get install -y --no-install-recommends $*"
  command -v apt-get >/dev/null || fail "install these by your package manager, then try again: $*"
  if ((EUID != 0)); then
    echo "Some programs are missing. Run this, then try again:" >&2
    echo "sudo apt-get update && sudo $line" >&2
    exit 2
  fi
  echo "Installing: $*"
  # Debian would make and start a database of its own; the tests bring theirs.
  local no_cluster=/etc/postgresql-common/createcluster.d/peegel-tests.conf
  if [[ " $* " == *" postgresql "* ]]; then
    install -d "${no_cluster%/*}"
    echo "create_main_cluster = false" >"$no_cluster"
  fi
  export DEBIAN_FRONTEND=noninteractive
  # The lists of packages may be absent or old.
  local done=0
  $line -qq >/dev/null 2>&1 || { apt-get update -qq && $line -qq >/dev/null; } || done=$?
  rm -f "$no_cluster"
  ((done == 0)) || fail "apt could not install: $*"
}

# The clients of tus that upload through a bad line and the server of S3 that files are kept on, as they come from their
# registries.
install_clients() {
  local js browser py s3 folder=$PWD/target/tools/clients wanted="tus-js-client@4.3.1 playwright-core@1.65.1 tuspy==1.1.0 moto==5.2.5"
  [[ -f $folder/installed && $(<"$folder/installed") == "$wanted" ]] && return
  mkdir -p "$folder"
  read -r js browser py s3 <<<"$wanted"
  npm install --prefix "$folder" --no-save --ignore-scripts --no-audit --no-fund --loglevel=error "$js" "$browser" &&
    python3 -m venv "$folder/venv" &&
    "$folder/venv/bin/pip" install --quiet --disable-pip-version-check "$py" "${s3/moto/moto[s3,server]}" &&
    echo "$wanted" >"$folder/installed" || fail "$wanted could not be installed"
}

command -v cargo >/dev/null || fail "cargo is missing. Install Rust 1.95 or newer, such as with https://rustup.rs"
mapfile -t missing < <(missing_packages)
((${#missing[@]} == 0)) || install_packages "${missing[@]}"

install_clients
bin=$(postgres_bin)
[[ -n $bin ]] || fail "PostgreSQL is installed, but initdb is nowhere to be found"

folder=$(mktemp -d "${TMPDIR:-/tmp}/peegel-tests.XXXXXX")
server="" s3_server=""
stop() {
  if [[ -n $s3_server ]] && kill "$s3_server" 2>/dev/null; then
    wait "$s3_server" 2>/dev/null || true
  fi
  if [[ -n $server ]] && kill -INT "$server" 2>/dev/null; then
    wait "$server" 2>/dev/null || true
  fi
  rm -rf "$folder"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

# PostgreSQL refuses to run as root.
as_user=()
if ((EUID == 0)); then
  chmod 755 "$folder"
  install -d -o nobody -m 700 "$folder/data"
  as_user=(setpriv --reuid nobody --regid "$(id -g nobody)" --clear-groups)
fi
data=$folder/data
run_as_user() {
  (cd "$folder" && HOME=$folder exec "${as_user[@]}" "$@")
}
run_as_user "$bin/initdb" --pgdata "$data" --username postgres --auth trust --encoding UTF8 --locale C.UTF-8 \
  --no-sync >"$folder/initdb.log" 2>&1 || { cat "$folder/initdb.log" >&2; fail "initdb failed"; }

free_port() {
  perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0); bind($s, sockaddr_in(0, INADDR_LOOPBACK)) or die;
    print((sockaddr_in(getsockname($s)))[0])'
}

# Nothing here outlives the tests, so nothing needs to reach the disk. The server ends with this script, even if that
# is killed.
for attempt in 1 2 3; do
  port=$(free_port)
  (cd "$folder" && HOME=$folder exec setpriv --pdeathsig INT "${as_user[@]:1}" "$bin/postgres" -D "$data" \
    -c listen_addresses=127.0.0.1 -c port="$port" -c unix_socket_directories= -c max_connections=300 \
    -c shared_buffers=64MB -c fsync=off -c synchronous_commit=off -c full_page_writes=off \
    >"$folder/postgres.log" 2>&1 </dev/null) &
  server=$!
  for ((waited = 0; waited < 300; waited++)); do
    kill -0 "$server" 2>/dev/null || break
    if "$bin/pg_isready" -q -h 127.0.0.1 -p "$port" -U postgres; then break 2; fi
    sleep 0.1
  done
  kill -INT "$server" 2>/dev/null || true
  wait "$server" 2>/dev/null || true
  server=""
  # Somebody else may have taken the port in between.
  if ((attempt == 3)); then
    cat "$folder/postgres.log" >&2
    fail "PostgreSQL does not start"
  fi
done

for attempt in 1 2 3; do
  s3_port=$(free_port)
  setpriv --pdeathsig TERM target/tools/clients/venv/bin/python tests/s3.py "$s3_port" >"$folder/s3.log" 2>&1 &
  s3_server=$!
  for ((waited = 0; waited < 300; waited++)); do
    kill -0 "$s3_server" 2>/dev/null || break
    if (exec 3<>"/dev/tcp/127.0.0.1/$s3_port") 2>/dev/null; then break 2; fi
    sleep 0.1
  done
  kill "$s3_server" 2>/dev/null || true
  wait "$s3_server" 2>/dev/null || true
  s3_server=""
  if ((attempt == 3)); then
    cat "$folder/s3.log" >&2
    fail "the S3 server does not start"
  fi
done

export PEEGEL_TEST_S3_URL="http://127.0.0.1:$s3_port"
export PEEGEL_TEST_POSTGRES_URL="postgres://postgres@127.0.0.1:$port/postgres"
cargo test --workspace --locked "$@"
