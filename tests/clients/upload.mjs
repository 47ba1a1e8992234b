// Uploads files with tus-js-client as it is: node upload.mjs PLAN, where the plan is
// {"modules", "endpoint", "token", "files": [{"id", "path"}], "chunk_bytes", "with_creation", "deferred"}.
// Ends with 0 when every file has arrived.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { Readable } from "node:stream";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tus = createRequire(`${plan.modules}/`)("tus-js-client");

function upload(file) {
  const bytes = readFileSync(file.path);
  return new Promise((resolve, reject) => {
    new tus.Upload(source(bytes), {
      endpoint: plan.endpoint,
      headers: { Authorization: `Bearer ${plan.token}` },
      metadata: { evidence_id: file.id, filename: "kõne 1.bin" },
      // A bad line breaks more often than the default forgives.
      retryDelays: Array(200).fill(5),
      chunkSize: plan.chunk_bytes ?? Infinity,
      uploadDataDuringCreation: plan.with_creation ?? false,
      uploadLengthDeferred: plan.deferred ?? false,
      onError: reject,
      onSuccess: resolve,
    }).start();
  });
}

// What is recorded while it is sent has no size yet.
function source(bytes) {
  if (!plan.deferred) return bytes;
  const pieces = [];
  for (let at = 0; at < bytes.length; at += 20_000) pieces.push(bytes.subarray(at, at + 20_000));
  return Readable.from(pieces, { objectMode: false });
}

for (const file of plan.files) {
  await upload(file);
}
console.log(`${plan.files.length} files arrived`);
