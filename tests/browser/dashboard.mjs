// Drives the dashboard of a running `jobcast demo` in Chromium, the way a person would.
//
//   node dashboard.mjs <base URL> <site URL> [folder for screenshots]
//
// The site must be reachable for the server. CHROMIUM names the browser (/usr/bin/chromium if unset), DEADLINE_SECONDS
// bounds the job (120 if unset). Prints "reloaded" once the page was reloaded in mid-job, so that a site may keep its
// last pages back until then and the job cannot end too early. Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { mkdir } from "node:fs/promises";
import { join } from "node:path";
import { JOB, STEP, check, fitsSideways, focusByTab, inABrowser, isFocused, keepsToItsOrigin, until, watchTheBrowser } from "./person.mjs";

const [baseText, site, shotFolder] = process.argv.slice(2);
if (!baseText || !site) {
  console.error("usage: node dashboard.mjs <base URL> <site URL> [folder for screenshots]");
  process.exit(2);
}
const base = new URL("/", baseText);

await inABrowser("the dashboard does what it should", async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, base);
  await noteProgress(page);

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
  await takesScreenshots(browser, context);
});

// Every value the bar takes is kept across reloads, per load, so that movement and direction can be judged.
async function noteProgress(page) {
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
  const unnamed = await page.locator("#start-form :is(input, select, textarea)").evaluateAll((controls) => {
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
  await until(page, "the remaining time", () => /^about \d+ (s|min)$/.test(document.getElementById("job-remaining").textContent), JOB);
  await until(page, "the bar to leave 0", () => Number(document.getElementById("job-bar").getAttribute("aria-valuenow")) > 0, JOB);
}

async function survivesAReload(page) {
  const status = await page.locator("#job-status").getAttribute("data-status");
  check(status === "processing", `the job was ${status} before the page could be reloaded in mid-job; use a site that takes longer`);
  await page.reload();
  await page.locator("#tab-events").click();
  await until(page, "the history to be replayed from event 1 after the reload", () => document.querySelector("#log-rows .log-id")?.textContent === "1");
  await until(page, "the steps to be shown after the reload", () => document.querySelectorAll("#step-list .step").length >= 2);
  console.log("reloaded");
  await until(page, "the model's text to be written", () => document.getElementById("model-text").textContent.length > 40, JOB);
}

async function reachesTheResult(page) {
  await until(page, "the job to end", () => ["completed", "failed", "cancelled"].includes(document.getElementById("job-status").dataset.status), JOB);
  const status = await page.locator("#job-status").getAttribute("data-status");
  check(status === "completed", `the job ended as ${status}: ${await page.locator("#outcome").textContent()}`);
  await until(page, "the result to be announced at its tab", () => document.getElementById("tab-outcome").hasAttribute("data-news"));
  await page.locator("#tab-outcome").click();
  await page.locator("#outcome .result-name").waitFor();
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
  await page.locator("#outcome .result-name").waitFor();
}

async function fitsAPhone(context, jobUrl) {
  const page = await context.newPage();
  watchTheBrowser(page, base);
  await page.setViewportSize({ width: 360, height: 740 });
  await page.goto(jobUrl);
  await page.locator("#outcome .result-name").waitFor();
  await fitsSideways(page, "the job page");
  for (const tab of await page.locator("#job-tabs [role=tab]:not([hidden])").all()) {
    await tab.click();
    await fitsSideways(page, `the panel ${await tab.textContent()}`);
  }
  await page.goto(new URL("#/", base).href);
  await page.locator("#job-list a").first().waitFor();
  await fitsSideways(page, "the start page");
  await page.close();
}

async function takesScreenshots(browser, context) {
  if (!shotFolder) return;
  await mkdir(shotFolder, { recursive: true });
  const looks = [
    ["light", { colorScheme: "light", viewport: { width: 1280, height: 860 } }],
    ["dark", { colorScheme: "dark", viewport: { width: 1280, height: 860 } }],
    ["phone", { colorScheme: "light", viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }],
  ];
  for (const [name, look] of looks) await takeScreenshots(browser, await context.storageState(), name, look);
}

async function takeScreenshots(browser, storageState, name, look) {
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
  await page.locator("#outcome .result-name").waitFor({ timeout: JOB });
  await page.screenshot({ path: join(shotFolder, `${name}-completed.png`), fullPage: true });
  await context.close();
}
