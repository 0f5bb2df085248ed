// Opens a report from the disk in Chromium, uses it as a person would, and prints JSON of what it saw.
// Arguments: address of the page, folder for screenshots.

import { join } from "node:path";
import chromium from "@sparticuz/chromium";
import puppeteer from "puppeteer-core";

const [address, out] = process.argv.slice(2);
const browser = await puppeteer.launch({
  executablePath: await chromium.executablePath(), args: chromium.args, headless: "shell",
});
const found = { errors: [], requests: [] };
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1440, height: 900 });
  page.on("pageerror", (error) => found.errors.push(String(error)));
  page.on("console", (entry) => entry.type() === "error" && found.errors.push(entry.text()));
  page.on("dialog", (dialog) => { found.errors.push("a dialog"); dialog.dismiss(); });
  page.on("request", (request) => found.requests.push(request.url()));
  await page.goto(address, { waitUntil: "load" });
  const names = () => page.$$eval("#photos h3", (nodes) => nodes.map((node) => node.textContent));
  const count = () => page.$eval("#count", (node) => node.textContent);
  found.names = await names();
  found.count = await count();
  found.shown = await page.$$eval("#photos img", (nodes) => nodes.length);
  found.markup = await page.$$eval("#photos script, #photos b, #photos img[onerror]", (n) => n.length);
  await page.waitForFunction(() => document.querySelector("#photos img").naturalWidth > 0);
  found.page = await page.$eval("#page", (node) => node.textContent);

  await page.select("#sort", await page.$$eval("#sort option", (nodes) => nodes.at(-1).value));
  found.byName = await names();
  await page.click("#reverse");
  found.reversed = await names();
  await page.click("#reverse");
  const marks = await page.$$eval("#filter option", (nodes) => nodes.map((node) => node.value));
  found.marks = marks.slice(1);
  await page.select("#filter", marks[1]);
  found.marked = await names();
  await page.select("#filter", "");
  await page.select("#sort", "0");

  await page.evaluate(() => document.activeElement.blur());
  await page.keyboard.press("n");
  found.secondPage = await page.$eval("#page", (node) => node.textContent);
  await page.keyboard.press("p");
  await page.keyboard.press("/");
  await page.keyboard.type("PHOTO 07");
  found.searched = await names();
  await page.keyboard.press("Escape");
  await page.$eval("#search", (node) => { node.value = ""; node.dispatchEvent(new Event("input")); });
  await page.focus("#photos .enlarge");
  await page.keyboard.press("Enter");
  const large = () => page.$eval("#large-name", (node) => node.textContent);
  found.large = [await large()];
  await page.keyboard.press("ArrowRight");
  found.large.push(await large());
  await page.screenshot({ path: join(out, "large.png") });
  await page.keyboard.press("Escape");
  found.closed = await page.$eval("#large", (node) => !node.open);
  await page.select("#view", "table");
  found.rows = await page.$$eval("#photos tbody tr", (nodes) => nodes.length);
  await page.focus("#photos th:nth-child(2) button");
  await page.keyboard.press("Enter");
  found.sorted = await page.$eval("#photos th:nth-child(2)", (node) => node.getAttribute("aria-sort"));
  await page.select("#view", "pictures");

  found.tooWide = [];
  for (const scheme of ["light", "dark"]) {
    await page.emulateMediaFeatures([{ name: "prefers-color-scheme", value: scheme }]);
    for (const width of [390, 1440]) {
      await page.setViewport({ width, height: 900 });
      const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
      if (over > 0) found.tooWide.push([width, over]);
      await page.screenshot({ path: join(out, `${scheme}-${width}.png`) });
    }
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify(found));
