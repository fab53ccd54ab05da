"""A Kili on this machine's loopback: it speaks the GraphQL of the SDK's calls; people act in it."""

from __future__ import annotations

import gzip
import itertools
import json
import re
import threading
from datetime import datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

KEY = "key-0123456789-secret"
SCHEMA = Path(__file__).with_name("service.graphql").read_text()


class KiliService:
    """A project, its assets in the order of upload, and their labels.

    Attributes:
        declined: external ids whose priority is not to be changed.
        failing: external id -> how many more times setting its priority fails.
        broken: names of operations -> how many more times they are answered by the status.
        status: see `broken`.
        requests: (operation, variables, headers) of all that came.
        by_url: whether answers are handed out as addresses, as the service does.
    """

    def __init__(self, interface, names, *, workflow="V2", old=False):
        self.interface, self.workflow = interface, workflow
        self.assets = [
            {"id": f"asset-{i}", "externalId": name, "priority": 0, "skipped": False, "busy": False}
            for i, name in enumerate(names)
        ]
        self.named = {one["externalId"]: one for one in self.assets}
        self.by_id = {one["id"]: one for one in self.assets}
        self.by_name, self.requests = {name: [] for name in names}, []
        self.declined, self.failing, self.broken, self.status = set(), {}, {}, 500
        self.by_url, self.numbers = False, itertools.count(1)
        import graphql  # of the SDK's environment

        self.run = graphql.graphql_sync
        source = re.sub(r"  setAssetsPriority.*\n", "", SCHEMA) if old else SCHEMA
        self.schema = graphql.build_schema(source)
        self.lock = threading.Lock()
        self.server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.server.daemon_threads = True
        self.root = f"http://127.0.0.1:{self.server.server_port}"
        self.url = f"{self.root}/api/label/v2/graphql"
        self.thread = threading.Thread(target=self.server.serve_forever, args=(0.01,), daemon=True)
        self.thread.start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()
        self.thread.join()

    # What people do.

    def asset(self, name):
        return self.named[name]

    def upload(self, name):
        """Add an asset, perhaps with an external id that is there already."""
        asset = {**self.assets[0], "id": f"asset-{len(self.assets)}", "externalId": name}
        self.assets.append(asset)
        self.named[name] = self.by_id[asset["id"]] = asset
        self.by_name.setdefault(name, [])

    def add(self, name, response, who, kind="DEFAULT", seconds=2.5, model=None):
        """Store a label, and return it."""
        number = next(self.numbers)
        label = {
            "id": f"label-{number}", "labelType": kind, "jsonResponse": json.dumps(response),
            "createdAt": (datetime(2026, 1, 1) + timedelta(seconds=number)).isoformat() + "Z",
            "secondsToLabel": seconds, "author": {"id": who, "email": who},
            "labelOf": self.asset(name), "modelName": model,
        }  # fmt: skip
        if self.by_url:
            label["jsonResponseUrl"] = f"{self.root}/bucket/{label['id']}"
        self.by_name[name].append(label)
        return label

    @property
    def labels(self):
        return [one for name in self.by_name for one in self.by_name[name]]

    def by_people(self, name):
        return [one for one in self.by_name[name] if one["labelType"] in ("DEFAULT", "REVIEW")]

    def serve(self):
        """Return the external ids in the order of the automatic queue."""
        waiting = [one for one in self.assets if self._status(one) == "TO_DO"]
        ranked = sorted(waiting, key=lambda one: -one["priority"])
        return [one["externalId"] for one in ranked]

    def predictions(self, name):
        return [
            json.loads(one["jsonResponse"]) for one in self.by_name[name]
            if one["labelType"] == "PREDICTION"
        ]  # fmt: skip

    # What the server does.

    def _status(self, asset):
        if asset["skipped"]:
            return "SKIPPED"
        if self.by_people(asset["externalId"]):
            return "DONE"
        return "IN_PROGRESS" if asset["busy"] else "TO_DO"

    def _shown(self, asset):
        state = self._status(asset)
        old = {"TO_DO": "TODO", "IN_PROGRESS": "ONGOING", "DONE": "LABELED", "SKIPPED": "TODO"}
        step = {"id": "step", "name": "Label", "status": state}
        return {**asset, "status": old.get(state), "currentStep": step}

    def _project(self):
        return {
            "id": "project", "title": "Made up", "inputType": "IMAGE", "steps": [],
            "jsonInterface": json.dumps(self.interface), "workflowVersion": self.workflow,
        }  # fmt: skip

    def _chosen(self, where):
        kinds = where.get("typeIn")
        names = (where.get("asset") or {}).get("externalIdStrictlyIn")
        return [
            one
            for name in (self.by_name if names is None else names)
            for one in self.by_name.get(name, ())
            if kinds is None or one["labelType"] in kinds
        ]

    def root_value(self):
        """Return the resolvers."""

        def page(rows, first, skip):
            return rows[skip : skip + min(first, 100)]

        def assets(_, where, first, skip):
            return [self._shown(one) for one in page(self.assets, first, skip)]

        def projects(_, where, first, skip):
            return page([self._project()] if where.get("id") == "project" else [], first, skip)

        def set_priority(_, where, priority):
            outcome = {"succeeded": [], "declined": [], "failed": []}
            assert len(where["idIn"]) <= 100
            for one in map(self.by_id.get, where["idIn"]):
                name, ref = (
                    one["externalId"],
                    {"assetId": one["id"], "externalId": one["externalId"]},
                )
                if self.failing.get(name):
                    self.failing[name] -= 1
                    outcome["failed"].append({**ref, "details": "the write threw"})
                elif name in self.declined or self._status(one) != "TO_DO":
                    outcome["declined"].append(ref)
                else:
                    one["priority"] = priority
                    outcome["succeeded"].append(ref)
            return outcome

        def update(_, where, data):
            assert len(where) <= 100
            for place, value in zip(where, data, strict=True):
                self.by_id[place["id"]]["priority"] = value["priority"]
            return [self.by_id[place["id"]] for place in where]

        def append(_, data, where):
            assert len(data["labelsData"]) <= 100
            assert where["project"] == {"id": "project"}
            made = []
            for one in data["labelsData"]:
                name, model = self.by_id[one["assetID"]]["externalId"], one["modelName"]
                if data["overwrite"]:
                    own = self.by_name[name]
                    own[:] = [x for x in own if x["modelName"] != model]
                response = json.loads(one["jsonResponse"], parse_constant=_refuse)
                made.append(self.add(name, response, "model", data["labelType"], None, model))
            return made

        return {
            "viewer": {"id": "user", "email": "me@example.org"},
            "apiKeys": [{"expiryDate": "2099-01-01T00:00:00.000Z"}],
            "projects": projects,
            "countProjects": lambda _, where: len(projects(_, where, 1, 0)),
            "assets": assets,
            "countAssets": lambda _, where: len(self.assets),
            "labels": lambda _, where, first, skip: page(self._chosen(where), first, skip),
            "countLabels": lambda _, where: len(self._chosen(where)),
            "setAssetsPriority": set_priority,
            "updatePropertiesInAssets": update,
            "appendManyLabels": append,
        }

    def answer(self, body, headers):
        """Return (status, JSON) for a request."""
        query, variables = body["query"], body.get("variables") or {}
        found = re.search(r"(?:data:\s*)?(\w+)\s*[({]", query.split("{", 1)[1])
        operation = found[1] if found else "?"
        with self.lock:
            self.requests.append((operation, variables, dict(headers)))
            if headers.get("Authorization") != f"X-API-Key: {KEY}":
                return 403, {"errors": [{"message": "forbidden"}]}
            if self.broken.get(operation):
                self.broken[operation] -= 1
                return self.status, {"errors": [{"message": "broken"}]}
            result = self.run(self.schema, query, self.root_value(), variable_values=variables)
        answer = {"data": result.data}
        if result.errors:
            answer["errors"] = [{"message": one.message} for one in result.errors]
        return 200, answer


def _refuse(word):
    raise ValueError(f"no JSON: {word}")


def _handler(service):
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, *_):
            pass

        def _send(self, status, value):
            raw = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self):
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            if self.headers.get("Content-Encoding") == "gzip":
                raw = gzip.decompress(raw)
            self._send(*service.answer(json.loads(raw), self.headers))

        def do_GET(self):
            name = self.path.rsplit("/", 1)[-1]
            for one in service.labels:
                if one["id"] == name and self.path.startswith("/bucket/"):
                    assert "Authorization" not in self.headers
                    self._send(200, json.loads(one["jsonResponse"]))
                    return
            self._send(404, {})

    return Handler
