# SPDX-License-Identifier: MIT
# shellcheck shell=bash
#
# Answers that are made to take much memory.

# answer TARGET OPERATION FILE [HEADERS]: the body that is answered instead.
answer() {
    jq -n --arg target "$1" --arg operation "$2" --rawfile body <(base64 -w0 "$3") --argjson headers "${4:-null}" \
        '{target: $target, operation: $operation, kind: "status", status: 200, times: -1,
          body_base64: $body, headers: $headers}' >fault.json
    curl -sS --fail-with-body --max-time 60 -H 'Content-Type: application/json' --data-binary @fault.json \
        "$CONTROL_URL/faults" >/dev/null
}

# bomb MIB: a list of empty objects.
bomb() {
    python3 -c 'import sys; n = int(sys.argv[1]) << 20; sys.stdout.write("[" + ",".join(["{}"] * (n // 3)) + "]")' "$1"
}

# answer_query_bomb MIB: for the question for an organization's registries; in the directory of the test.
answer_query_bomb() {
    { printf '{"data": {"organization": {"orgEntity": {"projects": {"pageInfo": {"hasNextPage": false}, "edges": '
        bomb "$1"
        printf '}}}}}'; } >bomb.json
    gzip -9 -c bomb.json >bomb.gz
    answer graphql FetchRegistries bomb.gz '{"content-encoding": "gzip"}'
}

# answer_manifest_bomb PLACE: 12 MiB; PLACE says where in the manifest, a format with one %s. The control port takes 16 MiB:
# gzip-encoded the bomb is small.
answer_manifest_bomb() {
    { printf '{"version": 1, "storagePolicy": "wandb-storage-policy-v1", "contents": {'
        # shellcheck disable=SC2059
        printf "${1%%%s*}"
        bomb 12
        printf '%s}}' "${1##*%s}"; } >bomb.json
    gzip -1 -c bomb.json >bomb.gz
    answer storage wandb_manifest.json bomb.gz '{"content-encoding": "gzip"}'
}

# A seed with a version of 200,000 references.
references_seed() {
    jq -nc --arg key "$WANDB_API_KEY" '{users: [{username: "ada", key: $key, organizations: {o: "admin"}}],
        organizations: [{name: "o", entity: "o-entity", registries: [{name: "wandb-registry-r", collections: [
            {name: "c", versions: [{files: [range(200000) | {path: "part-\(.)/file-\(.).parquet",
                ref: "s3://bucket/folder/part-\(.)/file-\(.).parquet", size: ., digest: "d41d8cd98f00b204e9800998ecf8427e-\(.)",
                extra: {etag: "d41d8cd98f00b204e9800998ecf8427e-\(.)", versionID: "3sL4kqtJlcpXroDTDmJ"}}]}]}]}]}]}'
}
