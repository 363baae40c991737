# The demo's private cluster. Sourced by `demo` and `psql`.
# Invariant: the cluster holds the committed data, loaded by the extension as built now; otherwise it is made anew.

locate_work
DEMO_DATA=$WORK/demo
DEMO_PORT=54315
DEMO_FILE=$ROOT/demo/compat-events.tsv.gz

# Copies its input and says on stderr how far it is.
with_progress() {
    awk -v total="$1" '
        { print }
        NR % 10000 == 0 { printf "\r  sent %d of %d events (%d %%)", NR, total, 100 * NR / total > "/dev/stderr" }
        END { printf "\r  sent %d of %d events (100 %%)\n", NR, total > "/dev/stderr" }'
}

demo_load() {
    local total started=$SECONDS
    total=$(gzip -dc "$DEMO_FILE" | wc -l)
    psql_at "$DEMO_PORT" -d postgres -q -v ON_ERROR_STOP=1 -c 'CREATE DATABASE demo'
    psql_at "$DEMO_PORT" -d demo -q -v ON_ERROR_STOP=1 -c 'CREATE EXTENSION entitydb'
    gzip -dc "$DEMO_FILE" | with_progress "$total" |
        psql_at "$DEMO_PORT" -d demo -q -v ON_ERROR_STOP=1 \
            -c "COPY entity_event (id, ts, op, tag, content) FROM STDIN (ENCODING 'UTF8')"
    say "  committed after $((SECONDS - started)) s"
    # Reads of what is sealed use the segment's indexes; reads of the delta look at every row of it.
    psql_at "$DEMO_PORT" -d demo -q -v ON_ERROR_STOP=1 -o /dev/null -c "SELECT entitydb.seal('entity')" -c 'VACUUM' \
        -c 'ALTER DATABASE demo SET jit = off'
    say "  sealed after $((SECONDS - started)) s"
}

# Brings the cluster up with the data in it, doing only what is missing.
demo_up() {
    local stamp
    stamp="$(cat "$WORK/pgsql/.built") $(sha256sum <"$DEMO_FILE")"
    if [ "$(cat "$WORK/demo.loaded" 2>/dev/null)" != "$stamp" ]; then
        rm -f "$WORK/demo.loaded"
        if [ -d "$DEMO_DATA" ]; then cluster_stop "$DEMO_DATA"; fi
        rm -rf "$DEMO_DATA"
        cluster_init "$DEMO_DATA" "$DEMO_PORT"
        cluster_start "$DEMO_DATA"
        demo_load
        echo "$stamp" >"$WORK/demo.loaded"
    else
        cluster_start "$DEMO_DATA"
        say "  loaded before; the cluster is up"
    fi
}
