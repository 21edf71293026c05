#!/usr/bin/env bash
# Whether a page of this container is served: answers PORT PATH. A healthcheck without Python and without curl.
set -euo pipefail
exec 3<>"/dev/tcp/127.0.0.1/$1"
printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n' "$2" >&3
IFS=' ' read -r -t 2 _ status _ <&3
[ "$status" = 200 ]
