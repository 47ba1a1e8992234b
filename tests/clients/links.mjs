// Shows, plays and downloads files by links, in Chromium: node links.mjs PLAN, where the plan is {"modules", "chromium",
// "page_port", "image", "sound", "download", "bytes", "file_name"}. The page comes from another origin than the files.
// Ends with 0 when the image is shown, the sound plays from its middle, and the download is whole.
import assert from "node:assert";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";

const plan = JSON.parse(readFileSync(process.argv[2], "utf8"));
const { chromium } = createRequire(`${plan.modules}/`)("playwright-core");

const html = `<!doctype html><title>links</title><img src="${plan.image}"><audio src="${plan.sound}" preload="metadata" muted>
  </audio><a href="${plan.download}">save</a>`;
const pages = createServer((_, response) => response.writeHead(200, { "Content-Type": "text/html" }).end(html));
await new Promise((resolve) => pages.listen(plan.page_port, "127.0.0.1", resolve));

const browser = await chromium.launch({
  executablePath: plan.chromium,
  args: ["--no-sandbox", "--no-proxy-server", "--autoplay-policy=no-user-gesture-required"],
});
const page = await browser.newPage();
const seen = [];
page.on("response", (response) => seen.push([response.url(), response.status(), response.request().headers()]));
await page.goto(`http://127.0.0.1:${plan.page_port}/`);

const width = await page.evaluate(async () => {
  const image = document.querySelector("img");
  await image.decode();
  return image.naturalWidth;
});
assert(width > 1000, `the image is ${width} pixels wide`);

const played = await page.evaluate(async () => {
  const audio = document.querySelector("audio");
  const once = (name) =>
    new Promise((resolve, reject) => {
      audio.addEventListener(name, resolve, { once: true });
      audio.addEventListener("error", () => reject(new Error(`cannot play: ${audio.error?.message}`)), { once: true });
    });
  if (audio.readyState < 1) await once("loadedmetadata");
  const middle = audio.duration / 2;
  const sought = once("seeked");
  audio.currentTime = middle;
  await sought;
  await audio.play();
  while (audio.currentTime < middle + 0.3) await once("timeupdate");
  return { duration: audio.duration, at: audio.currentTime, middle };
});
assert(played.duration > 5 && played.at > played.middle, JSON.stringify(played));

const [download] = await Promise.all([page.waitForEvent("download"), page.click("a")]);
assert.equal(download.suggestedFilename(), plan.file_name);
assert.equal(readFileSync(await download.path()).length, plan.bytes);

const parts = seen.filter(([url, status]) => url === plan.sound && status === 206);
assert(parts.length > 0, `the sound comes in parts: ${JSON.stringify(seen)}`);
for (const [url, , headers] of seen.filter(([url]) => url.includes("/v1/links/"))) {
  assert(!("authorization" in headers) && !("cookie" in headers), url);
}
await browser.close();
pages.close();
console.log(`shown ${width} px, played ${played.duration} s in ${parts.length} parts, downloaded`);
