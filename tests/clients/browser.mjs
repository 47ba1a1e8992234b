// Uploads files with tus-js-client as it is, in Chromium: node browser.mjs PLAN, where the plan is as for upload.mjs, with
// "page_port": the page comes from http://127.0.0.1:PORT, so that the server is on another origin.
// Ends with 0 when every file has arrived.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const require = createRequire(`${plan.modules}/`);
const { chromium } = require("playwright-core");

const answers = {
  "/": ["text/html", "<!doctype html><title>uploads</title><script src=/tus.js></script>"],
  "/tus.js": ["text/javascript", readFileSync(`${plan.modules}/tus-js-client/dist/tus.min.js`)],
};
for (const file of plan.files) answers[`/${file.id}`] = ["application/octet-stream", readFileSync(file.path)];
const pages = createServer((request, response) => {
  const [type, body] = answers[request.url] ?? ["text/plain", ""];
  response.writeHead(200, { "Content-Type": type, "Content-Security-Policy": "script-src 'self'" }).end(body);
});
await new Promise((resolve) => pages.listen(plan.page_port, "127.0.0.1", resolve));

const browser = await chromium.launch({ executablePath: plan.chromium, args: ["--no-sandbox", "--no-proxy-server"] });
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${plan.page_port}/`);
for (const { id } of plan.files) {
  await page.evaluate(
    async ({ id, endpoint, token, chunkBytes }) => {
      const blob = await (await fetch(`/${id}`)).blob();
      await new Promise((resolve, reject) => {
        new tus.Upload(blob, {
          endpoint,
          headers: { Authorization: `Bearer ${token}` },
          metadata: { evidence_id: id },
          retryDelays: Array(200).fill(5),
          chunkSize: chunkBytes,
          onError: (error) => reject(new Error(String(error))),
          onSuccess: resolve,
        }).start();
      });
    },
    { id, endpoint: plan.endpoint, token: plan.token, chunkBytes: plan.chunk_bytes },
  );
}
await browser.close();
pages.close();
console.log(`${plan.files.length} files arrived`);
