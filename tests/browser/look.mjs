// Opens a page in Chromium in both languages and on paper; prints what it finds as JSON.
//   node look.mjs CHROMIUM FILE.html
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { chromium } from "playwright-core";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const [executablePath, file] = process.argv.slice(2);
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const context = await browser.newContext({ offline: true });
const page = await context.newPage();
const faults = [];
const requests = [];
page.on("console", (message) => faults.push(message.text()));
page.on("pageerror", (error) => faults.push(String(error)));
page.on("request", (request) => requests.push(request.url().split(":")[0]));
await page.goto(pathToFileURL(file).href);

async function seen() {
  await page.evaluate(axe);
  const { violations, passes } = await page.evaluate(() => axe.run());
  return {
    violations: violations.map((v) => `${v.id}: ${v.help}; ${v.nodes[0].html}`),
    passes: passes.length,
    text: await page.innerText("main"),
    headings: await page.locator("h1, h2, h3").filter({ visible: true }).allInnerTexts(),
  };
}

// By keyboard alone: to the first thing that takes the focus, and on to the other language.
await page.keyboard.press("Tab");
const first = await page.evaluate(() => document.activeElement.id);
const english = await seen();
await page.keyboard.press("ArrowRight");
const second = await page.evaluate(() => document.activeElement.id);
const chinese = await seen();
const stops = new Set();
for (let k = 0; k < 200; k++) {
  await page.keyboard.press("Tab");
  const place = await page.evaluate(() => {
    const now = document.activeElement;
    const outline = getComputedStyle(now).outlineStyle;
    return now === document.body ? "" : `${now.tagName}:${now.id || now.className}:${outline}`;
  });
  if (!place) break;
  stops.add(place);
}
await page.emulateMedia({ media: "print" });
const unprinted = await page.evaluate(
  () =>
    [...document.querySelectorAll("details:not([open]) > :not(summary)")].filter(
      (part) => !part.checkVisibility() || !part.clientHeight,
    ).length,
);
const print = await page.evaluate(() => ({
  switchShown: getComputedStyle(document.querySelector("fieldset")).display !== "none",
  widest: Math.max(...[...document.querySelectorAll("svg")].map((s) => s.clientWidth)),
  room: document.querySelector("main").clientWidth,
}));
await page.emulateMedia({ media: "screen" });
const closed = await page.locator("details:not([open])").count();
await page.evaluate(() => document.querySelectorAll("details").forEach((d) => (d.open = true)));
const opened = await seen();
console.log(
  JSON.stringify({
    ...{ first, second, english, chinese, print, unprinted, closed, opened, faults, requests },
    stops: [...stops],
  }),
);
await browser.close();
