// Narrows the list of jobs of a running `jobcast demo` down in Chromium: by choices, by the address, by going back, and live.
//
//   node filters.mjs <base URL> <site URL>
//
// CHROMIUM and DEADLINE_SECONDS as in dashboard.mjs. Exit code 0 when everything held, 1 with a message at the first thing
// that did not.
import { randomUUID } from "node:crypto";
import { JOB, STEP, check, focusByTab, inABrowser, isFocused, keepsToItsOrigin, startJob, until, watchTheBrowser } from "./person.mjs";

const [baseText] = process.argv.slice(2);
if (!baseText) {
  console.error("usage: node filters.mjs <base URL> <site URL>");
  process.exit(2);
}
const base = new URL("/", baseText);
const brand = randomUUID();
const COMPETITOR = { competitor_name: "Acme fault=foreplay:no-credits" };
const AUDIENCE = { audience_description: "Tea drinkers" };

await inABrowser("the list is narrowed down as it should be", async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 } });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, base);

  await showsThatThereIsNothing(page);
  const failed = await startJob(base, brand, "competitor_analysis", COMPETITOR);
  const completed = await startJob(base, brand, "target_audiences", AUDIENCE);
  for (const [job, status] of [[failed, "failed"], [completed, "completed"]]) await until(page, `${job} to end`, hasStatus, JOB, [job, status]);
  await choosesByKeyboard(page, failed);
  await goesBackAndForward(page, failed, completed);
  await keepsItOverAJobAndAReload(page, failed, completed);
  await takesInAndLetsGo(page, failed);
  await saysThatNothingFits(page);
  await ignoresWhatItCannotRead(page);
  await keepsToItsOrigin(page);
});

async function showsThatThereIsNothing(page) {
  await page.goto(new URL(`#/brands/${brand}`, base).href);
  await page.locator("#jobs-empty").waitFor();
  check(await page.locator("#brand-id").innerText() === brand, "the page does not show the brand of its address");
  await until(page, "the list to be live", () => document.getElementById("jobs-connection").dataset.connection === "live");
}

async function choosesByKeyboard(page, failed) {
  await focusByTab(page, "filter-status");
  for (let presses = 0; presses < 5 && await page.locator("#filter-status").inputValue() !== "failed"; presses += 1) await page.keyboard.press("ArrowDown");
  await shows(page, [failed]);
  check(page.url().endsWith(`#/brands/${brand}?status=failed`), `the address is ${page.url()}`);
  check(await isFocused(page, "filter-status"), "the choice lost the focus");
}

async function goesBackAndForward(page, failed, completed) {
  await page.locator("#filter-clear").click();
  await shows(page, [completed, failed]);
  await page.locator("#filter-type").selectOption("target_audiences");
  await shows(page, [completed]);
  check(page.url().endsWith("?type=target_audiences"), `the address is ${page.url()}`);
  await page.goBack();
  await shows(page, [completed, failed]);
  check(await page.locator("#filter-type").inputValue() === "", "going back did not take the choice back");
  await page.goForward();
  await shows(page, [completed]);
}

async function keepsItOverAJobAndAReload(page, failed, completed) {
  await page.goto(new URL(`#/brands/${brand}?status=failed&type=competitor_analysis`, base).href);
  await shows(page, [failed]);
  await page.locator(rowOf(failed)).click();
  await until(page, "the job", () => document.getElementById("outcome").dataset.status === "failed");
  await page.getByRole("link", { name: "All jobs" }).click();
  await shows(page, [failed]);
  await page.reload();
  await shows(page, [failed]);
  check(await page.locator("#filter-status").inputValue() === "failed", "a reload forgot the status");
  await page.locator("#brand-requests summary").click();
  const command = await page.locator("#brand-command-list pre").first().innerText();
  check(command.includes(`brand_id=${brand}&status=failed&job_type=competitor_analysis`), `the command is ${command}`);
  check(completed !== failed, "there are two jobs");
}

// Jobs come in and go out by themselves as they change.
async function takesInAndLetsGo(page, failed) {
  const second = await startJob(base, brand, "competitor_analysis", COMPETITOR);
  await shows(page, [second, failed], JOB);
  await page.locator("#filter-status").selectOption("processing");
  await shows(page, []);
  const running = await startJob(base, brand, "competitor_analysis", { competitor_name: "Northwind" });
  await shows(page, [running], JOB);
  await shows(page, [], JOB);
  await page.locator("#filter-status").selectOption("completed");
  await shows(page, [running]);
}

async function saysThatNothingFits(page) {
  await page.locator("#filter-status").selectOption("cancelled");
  await page.locator("#jobs-none").waitFor();
  check(await page.locator("#jobs-empty").isHidden(), "it is said that the brand has no jobs");
  await page.locator("#jobs-none-clear").click();
  await until(page, "all jobs", () => document.querySelectorAll("#job-list li").length === 4);
  check(await isFocused(page, "filter-status"), "the focus was lost with the button");
}

async function ignoresWhatItCannotRead(page) {
  await page.goto(new URL(`#/brands/${brand}?status=%3Cb%3E&type=../x`, base).href);
  await until(page, "all jobs", () => document.querySelectorAll("#job-list li").length === 4);
  check(page.url().endsWith(`#/brands/${brand}`), `the address is ${page.url()}`);
}

function rowOf(job) {
  return `#job-list a[href="#/jobs/${job}"]`;
}

function hasStatus([job, status]) {
  return document.querySelector(`#job-list a[href="#/jobs/${job}"]`)?.dataset.status === status;
}

function shows(page, jobs, timeout = STEP) {
  const isShown = (wanted) => String([...document.querySelectorAll("#job-list a")].map((row) => row.hash.replace("#/jobs/", ""))) === wanted;
  return until(page, `the list to be [${jobs}]`, isShown, timeout, String(jobs));
}
