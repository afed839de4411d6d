// What the programs that drive the dashboard share: a browser that is watched, and what a person does with it.
import { chromium } from "playwright-core";

/** How long the page may take for what it does by itself, in milliseconds. */
export const STEP = 15_000;
/** How long a job may take, in milliseconds. */
export const JOB = Number(process.env.DEADLINE_SECONDS ?? 120) * 1000;

export const problems = [];

/** Starts Chromium, runs `story` with it, and ends it; prints what went wrong, or `success`. */
export async function inABrowser(success, story) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    args: ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    timeout: 60_000,
  });
  try {
    await story(browser);
    check(problems.length === 0, "the browser complained");
    console.log(success);
  } catch (error) {
    console.error(`FAILED: ${[error.message, ...problems].join("\n")}`);
    process.exitCode = 1;
  } finally {
    await browser.close();
  }
}

/**
 * Console errors and foreign requests count wherever they happen; a refusal that a check provokes is announced in
 * `expectedRefusals`, a line or a stream that it takes away in `mayLoseConnection`, something that is
 * not there in `mayMiss`, and `expectsNoToken` says that calls without a good token are part of the story.
 */
export function watchTheBrowser(page, base) {
  page.expectedRefusals = 0;
  page.mayLoseConnection = false;
  page.expectsNoToken = false;
  page.mayMiss = false;
  page.on("console", (message) => {
    if (message.type() !== "error") return;
    const isRefusal = message.location().url === new URL("/api/jobs/start", base).href && /status of 422|status of 400/.test(message.text());
    if (isRefusal && page.expectedRefusals-- > 0) return;
    if (page.mayLoseConnection && /net::ERR_|status of 502/.test(message.text())) return;
    if (page.mayMiss && /status of 404/.test(message.text())) return;
    if (page.expectsNoToken && /status of 401/.test(message.text())) return;
    problems.push(`console error: ${message.text()} (${message.location().url})`);
  });
  page.on("pageerror", (error) => problems.push(`uncaught error in the page: ${error.message}`));
  page.on("request", (request) => {
    const { origin, protocol } = new URL(request.url());
    if (origin !== base.origin && protocol !== "data:") problems.push(`request outside the server's origin: ${request.url()}`);
  });
}

/** Images, styles and fonts count too: nothing that an analysed site or an ad names may be loaded. */
export async function keepsToItsOrigin(page) {
  const foreign = await page.evaluate(() => {
    const names = performance.getEntriesByType("resource").map((entry) => entry.name);
    return names.filter((name) => !name.startsWith(location.origin) && !name.startsWith("data:"));
  });
  check(foreign.length === 0, `loaded from elsewhere: ${foreign.join(", ")}`);
}

export async function fitsSideways(page, what) {
  // A phone's browser widens `innerWidth` by itself to what does not fit.
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  const room = page.viewportSize().width;
  check(width <= room, `${what} is ${width} px wide on a screen of ${room} px`);
}

export async function focusByTab(page, id) {
  for (let presses = 0; presses < 60; presses += 1) {
    if (await isFocused(page, id)) return;
    await page.keyboard.press("Tab");
  }
  throw new Error(`#${id} cannot be reached with the Tab key`);
}

export function isFocused(page, id) {
  return page.evaluate((wanted) => document.activeElement?.id === wanted, id);
}

/** Starts a job past the page, as another program would; gives its id. */
export async function startJob(server, brand, jobType, input) {
  const answer = await fetch(new URL("/api/jobs/start", server), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ brand_id: brand, job_type: jobType, input_data: input }),
  });
  const body = await answer.json();
  check(answer.status === 202, `a job was not started: ${JSON.stringify(body)}`);
  return body.job_id;
}

/** Waits until `condition(argument)` holds in the page. */
export async function until(page, what, condition, timeout = STEP, argument = null) {
  try {
    await page.waitForFunction(condition, argument, { timeout });
  } catch (error) {
    throw new Error(`waited ${timeout / 1000} s for ${what}: ${error.message.split("\n")[0]}`);
  }
}

export function check(holds, message) {
  if (!holds) throw new Error(message);
}
