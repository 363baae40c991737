# Shared by every script here: where things are, who runs the server, how a private cluster starts and stops.
# Invariant: nothing outside this checkout, its work directory and Debian's package database is ever changed.
# Sourced, not run. Expects `set -euo pipefail` in the caller.

umask 022
ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd -P)
PG_MAJOR=15
PGRX_VERSION=0.18.1
SYSTEM_PG=/usr/lib/postgresql/$PG_MAJOR
PATH=$ROOT/target/tools/bin:$PATH:$HOME/.cargo/bin
export CARGO_TARGET_DIR=$ROOT/target

say() { printf '%s\n' "$*"; }
step() { printf '\n== %s\n' "$*"; }
die() { printf '%s: %s\n' "$(basename "$0")" "$*" >&2; exit 1; }

is_root() { [ "$(id -u)" = 0 ]; }

# The user that runs the server: PostgreSQL refuses root, so root lends the work to Debian's `postgres`.
server_user() { if is_root; then echo postgres; else id -un; fi; }

# Runs a command as that user, from a directory it can enter.
as_server() {
    if is_root; then (cd / && runuser -u postgres -- "$@"); else (cd / && "$@"); fi
}

# WORK holds the private copy of PostgreSQL and the clusters: target/private, or, where the server's user cannot enter
# the checkout (say /root, mode 700), a directory under /var/lib keyed by the checkout's path; target/private then links to it.
locate_work() {
    mkdir -p "$ROOT/target"
    local key
    key=$(printf '%s' "$ROOT" | sha256sum | cut -c1-12)
    WORK=$ROOT/target/private
    if is_root && ! as_server test -x "$ROOT/target"; then
        WORK=/var/lib/entitydb-checkouts/$key
        mkdir -p "$WORK"
        [ -d "$ROOT/target/private" ] && [ ! -L "$ROOT/target/private" ] && rm -rf "$ROOT/target/private"
        ln -sfn "$WORK" "$ROOT/target/private"
    else
        [ -L "$WORK" ] && rm -f "$WORK"
        mkdir -p "$WORK"
    fi
    PGBIN=$WORK/pgsql/usr/lib/postgresql/$PG_MAJOR/bin
    # A unix socket's path is limited to 107 bytes.
    SOCKETS=$WORK/run
    if [ "${#SOCKETS}" -gt 80 ]; then SOCKETS=/tmp/entitydb-$(id -u)-$key; fi
    make_server_dir "$SOCKETS"
}

# A directory that only the server's user (and root) can enter.
make_server_dir() {
    mkdir -p "$1"
    chmod 700 "$1"
    if is_root; then chown postgres "$1"; else [ -O "$1" ] || die "$1 belongs to somebody else"; fi
}

# The private copy of Debian's PostgreSQL: its programs find their files relative to themselves, so that an extension
# installed into the copy leaves the system alone. Renewed when the package is.
make_private_pg() {
    local tree=$1 version
    version=$("$SYSTEM_PG/bin/postgres" --version)
    if [ "$(cat "$tree/.version" 2>/dev/null)" = "$version" ]; then return; fi
    rm -rf "$tree"
    mkdir -p "$tree/usr/lib/postgresql" "$tree/usr/share/postgresql" "$tree/usr/include"
    cp -a "$SYSTEM_PG" "$tree/usr/lib/postgresql/"
    cp -a "/usr/share/postgresql/$PG_MAJOR" "$tree/usr/share/postgresql/"
    ln -s /usr/include/postgresql "$tree/usr/include/postgresql"
    # A system-wide installation of the extension must not hide what is built here.
    rm -f "$tree/usr/lib/postgresql/$PG_MAJOR/lib/entitydb"* "$tree/usr/share/postgresql/$PG_MAJOR/extension/entitydb"*
    rm -rf "$tree/usr/lib/postgresql/$PG_MAJOR/lib/bitcode/entitydb"*
    echo "$version" >"$tree/.version"
}

# PGRX_HOME of ours, so that ~/.pgrx is neither needed nor changed.
use_pgrx_home() {
    export PGRX_HOME=$1
    mkdir -p "$PGRX_HOME"
    local config
    config=$(printf '[configs]\npg%s = "%s/pg_config"' "$PG_MAJOR" "$2")
    # pgrx builds its bindings anew whenever this file is younger than they are.
    [ "$(cat "$PGRX_HOME/config.toml" 2>/dev/null)" = "$config" ] || printf '%s\n' "$config" >"$PGRX_HOME/config.toml"
}

# One hash over everything that the built extension depends on.
source_hash() {
    (cd "$ROOT" && { find src sql Cargo.toml Cargo.lock build.rs entitydb.control .cargo -type f 2>/dev/null || true; } |
        LC_ALL=C sort | xargs -d '\n' sha256sum | sha256sum | cut -c1-32)
}

# The processes of the cluster whose data directory is $1: every PostgreSQL process works in its data directory.
cluster_pids() {
    local link
    for link in /proc/[0-9]*/cwd; do
        if [ "$(readlink "$link" 2>/dev/null)" = "$1" ]; then
            link=${link#/proc/}
            echo "${link%/cwd}"
        fi
    done
}

cluster_running() {
    local pid
    pid=$(head -n 1 "$1/postmaster.pid" 2>/dev/null) && [ -n "$pid" ] && [ "$(readlink "/proc/$pid/cwd" 2>/dev/null)" = "$1" ]
}

# cluster_init DATA PORT [setting..]: a cluster reached through a unix socket only.
cluster_init() {
    local data=$1 port=$2
    shift 2
    make_server_dir "$data"
    as_server "$PGBIN/initdb" -D "$data" -U postgres -A trust -E UTF8 --locale=C.UTF-8 -k --no-instructions >/dev/null
    {
        echo "listen_addresses = ''"
        echo "unix_socket_directories = '$SOCKETS'"
        echo "unix_socket_permissions = 0700"
        echo "port = $port"
        echo "shared_preload_libraries = 'entitydb'"
        echo "max_prepared_transactions = 20"
        echo "log_timezone = 'UTC'"
        echo "timezone = 'UTC'"
        printf '%s\n' "$@"
    } >>"$data/postgresql.conf"
}

# Starts it, or finds it running. Pid files that a killed server left behind are removed (where nobody reaps the dead
# postmaster, PostgreSQL itself takes its zombie for alive); those of a live one never are.
cluster_start() {
    local data=$1 pid port
    cluster_running "$data" && return
    for pid in $(cluster_pids "$data"); do kill -9 "$pid" 2>/dev/null || true; done
    port=$(sed -n 's/^port = //p' "$data/postgresql.conf" | tail -n 1)
    rm -f "$data/postmaster.pid" "$SOCKETS/.s.PGSQL.$port" "$SOCKETS/.s.PGSQL.$port.lock"
    # Descriptor 9 is the lock of the calling script; the server must not inherit it.
    if ! as_server "$PGBIN/pg_ctl" -D "$data" -l "$data/server.log" -w -t 120 start >/dev/null 2>&1 9>&-; then
        tail -n 20 "$data/server.log" >&2 || true
        die "the server did not start; its log is $data/server.log"
    fi
}

cluster_stop() {
    if cluster_running "$1"; then as_server "$PGBIN/pg_ctl" -D "$1" -m fast -w stop >/dev/null; fi
}

# psql on the private cluster at PORT, untouched by the caller's configuration.
psql_at() {
    local port=$1
    shift
    env -u PGDATABASE -u PGSERVICE -u PGOPTIONS PGHOST="$SOCKETS" PGPORT="$port" PGUSER=postgres "$PGBIN/psql" -X "$@"
}

# One make at a time in a checkout.
take_lock() {
    mkdir -p "$ROOT/target"
    exec 9>"$ROOT/target/.make.lock"
    flock -n 9 || { say "waiting for another make in this checkout"; flock 9; }
}
