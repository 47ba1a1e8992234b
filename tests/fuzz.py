#!/usr/bin/env python3
"""Tries the whole OpenAPI document on a running server with Schemathesis, as nobody, as every role and as a program.

Makes a firm with objects of every kind, gives each role a server on a copy of it, and calls every operation with
bodies and parameters that the document allows and that it forbids. Fails on a 5xx, a status, header or body that the
document does not know, something forbidden that is accepted, and something allowed that is called malformed.

    tests/fuzz.py                   # what CI runs; every role, a few examples of each operation
    tests/fuzz.py --long            # many more
    tests/fuzz.py auditor nobody    # some roles
"""

import argparse
import atexit
import base64
import collections
import concurrent.futures
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.parse
import urllib.request
import uuid
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TOOLS = ROOT / "target/tools/schemathesis"
MEDIA = ROOT / "fixtures/media/front_nurmeaken_tallinn.jpg"
CALL = ROOT / "fixtures/media/call_hu_parcel_rude.mp3"
EXAMPLES = json.loads((ROOT / "openapi/examples.json").read_text())
# Not that of the examples, whose changes of passwords would shut out whoever tries them.
PASSWORD = "viis tundmatut kuuske"
ROLES = ["nobody", "auditor", "reviewer", "chain_viewer", "branch_manager", "program", "firm_admin"]

# What takes a one-time code of a letter or of an authenticator app, or would shut out whoever tries. The other tests
# do it.
NEEDS_A_SECRET = {
    "accept_invitation", "accept_membership", "change_password", "confirm_totp", "end_mails", "finish_password_reset",
    "get_unsubscribe_page", "remove_totp", "renew_recovery_codes",
}  # fmt: skip

# What changes a draft of a standard.
EDITS = {"put_standard_version", "update_standard_version", "put_standard_item", "delete_standard_item"}

# What is called by the secret address of an upload.
OF_AN_UPLOAD = {"get_upload", "append_upload", "delete_upload"}

# Every package by its version: the same seed makes the same requests.
REQUIREMENTS = """
anyio==4.16.0 certifi==2026.10.18 charset-normalizer==3.5.2 click==8.5.1 graphql-core==3.3.2 harfile==0.6.0
hypothesis==6.170.15 hypothesis-graphql==0.13.5 idna==3.20 iniconfig==2.3.1 jsonschema_rs==0.60.3
markdown-it-py==4.3.0 MarkupSafe==3.0.4 mdurl==0.1.2 packaging==26.3 pluggy==1.7.0 Pygments==2.21.0
pyrate-limiter==4.5.1 pytest==9.2.0 PyYAML==6.0.3 requests==2.34.2 rich==15.0.0 schemathesis==4.32.5
sortedcontainers==2.4.0 typing_extensions==4.16.0 urllib3==2.8.0 Werkzeug==3.1.9
""".split()

CONFIG = """
seed = 20261122
continue-on-failure = true
workers = 1
request-timeout = 30
# Warnings are of the tool's own making: how many calls met 401, 403 or 404. The table of rights says which must.
warnings = false

[generation]
database = "none"
max-examples = {examples}
# Of no use to a reader of the log, and it takes most of the time of a failing run.
no-shrink = true
# HTTP cannot carry these in headers; of those in bodies the tests know.
allow-x00 = false
# The token comes from outside; `ignored_auth` takes it away and puts wrong ones in its place.
with-security-parameters = false

[phases.coverage]
# HEAD, OPTIONS and the like are met by tests/edge.rs; these are the ones that a route could take by mistake.
unexpected-methods = ["GET", "PUT", "POST", "DELETE", "PATCH"]

[phases.stateful]
enabled = true

# What earlier answers said would make each run another one.
[phases.examples.extra-data-sources]
responses = {long}

[phases.coverage.extra-data-sources]
responses = {long}

[phases.fuzzing.extra-data-sources]
responses = {long}

[checks.positive_data_acceptance]
# 422 tells of rules that a schema cannot say: names of objects, order of days. `says_so` below looks at its reasons.
# 412 and 428 are of conditions on what is there, 413 and 507 of sizes, 410 and 423 of uploads that ended or are in use,
# 460 of checksums.
expected-statuses = [
  "2xx", "3xx", "401", "403", "404", "409", "410", "412", "413", "416", "422", "423", "428", "429", "460",
]

[checks.missing_required_header]
# tus answers 412 to whoever does not say which version they speak.
expected-statuses = ["400", "401", "403", "406", "412", "415", "422"]

[checks.negative_data_rejection]
expected-statuses = ["400", "401", "403", "404", "405", "409", "412", "413", "415", "422", "428", "429"]
"""


class Api:
    """A small client for making the firm."""

    def __init__(self, base, token=None):
        self.base, self.token = base, token

    def call(self, method, path, body=None, **headers):
        data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        headers = {name.replace("_", "-"): value for name, value in headers.items()}
        if data is not None:
            headers["content-type"] = "application/octet-stream" if isinstance(body, bytes) else "application/json"
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = urllib.request.Request(self.base + path, data=data, method=method, headers=headers)
        try:
            with urllib.request.urlopen(request, timeout=60) as answer:
                self.headers, text = answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            raise RuntimeError(f"{method} {path}: {error.code} {error.read().decode()}") from None
        return json.loads(text) if text else None

    def sign_in(self, email):
        session = self.call("POST", "/v1/sessions", {"email": email, "password": PASSWORD})
        return Api(self.base, session["access_token"])


class Server:
    """`peegel serve` on a folder and a free port."""

    def __init__(self, peegel, folder):
        self.log = open(folder / "server.log", "wb")
        # Each request says that it comes from another address, so that throttling does not end the show. What
        # throttling does is tested in tests/throttling.rs.
        command = [peegel, "serve", "--data", folder / "data", "--listen", "127.0.0.1:0", "--log", "warn"]
        command += ["--trusted-proxies", "127.0.0.1/32"]
        # Nobody listens there: recordings are queued to be transcribed, and wait.
        command += ["--transcription-url", "http://127.0.0.1:9"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=self.log, text=True)
        self.base = re.search(r"http://\S+", self.process.stdout.readline()).group().rstrip("/")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()
        self.log.close()


def make_firm(peegel, folder):
    """Makes a firm with objects in many states. Gives their ids by the first part of their paths."""
    data = ["--data", str(folder / "data")]
    quietly = {"check": True, "stdout": subprocess.DEVNULL}
    subprocess.run([peegel, "firm", "add", "--code", "alpha", "--name", "Alpha", *data], **quietly)
    add = [peegel, "user", "add", "--email", "firm_admin@alpha.example", "--role", "firm_admin", "--password-stdin"]
    subprocess.run([*add, *data], input=f"{PASSWORD}\n", text=True, **quietly)
    with Server(peegel, folder) as server:
        ids = fill(Api(server.base).sign_in("firm_admin@alpha.example"))
    return ids | {"jobs": give_up_jobs(folder / "data/peegel.db")}


def give_up_jobs(database):
    """Jobs that failed too often, which takes days."""
    jobs = [uuid.UUID(int=(1 << 100) + n, version=4) for n in range(3)]
    payload = json.dumps({"evidence_id": str(uuid.UUID(int=1, version=4))})
    with sqlite3.connect(database) as connection:
        for job in jobs:
            connection.execute(
                "INSERT INTO jobs (id, firm_id, kind, payload, state, run_at, attempts, last_error, created_at) "
                "SELECT ?, id, 'evidence.process', ?, 'dead', created_at, 8, 'no luck', created_at FROM firms",
                (job.bytes, payload),
            )
    connection.close()
    return [str(job) for job in jobs]


def fill(admin):
    def request(operation, **changes):
        return EXAMPLES[operation]["request"] | changes

    def create(path, body):
        return admin.call("POST", path, body)

    chain = create("/v1/chains", request("create_chain", recording_policy="allow"))["id"]
    regions = create(f"/v1/chains/{chain}/regions", request("create_regions"))["data"]
    # Other codes than those of the examples, which are tried too.
    branches = [entry | {"code": f"B{n}"} for n, entry in enumerate(request("create_branches")["branches"])]
    branches = create("/v1/branches", {"chain_id": chain, "branches": branches})["data"]
    branch = branches[0]["id"]
    create("/v1/standards", request("import_standard"))
    create("/v1/standards/short-visit/publish", {"version": 1})
    create("/v1/standards", request("import_standard", version=2))
    # A draft with items to be removed, and versions to be retired.
    create("/v1/standards", request("import_standard", id="whole-visit"))
    create("/v1/standards", request("import_standard", id="draft-visit"))
    extra = {"section": "shop", "type": "yes_no", "weight": 1}
    for n in range(20):
        admin.call("PUT", f"/v1/standards/draft-visit/versions/1/items/extra{n}", extra, If_Match="*")
    for n in range(1, 6):
        create("/v1/standards/short-visit/versions/1/copy", {"id": "old-visit", "version": n})
        create("/v1/standards/old-visit/publish", {"version": n})
    create("/v1/scenarios", request("create_scenario", id="shy"))
    waves = [create("/v1/waves", request("create_wave", chain_id=chain, name=name))["id"] for name in ("a", "b", "c")]
    for wave in waves[:2]:
        create(f"/v1/waves/{wave}/open", None)

    scopes = {
        "chain_viewer": {"chain_id": chain, "branch_ids": []},
        "branch_manager": {"chain_id": chain, "branch_ids": [branch]},
    }
    members = {}
    # Whoever tries everything has a twin, who signs out instead. The last three are there to be changed.
    roles = ["reviewer", "auditor", "chain_viewer", "branch_manager"]
    for name in [*roles, *(f"{role}_twin" for role in ["firm_admin", *roles]), "spare", "pending", "pending2"]:
        role = name.removesuffix("_twin")
        role = role if role in ROLES else "auditor"
        user = {"name": name, "email": f"{name}@alpha.example", "role": role, "locale": "en"}
        user |= {"scope": scopes[role]} if role in scopes else {}
        user |= {"password": PASSWORD} if not name.startswith("pending") else {}
        members[name] = create("/v1/users", user)["membership_id"]
    auditor, reviewer = (admin.sign_in(f"{role}@alpha.example") for role in ("auditor", "reviewer"))

    given = request("create_assignments")["assignments"][0] | {"branch_id": branch, "auditor_id": members["auditor"]}
    nobodys = {name: value for name, value in given.items() if name != "auditor_id"}
    body = {"wave_id": waves[0], "assignments": [given] * 180 + [nobodys] * 8}
    assignments = [entry["id"] for entry in create("/v1/assignments", body)["data"]]

    # Three for each operation in the state that it takes, because what is tried moves them on.
    moves = {
        "put_visit": None,
        "put_evidence_content": None,
        "lose_evidence": None,
        "create_upload": None,
        "get_upload": None,
        "append_upload": None,
        "delete_upload": None,
        "review_visit": [],
        "release_visit": ["review"],
        "return_visit": ["review"],
        "reject_visit": ["review"],
        "approve_visit": ["review"],
        "reopen_visit": ["review", "reject"],
        "publish_visit": ["review", "approve"],
        "unpublish_visit": ["review", "approve", "publish"],
        "correct_visit": ["review", "approve"],
        "exclude_visit": ["review", "approve"],
        "include_visit": ["review", "approve"],
    }
    visits, files, fitting = {}, [], {}
    # A phone that lies about where it is, so that every visit has a signal.
    made_up = {"at": "2026-10-05T08:40:00Z", "latitude": 59.4, "longitude": 24.7, "is_mock": True}
    # Published, so that their items can be appealed.
    moves |= {name: moves["unpublish_visit"] for name in ("create_appeal", "uphold_appeal", "list_appeals")}
    # One of them published, to be read.
    moves["get_result"] = moves["unpublish_visit"]
    for operation in [*moves] * 3:
        visit, file, then = str(uuid.uuid4()), str(uuid.uuid4()), moves[operation]
        manifest = {"id": file, "item_ids": ["front"], "kind": "photo", "file_name": "front.jpg"}
        state = "draft" if then is None else "submitted"
        assignment = assignments.pop(0)
        body = request("put_visit", assignment_id=assignment, state=state, evidence=[manifest])
        body["stay"] = {"positions": [made_up]}
        auditor.call("PUT", f"/v1/visits/{visit}", body, If_None_Match="*")
        if then is not None:
            auditor.call("PUT", f"/v1/evidence/{file}/content", MEDIA.read_bytes())
        for move in then or []:
            body = {"approve": {}, "reject": {"reason": "No receipt."}}.get(move)
            reviewer.call("POST", f"/v1/visits/{visit}/{move}", body)
        visits[visit] = assignment
        files.append(file)
        fit = visit if operation.endswith(("visit", "_appeal", "_appeals")) else file
        if operation in OF_AN_UPLOAD:
            auditor.call("POST", "/v1/uploads", b"", Upload_Defer_Length="1", **of_upload(file))
            fit = auditor.headers["location"].rsplit("/", 1)[-1]
        fitting.setdefault(operation, []).append(fit)
    fitting["get_evidence_content"] = fitting["get_evidence_preview"] = files[-4:]
    # Drawn for a second scoring by the reviewer who tries, because the twin took them.
    twin = admin.sign_in("reviewer_twin@alpha.example")
    admin.call("PATCH", f"/v1/waves/{waves[0]}", {"double_scoring_bp": 10000})
    for operation in ["get_second_scoring", "put_second_scoring", "submit_second_scoring", "drop_second_scoring"] * 3:
        visit, file, assignment = str(uuid.uuid4()), str(uuid.uuid4()), assignments.pop(0)
        manifest = {"id": file, "item_ids": ["front"], "kind": "photo", "file_name": "front.jpg"}
        body = request("put_visit", assignment_id=assignment, state="submitted", evidence=[manifest])
        auditor.call("PUT", f"/v1/visits/{visit}", body, If_None_Match="*")
        auditor.call("PUT", f"/v1/evidence/{file}/content", MEDIA.read_bytes())
        twin.call("POST", f"/v1/visits/{visit}/review")
        if operation == "submit_second_scoring":
            reviewer.call("PUT", f"/v1/visits/{visit}/second-scoring", request("put_second_scoring"))
        visits[visit] = assignment
        fitting.setdefault(operation, []).append(visit)
    admin.call("PATCH", f"/v1/waves/{waves[0]}", {"double_scoring_bp": 0})
    # Recordings: some with a transcript, to be read and removed, and some that are to get one.
    manifest = [
        {"id": str(uuid.uuid4()), "item_ids": [], "kind": "recording", "file_name": f"{n}.mp3"} for n in range(12)
    ]
    calls = [file["id"] for file in manifest]
    body = request("put_visit", assignment_id=assignments[0], state="draft", evidence=manifest)
    visits[str(uuid.uuid4())] = assignments.pop(0)
    auditor.call("PUT", f"/v1/visits/{[*visits][-1]}", body, If_None_Match="*")
    for n, file in enumerate(calls):
        auditor.call("PUT", f"/v1/evidence/{file}/content", CALL.read_bytes())
        if n < 8:
            auditor.call("PUT", f"/v1/evidence/{file}/transcript?language=et", b"[0:01] Mari: Tere!")
    files += calls
    fitting["get_evidence_transcript"] = calls[:4]
    fitting["delete_evidence_transcript"] = calls[4:8]
    fitting["put_evidence_transcript"] = calls[7:9]
    fitting["create_transcription"] = fitting["get_transcription"] = calls[9:]
    fitting["create_evidence_link"] = fitting["update_evidence"] = fitting["get_evidence_content"]
    consent = {"basis": "spoken_notice", "given_at": "2026-10-05T09:00:00Z", "notice": "This call is recorded."}
    consents = [create("/v1/consents", consent | {"visit_id": visit})["id"] for visit in [*visits][-1:] + [*visits][:12]]
    fitting["withdraw_consent"] = consents[6:]
    fitting["get_evidence_waveform"] = calls[:2]
    for operation in ["claim_assignment", "decline_assignment", "hand_back_assignment", "cancel_assignment"]:
        fitting[operation] = [assignments.pop(-1 if operation == "claim_assignment" else 0) for _ in range(3)]
    for visit in visits:
        while any(file["state"] == "stored" for file in admin.call("GET", f"/v1/visits/{visit}")["files"]):
            time.sleep(0.05)

    # Flagged or not, they can be cleared; a correction is put aside by each of the two who can.
    fitting["clear_quarantine"] = fitting["review_visit"]
    for operation in ("create_question", "put_correction_draft"):
        fitting[operation] = fitting["unpublish_visit"]
    aside = {"base_revision": 1, "changes": [{"item_id": "front", "answer": {"v": 3}}]}
    fitting["get_correction_draft"] = fitting["delete_correction_draft"] = fitting["publish_visit"]
    for visit in fitting["publish_visit"]:
        for caller in (admin, reviewer):
            caller.call("PUT", f"/v1/visits/{visit}/correction", aside)
    asked = [
        reviewer.call("POST", f"/v1/visits/{visit}/questions", {"text": "Which till was it?"})["id"]
        for visit in fitting["unpublish_visit"] * 3
    ]
    fitting["close_question"], fitting["add_question_message"] = asked[:3], asked[3:]

    signals = signals_of(admin, fitting["review_visit"] + fitting["publish_visit"])
    fitting["answer_signal"] = signals[:3]
    for signal in signals[:3]:
        reviewer.call("POST", f"/v1/signals/{signal}/share")

    while not (notices := auditor.call("GET", "/v1/notices")["data"]):
        time.sleep(0.05)
    plan = admin.call("GET", f"/v1/branches/{branch}/action-plan")
    rehearsal = create("/v1/rehearsals", {"standard": request("import_standard", version=3)})["id"]
    while admin.call("GET", f"/v1/rehearsals/{rehearsal}")["state"] != "done":
        time.sleep(0.05)
    hold = {"on": "branch", "object_id": branches[1]["id"], "reason": "A complaint is open."}
    holds = [create("/v1/holds", hold)["id"] for _ in range(3)]
    # One who has left leaves a purge to be read; three more may be erased by whoever tries.
    email_of = {}
    for n in range(4):
        user = {"name": f"leaver{n}", "email": f"leaver{n}@alpha.example", "role": "auditor", "password": PASSWORD}
        email_of[create("/v1/users", user)["membership_id"]] = user["email"]
    leavers = list(email_of)
    create(f"/v1/users/{leavers[0]}/erase", {"email": email_of[leavers[0]], "reason": "left"})
    fitting["erase_user"] = leavers[1:]
    # Appeals, each against an item of its own; those to be decided are not decided by who judged the visits.
    manager, appeals, appeal_files = admin.sign_in("branch_manager@alpha.example"), [], []
    results = {}
    for visit in fitting["uphold_appeal"] + fitting["list_appeals"]:
        results[visit] = admin.call("GET", f"/v1/visits/{visit}/preview")["result"]["result_id"]
        items = [{"item_id": item, "reason": "It was not so."} for item in ("greeted", "wait", "front", "offer")]
        filed = manager.call("POST", f"/v1/results/{results[visit]}/appeals", {"items": items})["data"]
        appeals += [appeal["id"] for appeal in filed]
        for appeal in filed:
            appeal_files.append(str(uuid.uuid4()))
            manager.call("PUT", f"/v1/appeals/{appeal['id']}/files/{appeal_files[-1]}", MEDIA.read_bytes())
    fitting["uphold_appeal"] = appeals[0::4]
    fitting["decline_appeal"] = appeals[1::4]
    fitting["withdraw_appeal"] = appeals[2::4]
    fitting["put_appeal_file"] = appeals[3::4]
    fitting["create_appeal"] = [
        admin.call("GET", f"/v1/visits/{visit}/preview")["result"]["result_id"] for visit in fitting["create_appeal"]
    ]
    return {
        "appeals": appeals,
        "file of": dict(zip(appeals, appeal_files)),
        "holds": holds,
        "purges": [purge["id"] for purge in admin.call("GET", "/v1/purges")["data"]],
        "email of": email_of,
        "chains": [chain],
        "regions": [region["id"] for region in regions],
        "branches": [entry["id"] for entry in branches],
        "waves": waves,
        "assignments": assignments,
        "visits": list(visits),
        "assignment of": visits,
        "evidence": files,
        # The first is kept, so that recordings of its visit may be heard.
        "consents": consents[1:],
        "fitting": fitting,
        "actions": [action["id"] for action in plan["actions"]],
        "rehearsals": [rehearsal],
        "signals": signals,
        "notices": [notice["id"] for notice in notices],
        "questions": asked,
        "results": [result["result_id"] for result in admin.call("GET", "/v1/results")["data"]],
        "users": [members["pending"], members["spare"], members["pending2"]],
        "memberships": [members["pending"]],
        "auditors": [members["auditor"], members["spare"]],
        "standards": ["short-visit"],
    }


def signals_of(admin, visits):
    """The signals of some visits, once they were looked for."""
    signals = []
    for visit in visits:
        while not (found := admin.call("GET", f"/v1/visits/{visit}/signals")["data"]):
            time.sleep(0.05)
        signals += [signal["id"] for signal in found]
    return signals


def of_upload(file):
    """What a request for the upload of a file says."""
    metadata = "evidence_id " + base64.b64encode(file.encode()).decode()
    return {"Tus-Resumable": "1.0.0", "Upload-Metadata": metadata}


def credentials(base, role):
    """The access token of a role, and ids of what belongs to whoever holds it."""
    if role == "nobody":
        return None, {}
    email = f"{'firm_admin' if role == 'program' else role}@alpha.example"
    person = Api(base).sign_in(email)
    Api(base).sign_in(email)
    sessions = [entry["session_id"] for entry in person.call("GET", "/v1/sessions")["data"] if not entry["current"]]
    own = {"sessions": sessions, "api-keys": [make_key(person)["id"] for _ in range(2)]}
    return make_key(person)["key"] if role == "program" else person.token, own


def make_key(person):
    """An API key with every right that a key can be given."""
    schemas = person.call("GET", "/openapi.json")["components"]["schemas"]
    of_list = schemas["NewApiKey"]["properties"]["rights"]["items"]
    rights = schemas[of_list["$ref"].rsplit("/", 1)[-1]]["enum"]
    today = time.strftime("%Y-%m-%d", time.gmtime(time.time() + 86400))
    while True:
        try:
            key = {"name": "k", "rights": rights, "expires_on": today, "password": PASSWORD}
            return person.call("POST", "/v1/api-keys", key)
        except RuntimeError as refused:
            wrong = {int(n) for n in re.findall(r'"/rights/(\d+)"', str(refused))}
            if not wrong:
                raise
            rights = [right for n, right in enumerate(rights) if n not in wrong]


def try_role(peegel, made, ids, role, options):
    """Runs Schemathesis as somebody; gives what it said and whether it was content."""
    folder = made.parent / role
    shutil.copytree(made, folder)
    began = time.monotonic()
    with Server(peegel, folder) as server:
        token, own = credentials(server.base, role)
        config = folder / "schemathesis.toml"
        config.write_text(CONFIG.format(examples=options.examples, long="true" if options.long else "false"))
        known = {"base": server.base, "token": token, "role": role, "ids": ids | own}
        (folder / "known.json").write_text(json.dumps(known))
        command = [sys.executable, "-m", "schemathesis.cli", "--config-file", config, "run"]
        command += [server.base + "/openapi.json", "--no-color", *options.more]
        environment = os.environ | {
            "PYTHONPATH": f"{TOOLS}:{ROOT / 'tests'}",
            "PYTHONDONTWRITEBYTECODE": "1",
            "SCHEMATHESIS_HOOKS": "fuzz",
            "PEEGEL_FUZZ": str(folder / "known.json"),
        }
        done = subprocess.run(command, env=environment, cwd=folder, text=True, capture_output=True)
        said, well = done.stdout + done.stderr, done.returncode == 0
        if token:
            try:
                Api(server.base, token).call("GET", "/v1/chains")
            except RuntimeError as error:
                said, well = f"{said}\nThe session did not last, so not everything was tried: {error}", False
    log = (folder / "server.log").read_text()
    if "ERROR" in log:
        said, well = f"{said}\nThe server logged errors:\n{log[:5000]}", False
    statuses = json.loads((folder / "statuses.json").read_text())
    return said, well, time.monotonic() - began, statuses


def install():
    stamp = TOOLS / "installed.txt"
    if stamp.is_file() and stamp.read_text().split() == REQUIREMENTS:
        return
    shutil.rmtree(TOOLS, ignore_errors=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    environment = os.environ | {"PIP_ROOT_USER_ACTION": "ignore"}
    subprocess.run([*pip, "--target", TOOLS, *REQUIREMENTS], check=True, env=environment)
    stamp.write_text("\n".join(REQUIREMENTS))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("roles", nargs="*", choices=[*ROLES, []], help="whom to try; everybody if absent")
    parser.add_argument("--long", action="store_true", help="try many more examples of each operation")
    parser.add_argument("--peegel", type=Path, default=ROOT / "target/debug/peegel", help="the program")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the run")
    parser.add_argument("--more", nargs=argparse.REMAINDER, default=[], help="arguments for Schemathesis")
    options = parser.parse_args()
    options.examples = 100 if options.long else 10
    install()
    folder = Path(tempfile.mkdtemp(prefix="peegel-fuzz-", dir=ROOT / "target"))
    all_well, reached = True, {}
    try:
        made = folder / "made"
        made.mkdir()
        ids = make_firm(options.peegel, made)
        with concurrent.futures.ThreadPoolExecutor(2) as pool:
            runs = {
                pool.submit(try_role, options.peegel, made, ids, role, options): role
                for role in options.roles or ROLES
            }
            for run in concurrent.futures.as_completed(runs):
                said, well, took, statuses = run.result()
                all_well &= well
                for operation, counts in statuses.items():
                    reached.setdefault(operation, collections.Counter()).update(counts)
                cases = re.search(r"(\d+) generated.*", said)
                outcome, cases = "ok" if well else "FAILED", cases.group() if cases else "no cases"
                print(f"{runs[run]:16} {outcome} in {took:.0f} s: {cases}", flush=True)
                if not well:
                    print(said, flush=True)
        requests = sum(sum(counts.values()) for counts in reached.values())
        never = {operation for operation, counts in reached.items() if not any(status < "4" for status in counts)}
        print(f"{requests} requests; nobody ever did: {', '.join(sorted(never)) or 'nothing'}")
        if not options.roles and never - NEEDS_A_SECRET:
            print(f"Add to `fill` what it takes to do: {', '.join(sorted(never - NEEDS_A_SECRET))}")
            all_well = False
        if options.keep:
            for operation, counts in sorted(reached.items()):
                print(f"{operation:28} {dict(sorted(counts.items()))}")
    finally:
        if not options.keep:
            shutil.rmtree(folder)
        else:
            print(folder)
    sys.exit(0 if all_well else 1)


# What follows runs inside of Schemathesis.

#: Reasons of a 422 that a schema could have told before.
TOLD_BY_SCHEMAS = {
    "bad_character", "bad_date", "bad_id", "bad_time", "bad_type", "bad_value", "empty", "missing", "out_of_range",
    "too_few", "too_long", "too_many", "unknown_field",
}  # fmt: skip

#: Where they are of a rule that no schema of this version can say.
NOT_OF_SCHEMAS = re.compile(
    # The parts of a standard have rules of their own, which importing names all at once.
    r"(/standard)?/(sections|items|dimensions|bands|title|languages)\b"
    # What the value of an answer may be is up to its item.
    r"|/answers/[^/]*/v$"
    # Members that come together, or with a role or a state.
    r"|/scope/(chain_id|branch_ids)$|.*/(latitude|longitude)$|/drop_reason$"
    # What ends after it begins, and a key within a year.
    r"|.*/(closes_on|window_end|expires_on|covers_until)$"
    # What a consent is about: one of four.
    r"|/visit_id$"
    # The time zones of IANA.
    r"|.*/time_zone$"
    # What an answer may be corrected to is up to its item; why a visit could not be made, to its outcome.
    r"|/changes/[^/]*/answer(/v)?$|/attempted_because$"
)

#: Members of bodies and parameters of queries that name objects.
NAMES = {
    "wave": "waves", "wave_id": "waves", "branch_id": "branches", "branch_ids": "branches", "chain_id": "chains",
    "region_id": "regions", "auditor_id": "auditors", "object_id": "branches", "visit_ids": "visits", "result_id": "results",
    "until_id": "notices",
}  # fmt: skip


def register_hooks():
    import schemathesis
    from schemathesis.core.parameters import ParameterLocation

    for alias in ("application/offset+octet-stream", "application/x-subrip", "text/vtt"):
        schemathesis.serializer.alias(alias, "application/octet-stream")
    known = json.loads(Path(os.environ["PEEGEL_FUZZ"]).read_text())
    ids, calls, statuses = known["ids"], iter(range(10**9)), {}
    # Somebody who may sign out, of the role that tries.
    twin = None if known["role"] in ("nobody", "program") else f"{known['role']}_twin@alpha.example"
    anybody = twin or "reviewer_twin@alpha.example"

    turns = collections.Counter()

    def there(operation, kind, value):
        """Four of five times an id that is there, instead of one that is well formed; every other one fits."""
        if not ids.get(kind) or not is_uuid(value):
            return value
        turns[operation, kind] += 1
        turn = turns[operation, kind]
        if turn % 5 == 0 and not value.startswith("01998f0e-0000-"):
            return value
        these = ids["fitting"].get(operation) if turn % 2 else None
        these = these or ids[kind]
        return these[turn // 2 % len(these)]

    def known_members(operation, n):
        """What cannot be guessed."""
        if operation == "refresh_session":
            credentials = {"email": anybody, "password": PASSWORD}
            return [("refresh_token", Api(known["base"]).call("POST", "/v1/sessions", credentials)["refresh_token"])]
        return {
            "create_session": [("email", anybody), ("password", PASSWORD)],
            "create_user": [("email", f"n{n}@alpha.example")],
            "begin_totp": [("password", PASSWORD)],
            "create_api_key": [("password", PASSWORD)],
        }.get(operation, [])

    def link():
        """The end of the address of a link that was just made."""
        these = ids["fitting"]["create_evidence_link"]
        maker = Api(known["base"]).sign_in("reviewer_twin@alpha.example")
        made = maker.call("POST", f"/v1/evidence/{these[0]}/links", {"file": "content"})
        return made["url"].rsplit("/", 1)[-1]

    def name_objects(operation, value, kind=None):
        if isinstance(value, dict):
            return {name: name_objects(operation, member, NAMES.get(name)) for name, member in value.items()}
        if isinstance(value, list):
            return [name_objects(operation, entry, kind) for entry in value]
        return there(operation, kind, value)

    def is_followed(case, value):
        """Whether it is the id of something that was just made, to see that it is there."""
        in_steps = case.meta is not None and case.meta.phase.name == "stateful"
        return in_steps and not str(value).startswith("01998f0e-0000-")

    def named(operation, name, turn, value):
        """The name of something that is there, of what has no UUIDs."""
        if "library" in operation:
            return "BNK-01" if operation.endswith("item") else "C3"
        if "scenario" in operation:
            return {"id": "shy", "n": 1}.get(name, value)
        drafts = {"put_standard_version": "whole-visit", "retire_standard_version": "old-visit"}
        retires = operation == "retire_standard_version"
        return {
            "id": drafts.get(operation, "draft-visit" if operation in EDITS else "short-visit"),
            "n": turn % 5 + 1 if retires else 1,
            "m": 2,
            "item_id": f"extra{turn % 20}",
        }.get(name, value)

    def is_wrong_header(case):
        return case.meta is not None and case.meta.is_negative_at(ParameterLocation.HEADER)

    def is_right(case):
        return case.meta is not None and case.meta.generation.mode.is_positive

    @schemathesis.hook
    def before_call(context, case, kwargs):
        operation = case.operation.definition.raw.get("operationId")
        kind, n = case.operation.path.removeprefix("/v1/").split("/")[0], next(calls)
        turns[operation] += 1
        creates = operation == "put_visit" and n % 2 == 0
        for name, value in list((case.path_parameters or {}).items()):
            if kind in ("standards", "scenarios", "library") and n % 4 and is_right(case):
                case.path_parameters[name] = named(operation, name, turns[operation], value)
            elif name == "id" and kind == "standards" and n % 4:
                case.path_parameters[name] = "short-visit"
            elif not creates and not is_followed(case, value):
                case.path_parameters[name] = there(operation, kind, value)
        if "file_id" in (case.path_parameters or {}) and is_uuid(case.path_parameters["file_id"]):
            fresh = str(uuid.UUID(int=n, version=4))
            of_appeal = ids["file of"].get(case.path_parameters["id"], fresh)
            case.path_parameters["file_id"] = fresh if operation == "put_appeal_file" else of_appeal
        if operation == "create_appeal" and is_right(case) and isinstance(case.body, dict):
            for item in case.body.get("items") or []:
                item["item_id"] = ["greeted", "wait", "front", "offer", "story"][n % 5]
        if operation == "uphold_appeal" and is_right(case) and isinstance(case.body, dict) and n % 4:
            case.body["answer"], case.body["also"] = {"v": True}, None
        if operation == "put_appeal_file" and n % 2:
            case.body = MEDIA.read_bytes()
        if operation == "put_visit" and is_uuid(case.path_parameters["visit_id"]):
            if creates:
                case.path_parameters["visit_id"] = str(uuid.UUID(int=n, version=4))
            if isinstance(case.body, dict) and is_uuid(case.body.get("assignment_id")):
                of_visit = ids["assignment of"].get(case.path_parameters["visit_id"])
                case.body["assignment_id"] = of_visit or there(None, "assignments", case.body["assignment_id"])
                for position, file in enumerate(case.body["evidence"] if case.body.get("evidence") else []):
                    if isinstance(file, dict) and is_uuid(file.get("id")):
                        file["id"] = str(uuid.UUID(int=n << 32 | position, version=4))
        if operation == "push_visits" and isinstance(case.body, dict) and isinstance(case.body.get("items"), list):
            for position, item in enumerate(case.body["items"]):
                visit = item.get("visit") if isinstance(item, dict) else None
                if isinstance(visit, dict) and is_uuid(visit.get("assignment_id")) and is_uuid(item.get("visit_id")):
                    item["visit_id"] = str(uuid.UUID(int=n << 32 | position, version=4))
                    visit["assignment_id"] = there(None, "assignments", visit["assignment_id"])
        for name, value in list(case.query.items()) if isinstance(case.query, dict) else []:
            case.query[name] = there(operation, NAMES.get(name), value)
        if isinstance(case.body, dict):
            for name, value in name_objects(operation, case.body).items():
                if case.body[name] != value:
                    case.body[name] = value
            for name, value in known_members(operation, n):
                if turns[operation] % 4 and isinstance(case.body.get(name), str):
                    case.body[name] = value
            if operation == "erase_user" and n % 4 and isinstance(case.body.get("email"), str):
                case.body["email"] = ids["email of"].get(case.path_parameters["id"], case.body["email"])
            if operation == "update_firm" and case.body.get("require_totp") is True:
                # It would shut out whoever has no second factor, who tries the rest.
                case.body["require_totp"] = False
        if operation in ("return_visit", "correct_visit", "create_question") and is_right(case) and turns[operation] % 4:
            # Items of the standard, and the revision that counts, which no schema can say.
            if isinstance(case.body, dict):
                if operation == "correct_visit":
                    change = {"item_id": "front", "answer": {"v": 3}, "reason": "It was dark."}
                    case.body |= {"base_revision": 1, "changes": [change]}
                if operation == "return_visit":
                    case.body |= {
                        "items": [{"item_id": "front", "reason": "Which side?"}], "due_at": "2099-12-31T20:00:00Z"
                    }
                if operation == "create_question" and case.body.get("item_id"):
                    case.body["item_id"] = "front"
        if operation == "put_evidence_transcript" and turns[operation] % 4 and is_right(case):
            vtt = "WEBVTT\n\n00:01.000 --> 00:02.000\nTere!\n"
            case.body = vtt if case.media_type == "text/vtt" else "1\n00:00:01,000 --> 00:00:02,000\nTere!\n"
        if operation == "create_consent" and isinstance(case.body, dict) and n % 8 and is_right(case):
            # It is about one of four, which no schema can say.
            for name in ("evidence_id", "visit_id", "branch_id", "chain_id", "proof_id", "covers_from", "covers_until"):
                case.body.pop(name, None)
            about = ["visit", "branch", "chain"][n % 3]
            case.body[f"{about}_id"] = ids["branches" if about == "branch" else f"{about}s"][0]
            case.body["given_at"] = "2026-10-05T09:00:00Z"
        if operation == "get_agreement" and n % 4 and isinstance(case.query, dict) and is_right(case):
            case.query.update({"standard_id": "short-visit", "version": 1})
        if operation == "get_link" and n % 4 and not case.meta.is_negative_at(ParameterLocation.PATH):
            case.path_parameters["token"] = link()
        if operation in OF_AN_UPLOAD and n % 4 and not case.meta.is_negative_at(ParameterLocation.PATH):
            these = ids["fitting"][operation]
            case.path_parameters["code"] = these[n % len(these)]
        if operation in OF_AN_UPLOAD | {"create_upload"} and n % 8 and not is_wrong_header(case):
            case.headers["Tus-Resumable"] = "1.0.0"
        if operation == "append_upload" and n % 8 and not is_wrong_header(case):
            case.headers["Upload-Offset"] = offset_of(known["base"], case.path_parameters["code"])
            if n % 4:
                case.headers.pop("Upload-Checksum", None)
        if operation == "create_upload" and not is_wrong_header(case):
            # Of the two only one may come, and no schema can say what the metadata holds.
            these = ids["fitting"][operation]
            case.headers.update(of_upload(these[n % len(these)]))
            case.headers.pop("Upload-Length" if n % 2 else "Upload-Defer-Length", None)
            case.headers["Upload-Defer-Length" if n % 2 else "Upload-Length"] = "1" if n % 2 else "1000"
            if n % 4:
                case.headers.pop("Upload-Checksum", None)
        if operation == "put_standard_version" and isinstance(case.body, dict) and n % 4 and is_right(case):
            # What an item and a section may be no schema says.
            case.body = EXAMPLES["import_standard"]["request"] | {"id": "whole-visit", "pass_bp": 5000 + n % 5000}
        if operation == "put_standard_item" and isinstance(case.body, dict) and n % 4 and is_right(case):
            case.body = {"from_bank": "BNK-01", "section": "shop"}
            case.query = {}
        if operation == "update_standard_version" and isinstance(case.body, dict) and n % 4 and is_right(case):
            case.body = {"pass_bp": n % 10000}
        if operation == "copy_standard_version" and isinstance(case.body, dict) and n % 4 and is_right(case):
            case.body = {"version": 1000 + n}
        if operation == "create_scenario" and isinstance(case.body, dict) and n % 4 and is_right(case):
            case.body = {"from_library": "C3", "id": f"s{n}"}
        if operation == "put_scenario" and isinstance(case.body, dict) and n % 4 and is_right(case):
            case.body = EXAMPLES["put_scenario"]["request"] | {"items": [f"i{n}"]}
        if operation in EDITS | {"put_visit", "update_action", "put_scenario"} and n % 8 and not is_wrong_header(case):
            # One good condition, because two and stale ones would be the answer to whatever else is tried.
            case.headers.pop("If-Match", None), case.headers.pop("If-None-Match", None)
            case.headers["If-None-Match" if creates else "If-Match"] = "*"
        case.headers["X-Forwarded-For"] = f"10.{n >> 16 & 255}.{n >> 8 & 255}.{n & 255}"

    @schemathesis.hook
    def after_call(context, case, response):
        operation = case.operation.definition.raw.get("operationId")
        statuses.setdefault(operation, collections.Counter())[str(response.status_code)] += 1

    @atexit.register
    def tell_statuses():
        Path(os.environ["PEEGEL_FUZZ"]).with_name("statuses.json").write_text(json.dumps(statuses))

    if known["token"]:

        @schemathesis.auth(refresh_interval=None)
        class Token:
            def get(self, case, context):
                if case.operation.definition.raw.get("operationId") == "delete_session" and twin:
                    # The session that tries everything must last.
                    return Api(known["base"]).sign_in(twin).token
                return known["token"]

            def set(self, case, token, context):
                case.headers["Authorization"] = f"Bearer {token}"

    @schemathesis.hook
    def filter_failure(context, failure, case, response):
        # A cursor is whatever a list gave out, of two conditions only one may come, of two headers one must, and metadata
        # hold an id in base64: no schema can say so.
        known_reasons = (b'"code":"bad_cursor"', b'"code":"bad_condition"', b'"code":"bad_metadata"')
        known_reasons += (b"Send either `Upload-Length`",)
        is_allowed = any(reason in response.content for reason in known_reasons)
        if case.operation.path.startswith("/v1/uploads") and type(failure).__name__ == "AcceptedNegativeData":
            # Every body is bytes; what is wrong in the headers must not be accepted.
            return is_wrong_header(case)
        if case.operation.path == "/v1/sync/push" and type(failure).__name__ == "AcceptedNegativeData":
            # What is wrong in one visit is told in its result.
            return b'"status":"invalid"' not in response.content
        return not (is_allowed and type(failure).__name__ == "RejectedPositiveData")

    @schemathesis.check
    def says_so(ctx, response, case):
        """What the schema could have told is not left to a 422."""
        if response.status_code != 422 or not is_right(case):
            return
        # Members of a standard that are not known are kept, if they are plain text.
        is_standard = "standard" in case.operation.path or "rehearsal" in case.operation.path
        problems = [
            entry
            for entry in response.json()["errors"]
            if entry["code"] in TOLD_BY_SCHEMAS
            and not NOT_OF_SCHEMAS.match(entry["pointer"])
            and not (is_standard and entry["code"] == "bad_character")
            # What each member of an item may be follows from the others.
            and "{item_id}" not in case.operation.path
        ]
        assert not problems, f"the document allows what is refused: {problems[:5]}"


def offset_of(base, code):
    """How far an upload is, if it is one."""
    api = Api(base)
    try:
        api.call("HEAD", f"/v1/uploads/{urllib.parse.quote(code, safe='')}", Tus_Resumable="1.0.0")
    except RuntimeError:
        return "0"
    return api.headers["upload-offset"]


def is_uuid(value):
    try:
        return isinstance(value, str) and str(uuid.UUID(value)) == value.lower()
    except ValueError:
        return False


if __name__ == "__main__":
    main()
elif "PEEGEL_FUZZ" in os.environ:
    register_hooks()
