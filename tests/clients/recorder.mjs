// Records the fake microphone of Chromium by its own MediaRecorder: node recorder.mjs PLAN, where the plan is
// {"modules", "chromium", "seconds", "files": [{"media_type", "path"}]}. With "play", an address and a second, an audio
// element goes to that second of what is there instead, and what it says of itself is printed as JSON.
import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { chromium } = createRequire(`${plan.modules}/`)("playwright-core");
const asked = [];
// The page and the file come from one address, so that no rule of other origins is in the way.
const pages = createServer(async (request, response) => {
  if (request.url !== "/file") return response.writeHead(200, { "Content-Type": "text/html" }).end("<!doctype html>");
  asked.push(request.headers.range ?? "");
  const headers = { Authorization: `Bearer ${plan.play.token}` };
  if (request.headers.range) headers.Range = request.headers.range;
  const answer = await fetch(plan.play.address, { headers });
  const kept = ["content-type", "content-range", "accept-ranges", "content-length", "etag"];
  const passed = Object.fromEntries(kept.map((name) => [name, answer.headers.get(name)]).filter(([, value]) => value));
  response.writeHead(answer.status, passed).end(Buffer.from(await answer.arrayBuffer()));
});
await new Promise((resolve) => pages.listen(0, "127.0.0.1", resolve));
const browser = await chromium.launch({
  executablePath: plan.chromium,
  args: [
    "--no-sandbox",
    "--no-proxy-server",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    ...(plan.sound ? [`--use-file-for-fake-audio-capture=${plan.sound}`] : []),
  ],
});
const page = await browser.newPage();
await page.goto(`http://127.0.0.1:${pages.address().port}/`);
for (const { media_type, path } of plan.files ?? []) {
  const recorded = await page.evaluate(
    async ({ mimeType, milliseconds }) => {
      const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
      const recorder = new MediaRecorder(stream, { mimeType });
      const parts = [];
      recorder.ondataavailable = (event) => parts.push(event.data);
      const stopped = new Promise((resolve) => (recorder.onstop = resolve));
      // In slices, as a page does that wants to lose little.
      recorder.start(500);
      await new Promise((resolve) => setTimeout(resolve, milliseconds));
      recorder.stop();
      await stopped;
      const bytes = new Uint8Array(await new Blob(parts).arrayBuffer());
      let text = "";
      for (const byte of bytes) text += String.fromCharCode(byte);
      return btoa(text);
    },
    { mimeType: media_type, milliseconds: plan.seconds * 1000 },
  );
  writeFileSync(path, Buffer.from(recorded, "base64"));
}
if (plan.play) {
  const said = await page.evaluate(async (second) => {
    const audio = new Audio("/file");
    audio.preload = "metadata";
    const once = (name) => new Promise((resolve, reject) => {
      audio.addEventListener(name, resolve, { once: true });
      audio.addEventListener("error", () => reject(new Error(audio.error.message)), { once: true });
    });
    await once("loadedmetadata");
    audio.currentTime = second;
    await once("seeked");
    await audio.play();
    await new Promise((resolve) => setTimeout(resolve, 400));
    return { duration: audio.duration, at: audio.currentTime };
  }, plan.play.second);
  console.log(JSON.stringify({ ...said, asked }));
}
await browser.close();
pages.close();
