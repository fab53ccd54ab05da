#!/usr/bin/env bash
# label-studio 1.23.2 calls an ML backend's webhook without the backend's password.
#
# An ML backend is added with basic authentication. One would guess that all calls to it carry the
# password: /health, /setup and /predict do. Seen: the webhook that Label Studio makes for the backend by
# itself, to URL/webhook for all actions, has no headers, so ANNOTATION_CREATED comes without. A backend
# that checks the password answers 401, nobody is told, and its training never starts; one that doesn't
# check lets anybody start it. What helps: PATCH the webhook with a header of its own.
set -euo pipefail
folder=$(mktemp -d)
server=""
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/pip" install --quiet --disable-pip-version-check label-studio==1.23.2
port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
token=$(python3 -c 'import secrets; print(secrets.token_hex(20))')
cd "$folder"
HOME="$folder" LABEL_STUDIO_BASE_DATA_DIR="$folder" COLLECT_ANALYTICS=False USE_DEFAULT_BANNED_SUBNETS=false \
  LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN=true "$folder/env/bin/label-studio" start --no-browser \
  --internal-host 127.0.0.1 --port "$port" --username a@example.org --password "$token" \
  --user-token "$token" >"$folder/log" 2>&1 &
server=$!
"$folder/env/bin/python" - "http://127.0.0.1:$port" "$token" <<'PYTHON'
import json
import sys
import threading
import time
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

url, token = sys.argv[1:]
seen = {}


class Backend(BaseHTTPRequestHandler):
    def do_GET(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        action = json.loads(body or b"{}").get("action", "")
        seen[f"{self.path} {action}".strip()] = "Authorization" in self.headers
        answer = b'{"status": "UP", "model_version": "1", "results": [{"result": []}]}'
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_GET

    def log_message(self, *_):
        pass


def call(path, body=None):
    headers = {"Authorization": f"Token {token}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    with urllib.request.urlopen(urllib.request.Request(url + path, data, headers), timeout=120) as got:
        return json.loads(got.read() or b"null")


for _ in range(600):
    try:
        call("/health")
        break
    except OSError:
        time.sleep(1)
backend = ThreadingHTTPServer(("127.0.0.1", 0), Backend)
threading.Thread(target=backend.serve_forever, daemon=True).start()
config = '<View><Text name="t" value="$text"/><Choices name="c" toName="t"><Choice value="x"/></Choices></View>'
project = call("/api/projects/", {"title": "seen", "label_config": config})["id"]
call(f"/api/projects/{project}/import", [{"text": "a"}])
call("/api/ml/", {"url": f"http://127.0.0.1:{backend.server_port}", "project": project, "title": "m",
                  "auth_method": "BASIC_AUTH", "basic_auth_user": "u", "basic_auth_pass": "p"})
task = call(f"/api/tasks/?project={project}")["tasks"][0]["id"]
call(f"/api/tasks/{task}/?project={project}")
call(f"/api/tasks/{task}/annotations/", {"result": []})
for what, signed in sorted(seen.items()):
    print(f"{what}: {'with' if signed else 'without'} the password")
assert seen["/health"] and seen["/setup"] and seen["/predict"]
assert seen["/webhook ANNOTATION_CREATED"] is False
PYTHON
