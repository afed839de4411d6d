// Reads the dashboard of a running `jobcast demo` in Chromium with other eyes: light and dark, on a phone, by keyboard, with
// little motion; nothing may jump while events stream in.
//
//   node reading.mjs <base URL> <site URL>
//
// SCREENSHOTS names a folder for the README's pictures, which are made only then. CHROMIUM and DEADLINE_SECONDS as in
// dashboard.mjs. Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { join } from "node:path";
import { standsOut } from "./contrast.mjs";
import { JOB, STEP, check, fitsSideways, focusByTab, inABrowser, keepsToItsOrigin, startJob, until, watchTheBrowser } from "./person.mjs";

const [baseText, site] = process.argv.slice(2);
if (!baseText || !site) {
  console.error("usage: node reading.mjs <base URL> <site URL>");
  process.exit(2);
}
const base = new URL("/", baseText);
const pictures = process.env.SCREENSHOTS ?? "";
const BRAND = "7b0d7c1e-2f5a-4c7e-9d52-3c0f4a1b2c3d";

const DESK = { viewport: { width: 1280, height: 1400 } };
const PHONE = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, isMobile: true, hasTouch: true };
const LOOKS = [
  ["on a desk", { ...DESK, colorScheme: "light" }],
  ["in the dark", { ...DESK, colorScheme: "dark" }],
  ["on a phone", { ...PHONE, colorScheme: "light", reducedMotion: "reduce" }],
];

await inABrowser("the dashboard can be read by everybody", async (browser) => {
  for (const [name, look] of LOOKS) {
    const context = await browser.newContext({ ...look, locale: "en-US" });
    context.setDefaultTimeout(STEP);
    const page = await context.newPage();
    watchTheBrowser(page, base);
    await noteShifts(page);
    await readsTheList(page, name);
    await standsStillWhileAttemptsFail(page, name);
    await readsEachPanel(page, name);
    await standsStillUntilTheResult(page, name);
    if (name === "on a phone") await rests(page);
    else await showsTheFocus(page);
    await keepsToItsOrigin(page);
    await context.close();
  }
  if (pictures !== "") await takesPictures(browser);
});

// ---- What must hold ----

async function readsTheList(page, name) {
  await page.goto(new URL(`#/brands/${BRAND}`, base).href);
  await page.locator("#input-url").waitFor();
  await page.locator("#jobs-awaited").waitFor({ state: "hidden" });
  await standsOut(page, `the list ${name}`);
  await fitsSideways(page, `the list ${name}`);
}

// The first view of a job may grow into its place; from the first event on nothing moves but by a person's hand.
async function standsStillWhileAttemptsFail(page, name) {
  const job = await startJob(base, BRAND, "target_audiences", { audience_description: "Tea drinkers fault=claude:overloaded*2" });
  await show(page, job);
  await until(page, "the third attempt", () => document.querySelectorAll("#step-list .attempt").length === 3, JOB);
  await until(page, "some of the model's text", () => document.getElementById("model-text").textContent.length > 300, JOB);
  await standsOut(page, `a job between attempts ${name}`);
  await fitsSideways(page, `a job ${name}`);
  await isOver(page, "completed");
  await stoodStill(page, `a job whose attempts fail ${name}`);
}

async function readsEachPanel(page, name) {
  for (const tab of await page.locator("#job-tabs [role=tab]:not([hidden])").all()) {
    await tab.click();
    const panel = await tab.textContent();
    await standsOut(page, `the panel ${panel.trim()} ${name}`);
    await fitsSideways(page, `the panel ${panel.trim()} ${name}`);
  }
  const failed = await startJob(base, BRAND, "competitor_analysis", { competitor_name: "Acme fault=foreplay:no-credits" });
  await show(page, failed);
  await isOver(page, "failed");
  await standsOut(page, `a failed job ${name}`);
}

// With the events, then the frames in view, from the start to the result.
async function standsStillUntilTheResult(page, name) {
  const running = [];
  for (const tab of ["events", "frames", "model"]) {
    running.push(await startJob(base, BRAND, "brand_intelligence", { url: site }));
    await show(page, running.at(-1));
    await page.locator(`#tab-${tab}`).click();
    await isOver(page, "completed");
    await stoodStill(page, `a job with ${tab} in view ${name}`);
  }
  await page.locator("#tab-outcome").click();
  await standsOut(page, `a result ${name}`);
  await page.getByRole("link", { name: "All jobs" }).click();
  await page.locator(`#job-list a[href="#/jobs/${running[0]}"]`).waitFor();
  await standsOut(page, `the list with jobs ${name}`);
  await fitsSideways(page, `the list with jobs ${name}`);
}

async function showsTheFocus(page) {
  for (const id of ["brand-change", "filter-status", "jobs-refresh"]) {
    await focusByTab(page, id);
    const outline = await page.evaluate(() => getComputedStyle(document.activeElement).outline);
    check(/solid/.test(outline) && !/\b0px/.test(outline), `the focus on #${id} cannot be seen: ${outline}`);
  }
}

async function rests(page) {
  const moving = await page.evaluate(() => document.getAnimations().length);
  check(moving === 0, `${moving} animations run although less motion was asked for`);
}

// ---- How it is seen ----

async function noteShifts(page) {
  await page.addInitScript(() => {
    window.shifts = [];
    const name = (node) => (node === null ? "what is gone" : `${node.nodeName} ${node.id ?? ""} ${node.className ?? node.data}`);
    new PerformanceObserver((list) => {
      for (const { value, hadRecentInput, sources } of list.getEntries()) {
        if (!hadRecentInput) window.shifts.push(`${value.toFixed(5)} by ${sources.map(({ node }) => name(node)).join(", ")}`);
      }
    }).observe({ type: "layout-shift", buffered: true });
  });
}

// Two frames later every shift of the frames before has been told.
async function stoodStill(page, what) {
  const shifts = await page.evaluate(async () => {
    for (let frames = 0; frames < 2; frames += 1) await new Promise(requestAnimationFrame);
    await new Promise((resolve) => { setTimeout(resolve); });
    return window.shifts.splice(0);
  });
  check(shifts.length === 0, `${what} moves: ${shifts.join("; ")}`);
}

async function show(page, job) {
  await page.goto(new URL(`#/jobs/${job}`, base).href);
  await until(page, "the job", (id) => document.getElementById("fact-list").textContent.includes(id), STEP, job);
  await page.evaluate(() => window.shifts.splice(0));
}

function isOver(page, status) {
  return until(page, `the job to be ${status}`, (wanted) => document.getElementById("outcome").dataset.status === wanted, JOB, status);
}

// ---- Pictures for the README ----

async function takesPictures(browser) {
  const desk = { viewport: { width: 1280, height: 960 }, deviceScaleFactor: 1.5 };
  for (const [name, look] of [["dashboard", desk], ["dashboard-dark", { ...desk, colorScheme: "dark" }], ["dashboard-phone", PHONE]]) {
    const context = await browser.newContext({ ...look, locale: "en-US", reducedMotion: "reduce" });
    const page = await context.newPage();
    await noteShifts(page);
    await page.goto(new URL(`#/brands/${BRAND}`, base).href);
    await page.locator("#input-url").waitFor();
    const job = await startJob(base, BRAND, "competitor_analysis", { competitor_name: "Northwind Kettles" });
    await show(page, job);
    await until(page, "some of the model's text", () => document.getElementById("model-text").textContent.length > 900, JOB);
    await page.screenshot({ path: join(pictures, `${name}.png`) });
    await isOver(page, "completed");
    await page.locator("#outcome .result-name").waitFor();
    await page.screenshot({ path: join(pictures, `${name}-result.png`), fullPage: true });
    await page.locator("#all-jobs").click();
    await page.locator("#job-list a").first().waitFor();
    await page.screenshot({ path: join(pictures, `${name}-list.png`) });
    await context.close();
  }
}
