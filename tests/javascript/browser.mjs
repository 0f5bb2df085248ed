// Opens a page in Chromium, gives it photos with the network off, and writes what it offers.
// Arguments: address, folder for results, photos. Prints JSON.

import { writeFile } from "node:fs/promises";
import { basename, join } from "node:path";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [address, out, ...photos] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(), args: chromium.args, headless: "shell",
});
const found = { errors: [], requests: [], photos: [], version: await browser.version() };
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1000, height: 900 });
  page.on("pageerror", (error) => found.errors.push(String(error)));
  page.on("console", (entry) => entry.type() === "error" && found.errors.push(entry.text()));
  page.on("request", (request) => found.requests.push([request.method(), request.url()]));
  await page.goto(address);
  const status = () => page.$eval("#status", (node) => node.textContent);
  const until = (pattern) => page.waitForFunction(
    (source) => new RegExp(source).test(document.getElementById("status").textContent),
    { timeout: 200_000 }, pattern,
  );
  await until("Ready|cannot");
  found.ready = await status();
  found.about = await page.$eval("#about", (node) => node.textContent);
  await page.setOfflineMode(true);
  for (const photo of photos) {
    const input = await page.$("#file");
    await input.uploadFile(photo);
    await until("seconds|No mask|no photo");
    found.photos.push({
      status: await status(), novel: await page.$eval("#novel", (node) => !node.hidden),
    });
    await page.waitForFunction(() => document.getElementById("cutout").href.startsWith("blob:"));
    for (const id of ["mask", "cutout"]) {
      const [name, content] = await page.$eval(`#${id}`, async (link) => {
        const bytes = new Uint8Array(await (await fetch(link.href)).arrayBuffer());
        return [link.download, Array.from(bytes)];
      });
      await writeFile(join(out, name), Buffer.from(content));
    }
    await page.screenshot({ path: join(out, `${basename(photo)}.screen.png`), fullPage: true });
    await page.evaluate(() => { document.getElementById("status").textContent = ""; });
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(found));
