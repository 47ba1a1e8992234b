"""Uploads files with tuspy as it is, every piece with a checksum: python upload.py PLAN, where the plan is
{"endpoint", "token", "files": [{"id", "path"}], "chunk_bytes"}. Ends with 0 when every file has arrived."""

import json
import sys

from tusclient.client import TusClient
from tusclient.exceptions import TusCommunicationError

with open(sys.argv[1], encoding="utf-8") as file:
    plan = json.load(file)

client = TusClient(plan["endpoint"], headers={"Authorization": f"Bearer {plan['token']}"})


def upload(file):
    uploader = client.uploader(
        file["path"],
        chunk_size=plan["chunk_bytes"],
        metadata={"evidence_id": file["id"], "filename": "kõne 1.bin"},
        upload_checksum=True,
        retries=200,
        retry_delay=0.005,
    )
    # Making an upload again gives the same one.
    uploader.set_url(uploader.create_url())
    uploader.offset = uploader.get_offset()
    uploader.upload()


for file in plan["files"]:
    for attempt in range(100):
        # Python takes the head of an answer that was cut off for a whole one, so that headers may be short or missing.
        try:
            upload(file)
            break
        except (TusCommunicationError, TypeError, ValueError):
            if attempt == 99:
                raise
print(f"{len(plan['files'])} files arrived")
