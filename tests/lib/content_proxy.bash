# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Content proxies: Debian's own nginx and squid with the configurations that are shipped, before a
# sandbox's store. A suite loads this after lib/helpers.

# make_certificate: of the sandbox, in the current directory, for curl and for what compares names alone.
make_certificate() {
    openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=store \
        -addext subjectAltName=IP:127.0.0.1,DNS:127.0.0.1 -keyout tls.key -out tls.crt 2>openssl.txt
}

# nginx_configure NAME [SED-COMMAND]…: $TEST_DIR/NAME/nginx.conf as its comment says, on a Unix socket.
nginx_configure() {
    local place=$TEST_DIR/$1 more=()
    shift
    mkdir -p "$place"
    for command; do
        more+=(-e "$command")
    done
    sed -e "s,storage\.googleapis\.com,${STORAGE_URL#*://},g" -e 's,/wandb-artifacts-prod/,/sandbox-bucket/,' \
        -e "s,/var/cache/nginx,$place,g" -e "s,listen 3129;,listen unix:$place/socket;," \
        -e "s,/etc/ssl/certs/ca-certificates.crt,$SSL_CERT_FILE," -e "s,/dev/stdout,$place/access.log," \
        "${more[@]}" "$ROOT/contrib/content-proxy/nginx.conf" >"$place/nginx.conf"
}

# nginx_start NAME: with the configuration that was made for it; returns when it answers.
nginx_start() {
    local place=$TEST_DIR/$1 global='daemon off;'
    # Else its workers are another user, who has no way into the directory.
    [[ $(id -u) != 0 ]] || global+=' user root;'
    rm -f "$place/socket"
    nginx -p "$place" -c "$place/nginx.conf" -g "$global" >>"$place/log" 2>&1 </dev/null 3>&- &
    printf '%s\n' $! >"$place/keeper"
    eventually 30 nginx_answers "$1" || {
        cat "$place/log" >&2
        return 1
    }
}

nginx_answers() {
    curl -sf --max-time 5 --unix-socket "$TEST_DIR/$1/socket" http://x/healthz
}

# At once, as a machine that fails.
nginx_kill() {
    local pid
    pid=$(cat "$TEST_DIR/$1/keeper")
    # shellcheck disable=SC2046 # one id a word; the master first, or it would start others
    kill -KILL "$pid" $(pgrep -P "$pid")
    wait_for_end "$pid" 10
    rm -f "$TEST_DIR/$1/keeper"
}

free_port() {
    python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])'
}

# squid_start NAME: as the comment of squid.conf says, on a free port of this machine: $SQUID_PORT.
squid_start() {
    local place=$TEST_DIR/$1 store=${STORAGE_URL#*://}
    mkdir -p "$place"
    # It is another user then, who has to get in.
    [[ $(id -u) != 0 ]] || { chmod 711 "$SUITE_DIR" "$TEST_DIR" && chown proxy "$place"; }
    for SQUID_PORT in "$(free_port)" "$(free_port)" "$(free_port)"; do
        sed -e "s,storage\.googleapis\.com,${store%:*}," -e 's,/wandb-artifacts-prod/,/sandbox-bucket/,' \
            -e "s,/var/spool/squid,$place," -e "s,/var/log/squid,$place," -e "s,port 80 443,port ${store##*:}," \
            -e "s,http_port 3128,http_port 127.0.0.1:$SQUID_PORT," \
            -e "s,/etc/ssl/certs/ca-certificates.crt,$SSL_CERT_FILE," \
            "$ROOT/contrib/content-proxy/squid.conf" >"$place/squid.conf"
        [[ -d $place/content ]] || squid -N -z -n "test$$" -f "$place/squid.conf" >"$place/log" 2>&1 3>&-
        squid -N -n "test$$" -f "$place/squid.conf" >>"$place/log" 2>&1 </dev/null 3>&- &
        printf '%s\n' $! >"$place/keeper"
        eventually 20 squid_answers && return
    done
    cat "$place/log" >&2
    return 1
}

# Any answer will do.
squid_answers() {
    curl -s -o "$TEST_DIR/answer" --max-time 5 "http://127.0.0.1:$SQUID_PORT/"
}

# Ends what nginx_start and squid_start have started.
proxies_stop() {
    local file pid one processes failed=0
    for file in "$TEST_DIR"/*/keeper; do
        [[ -e $file ]] || continue
        pid=$(cat "$file")
        mapfile -t processes < <(pgrep -P "$pid")
        kill -TERM "$pid"
        # Helpers of squid end when they notice that it has.
        for one in "$pid" "${processes[@]}"; do
            wait_for_end "$one" 60 && continue
            kill_tree "$pid"
            printf 'did not end on SIGTERM: %s\n' "$file" >&2
            failed=1
        done
    done
    rm -f "/dev/shm/test$$-"*
    return $failed
}

# ask NAME URL [CURL-OPTION]…: as registryfs asks a content proxy, for the content $CONTENT_ID; prints the status. The
# body is in $TEST_DIR/answer.
ask() {
    local socket=$TEST_DIR/$1/socket
    shift
    send_request "$@" --unix-socket "$socket" http://x/
}

# The same of the squid that was started last.
ask_squid() {
    send_request "$@" "http://127.0.0.1:$SQUID_PORT/"
}

send_request() {
    local url=$1 authority=${1#*://} range=${ASKED_RANGE-0-9}
    shift
    curl -s -o "$TEST_DIR/answer" -w '%{http_code}' --max-time 30 --path-as-is --request-target "$url" \
        -H "Host: ${ASKED_HOST:-${authority%%/*}}" ${CONTENT_ID:+-H "X-Content-Id: $CONTENT_ID"} \
        ${range:+--range "$range"} "$@"
}
