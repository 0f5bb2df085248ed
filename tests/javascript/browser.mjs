// Opens a page in Chromium, gives it photos with the network off, and saves what it offers.
// Arguments: address, folder for results, photos. Prints JSON.

import { readdir } from "node:fs/promises";
import { join, parse } from "node:path";
import { setTimeout } from "node:timers/promises";
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
  const protocol = await browser.target().createCDPSession();
  await protocol.send("Browser.setDownloadBehavior", { behavior: "allow", downloadPath: out });
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
    const stem = parse(photo).name;
    for (const [id, name] of [["mask", `${stem}.png`], ["cutout", `${stem}-cutout.png`]]) {
      await page.waitForFunction(
        (link, wanted) => document.getElementById(link).download === wanted, {}, id, name,
      );
      await page.click(`#${id}`);
      while (!(await readdir(out)).includes(name)) await setTimeout(50);
    }
    await page.screenshot({ path: join(out, `screen-${stem}.png`), fullPage: true });
    await page.evaluate(() => { document.getElementById("status").textContent = ""; });
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(found));
