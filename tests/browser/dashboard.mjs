// Drives the dashboard of a running `jobcast demo` in Chromium, the way a person would.
//
//   node dashboard.mjs <base URL> <site URL> [folder for screenshots]
//
// The site must be reachable for the server. CHROMIUM names the browser (/usr/bin/chromium if unset), DEADLINE_SECONDS
// bounds the job (120 if unset). Prints "reloaded" once the page was reloaded in mid-job, so that a site may keep its
// last pages back until then and the job cannot end too early. Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { chromium } from "playwright-core";

const STEP = 15_000;
const JOB = Number(process.env.DEADLINE_SECONDS ?? 120) * 1000;
const [baseText, site, shotFolder] = process.argv.slice(2);
if (!baseText || !site) {
  console.error("usage: node dashboard.mjs <base URL> <site URL> [folder for screenshots]");
  process.exit(2);
}
const base = new URL("/", baseText);
const problems = [];

const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
  args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
  timeout: 60_000,
});
try {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  await watchTheBrowser(page);

  await opensWithBanner(page);
  await offersEveryFieldALabel(page);
  await showsABadAddressAtItsField(page);
  await startsByKeyboard(page);
  await movesLive(page);
  await survivesAReload(page);
  await reachesTheResult(page);
  await listsTheJob(page);
  await keepsToItsOrigin(page);
  await fitsAPhone(context, page.url());
  await takesScreenshots(context);
  check(problems.length === 0, "the browser complained");
  console.log("the dashboard does what it should");
} catch (error) {
  console.error(`FAILED: ${[error.message, ...problems].join("\n")}`);
  process.exitCode = 1;
} finally {
  await browser.close();
}

// Console errors and foreign requests count wherever they happen; a refusal that a check provokes is named by it.
async function watchTheBrowser(page) {
  page.expectedRefusals = 0;
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const isRefusal = message.location().url === new URL("/api/jobs/start", base).href && /status of 422|status of 400/.test(message.text());
    if (isRefusal && page.expectedRefusals-- > 0) return;
    problems.push(`console error: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(`uncaught error in the page: ${error.message}`));
  page.on("request", (request) => {
    if (new URL(request.url()).origin !== base.origin) problems.push(`request outside the server's origin: ${request.url()}`);
  });
  // Every value the bar takes is kept across reloads, per load, so that movement and direction can be judged.
  await page.exposeFunction("noteProgress", (load, value) => { (page.progress ??= new Map()).set(load, [...(page.progress.get(load) ?? []), value]); });
  await page.addInitScript(() => {
    const load = `${Date.now()}-${Math.random()}`;
    document.addEventListener("DOMContentLoaded", () => {
      const bar = document.getElementById("job-bar");
      new MutationObserver(() => window.noteProgress(load, Number(bar.getAttribute("aria-valuenow")))).observe(bar, { attributeFilter: ["aria-valuenow"] });
    });
  });
}

async function opensWithBanner(page) {
  await page.goto(base.href);
  await page.locator("#input-url").waitFor();
  const banner = page.locator("#demo-banner");
  check(await banner.isVisible(), "the banner that says what is simulated is not visible");
  check(/simulated/.test(await banner.textContent()), "the banner does not say that anything is simulated");
}

async function offersEveryFieldALabel(page) {
  const unnamed = await page.locator("#start-form :is(input, select)").evaluateAll((controls) => {
    return controls.filter((control) => control.labels.length === 0).map((control) => control.name);
  });
  check(unnamed.length === 0, `fields without a label: ${unnamed.join(", ")}`);
}

async function showsABadAddressAtItsField(page) {
  page.expectedRefusals = 1;
  await focusByTab(page, "input-url");
  await page.keyboard.type("ftp://nowhere");
  await focusByTab(page, "start-submit");
  await page.keyboard.press("Enter");
  await until(page, "an error at the address field or on the form", () => document.querySelector("#start-form :is(.field-error, #start-error):not([hidden])"));
  const error = (await page.locator("#input-url-error").textContent()).trim();
  check(error !== "" && await page.locator("#input-url-error").isVisible(), "a bad address shows no error at its field");
  check(await isFocused(page, "input-url"), "the field with the error did not get the focus");
  check(!page.url().includes("#/jobs/"), "a bad address started a job");
}

async function startsByKeyboard(page) {
  await page.keyboard.press("Control+A");
  await page.keyboard.type(site);
  await focusByTab(page, "start-submit");
  await page.keyboard.press("Enter");
  await page.waitForURL(/#\/jobs\/.+/);
  check(await isFocused(page, "job-title"), "the focus did not move to the job page's heading");
}

async function movesLive(page) {
  await until(page, "the stream to be live", () => document.getElementById("job-connection").dataset.connection === "live");
  await until(page, "the bar to leave 0", () => Number(document.getElementById("job-bar").getAttribute("aria-valuenow")) > 0, JOB);
}

async function survivesAReload(page) {
  const status = await page.locator("#job-status").getAttribute("data-status");
  check(status === "processing", `the job was ${status} before the page could be reloaded in mid-job; use a site that takes longer`);
  await page.reload();
  await page.locator("#log summary").click();
  await until(page, "the history to be replayed from event 1 after the reload", () => document.querySelector("#log-rows .log-id")?.textContent === "1");
  await until(page, "the steps to be shown after the reload", () => document.querySelectorAll("#step-list .step").length >= 2);
  console.log("reloaded");
  await until(page, "the model's text to be written", () => document.getElementById("model-text").textContent.length > 40, JOB);
}

async function reachesTheResult(page) {
  await until(page, "the job to end", () => ["completed", "failed", "cancelled"].includes(document.getElementById("job-status").dataset.status), JOB);
  const status = await page.locator("#job-status").getAttribute("data-status");
  check(status === "completed", `the job ended as ${status}: ${await page.locator("#outcome").textContent()}`);
  await page.locator("#outcome .brand-name").waitFor();
  const shown = await page.locator("#outcome").innerText();
  check(shown.includes(new URL(site).host), `the result does not mention ${new URL(site).host}`);
  check(await page.locator("#outcome .pages tbody tr").count() > 0, "the result lists no page of the site");
  check(await page.locator("#job-bar").getAttribute("aria-valuenow") === "100", "the bar of a completed job is not at 100");
  await until(page, "the stream to be closed", () => document.getElementById("job-connection").dataset.connection === "closed");
  await until(page, "the end to be announced", () => /completed/.test(document.getElementById("announcer").textContent));
  await judgeProgress(page);
}

async function judgeProgress(page) {
  const loads = [...page.progress.values()];
  const values = new Set(loads.flat());
  check([...values].some((value) => value > 0 && value < 100), `the bar showed nothing between 0 and 100: ${[...values]}`);
  check(values.size >= 3, `the bar hardly moved: ${[...values]}`);
  for (const load of loads) {
    check(load.every((value, index) => index === 0 || value >= load[index - 1]), `the bar went backwards: ${load}`);
  }
}

async function listsTheJob(page) {
  const jobUrl = page.url();
  await page.getByRole("link", { name: "All jobs" }).click();
  const link = page.locator(`#job-list a[href="${new URL(jobUrl).hash}"]`);
  await link.waitFor();
  check(await link.getAttribute("data-status") === "completed", "the list does not show the job as completed");
  await link.click();
  await page.locator("#outcome .brand-name").waitFor();
}

// Images, styles and fonts count too: nothing that the analysed site names may be loaded.
async function keepsToItsOrigin(page) {
  const foreign = await page.evaluate(() => performance.getEntriesByType("resource").map((entry) => entry.name).filter((name) => !name.startsWith(location.origin)));
  check(foreign.length === 0, `loaded from elsewhere: ${foreign.join(", ")}`);
}

async function fitsAPhone(context, jobUrl) {
  const page = await context.newPage();
  await watchTheBrowser(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(jobUrl);
  await page.locator("#outcome .brand-name").waitFor();
  for (const summary of await page.locator("#job-view summary").all()) await summary.click();
  await fitsSideways(page, "the job page");
  await page.goto(new URL("#/", base).href);
  await page.locator("#job-list a").first().waitFor();
  await fitsSideways(page, "the start page");
  await page.close();
}

async function fitsSideways(page, what) {
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  check(width <= 360, `${what} is ${width} px wide on a screen of 360 px`);
}

async function takesScreenshots(context) {
  if (!shotFolder) return;
  await mkdir(shotFolder, { recursive: true });
  const looks = [
    ["light", { colorScheme: "light", viewport: { width: 1280, height: 860 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 860 } }],
    ["phone", { colorScheme: "light", viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }],
  ];
  for (const [name, look] of looks) await takeScreenshots(await context.storageState(), name, look);
}

async function takeScreenshots(storageState, name, look) {
  const context = await browser.newContext({ ...look, reducedMotion: "reduce", storageState });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  await page.goto(base.href);
  await page.locator("#job-list a").first().waitFor();
  await page.screenshot({ path: join(shotFolder, `${name}-start.png`) });
  await page.locator("#input-url").fill(site);
  await page.locator("#start-submit").click();
  await until(page, "some of the model's text", () => document.getElementById("model-text").textContent.length > 400, JOB);
  await page.screenshot({ path: join(shotFolder, `${name}-running.png`), fullPage: true });
  await page.locator("#outcome .brand-name").waitFor({ timeout: JOB });
  await page.screenshot({ path: join(shotFolder, `${name}-completed.png`), fullPage: true });
  await context.close();
}

async function focusByTab(page, id) {
  for (let presses = 0; presses < 40; presses += 1) {
    if (await isFocused(page, id)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`#${id} cannot be reached with the Tab key`);
}

async function until(page, what, condition, timeout = STEP) {
  try {
    await page.waitForFunction(condition, null, { timeout });
  } catch (error) {
    throw new Error(`waited ${timeout / 1000} s for ${what}: ${error.message.split("\n")[0]}`);
  }
}

function isFocused(page, id) {
  return page.evaluate((wanted) => document.activeElement?.id === wanted, id);
}

function check(holds, message) {
  if (!holds) throw new Error(message);
}
