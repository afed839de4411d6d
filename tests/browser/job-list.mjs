// Watches the list of jobs of a running `jobcast demo` in Chromium while jobs are started elsewhere and the line breaks.
//
//   node job-list.mjs <base URL> <site URL> [folder for screenshots]
//
// The site must be reachable for the server, and keep its last pages back until this prints "cut", so that the first jobs
// cannot end too early. CHROMIUM names the browser (/usr/bin/chromium if unset), DEADLINE_SECONDS bounds each wait for a
// job (120 if unset). Exit code 0 when everything held, 1 with a message at the first thing that did not.
import { join } from "node:path";
import { openLine } from "./line.mjs";
import { JOB, STEP, check, fitsSideways, inABrowser, keepsToItsOrigin, until, watchTheBrowser } from "./person.mjs";

const [serverText, site, shotFolder] = process.argv.slice(2);
if (!serverText || !site) {
  console.error("usage: node job-list.mjs <base URL> <site URL> [folder for screenshots]");
  process.exit(2);
}
const server = new URL("/", serverText);
const line = await openLine(server);
const PAGE = 20;
const STREAMS = /\/api\/brands\/[^/]+\/events/;
const LISTS = /\/api\/jobs\?/;

await inABrowser("the list does what it should", async (browser) => {
  const context = await browser.newContext({ viewport: { width: 1280, height: 860 }, colorScheme: "light" });
  context.setDefaultTimeout(STEP);
  const page = await context.newPage();
  watchTheBrowser(page, line.url);
  const requests = noteRequests(page);

  await page.goto(line.url.href);
  await isConnected(page, "live");
  const brand = await page.locator("#brand-id").textContent();
  await page.evaluate(() => { window.isTheSamePage = true; });
  const running = await showsJobsFromElsewhere(page, requests, brand);
  await losesNothingWithTheLine(page, requests, brand, running);
  await movesARowToItsEnd(page, requests, brand);
  check(await page.evaluate(() => window.isTheSamePage), "the page was loaded anew");
  await pollsWithoutAStream(page, brand);
  await noticesAMuteStream(browser, page, brand);
  await restsWhenNobodyLooks(browser, page, requests, brand);
  await pagesAndKeepsTheFocus(page, brand);
  await beginsAnewAfterAReset(page, requests);
  await readsTheFirstFrame(page);
  await keepsToItsOrigin(page);
  await page.setViewportSize({ width: 360, height: 740 });
  await fitsSideways(page, "the list");
  await takesScreenshots(browser, context, brand);
});

// ---- What must hold ----

async function showsJobsFromElsewhere(page, requests, brand) {
  const before = requests.lists;
  const jobs = [];
  for (let count = 0; count < 3; count += 1) {
    jobs.unshift(await start(brand));
    await shows(page, jobs);
  }
  for (const job of jobs) await until(page, `${job} to move`, isMoving, JOB, job);
  check(requests.lists === before, `the list was asked for ${requests.lists - before} times although the stream was live`);
  check(requests.streams.size === 1, `${requests.streams.size} streams are open for one list: ${[...requests.streams].map((request) => request.url())}`);
  check(requests.opened === 1, `${requests.opened} streams were opened for one list`);
  return jobs;
}

async function losesNothingWithTheLine(page, requests, brand, running) {
  const height = await rowHeight(page, running[0]);
  page.mayLoseConnection = true;
  line.cut();
  await isConnected(page, "reconnecting");
  await shoot(page, "cut");
  console.log("cut");
  const jobs = [await start(brand), ...running];
  for (const job of jobs) await isOver(job);
  line.mend();
  await isConnected(page, "live", JOB);
  page.mayLoseConnection = false;
  await resumed(requests);
  await shows(page, jobs);
  for (const job of jobs) await until(page, `the end of ${job} after the line was mended`, hasStatus, STEP, [job, "completed"]);
  const after = await rowHeight(page, running[0]);
  check(height === after, `a row is ${height} px high while it runs and ${after} px afterwards`);
}

async function movesARowToItsEnd(page, requests, brand) {
  await noteRows(page);
  const before = [requests.lists, requests.opened];
  const job = await start(brand);
  await until(page, `the end of ${job}`, hasStatus, JOB, [job, "completed"]);
  check(String([requests.lists, requests.opened]) === String(before), "a job was seen to its end by other means than the stream");
  const seen = await page.evaluate((id) => window.seenRows.filter((row) => row.id === id), job);
  check(new Set(seen.map((row) => row.percent).filter((percent) => /^[1-9]\d? %$/.test(percent))).size >= 2, `the row hardly moved: ${JSON.stringify(seen)}`);
  check(seen.some((row) => row.status === "processing"), "the row did not show that the job ran");
  await until(page, "the end to be announced", () => /completed/.test(document.getElementById("announcer").textContent));
}

async function pollsWithoutAStream(page, brand) {
  page.mayLoseConnection = true;
  await page.route(STREAMS, (route) => route.fulfill({ status: 502, contentType: "text/html", body: "<h1>Bad gateway</h1>" }));
  await page.reload();
  await isConnected(page, "polling", JOB);
  const job = await start(brand);
  await until(page, `the end of ${job} without a stream`, hasStatus, JOB, [job, "completed"]);
  await isConnected(page, "polling");
  await shoot(page, "polling");
  await page.unroute(STREAMS);
  await isConnected(page, "live", JOB);
  page.mayLoseConnection = false;
}

// The page's clock is put forward: nobody wants to wait for the patience of a stream.
async function noticesAMuteStream(browser, page, brand) {
  const other = await openApart(browser, brand);
  await isConnected(other, "live");
  const known = await page.locator("#job-list li").count();
  await until(other, "the list", hasRows, STEP, known);
  line.mute();
  const job = await start(brand);
  await isOver(job);
  check(await other.locator(rowOf(job)).count() === 0, "the mute stream was not mute");
  await other.clock.fastForward(41_000);
  await isConnected(other, "polling");
  await until(other, `${job} although the stream was mute`, hasStatus, STEP, [job, "completed"]);
  await other.clock.fastForward(31_000);
  await isConnected(other, "live");
  await resumed(other.requests);
  const next = await start(brand);
  await until(other, `the end of ${next}`, hasStatus, JOB, [next, "completed"]);
  await other.context().close();
}

async function restsWhenNobodyLooks(browser, page, requests, brand) {
  await page.reload();
  await isConnected(page, "live");
  await page.locator("#job-list a").first().click();
  await page.locator("#outcome .result-name").waitFor();
  check(requests.open("/api/brands/") === 0, "the list is followed while a job is shown");
  await page.getByRole("link", { name: "All jobs" }).click();
  await isConnected(page, "live");
  check(requests.open("/api/brands/") === 1, `${requests.open("/api/brands/")} streams are open after coming back to the list`);

  const other = await openApart(browser, brand);
  await isConnected(other, "live");
  await hide(other, true);
  await other.clock.fastForward(20_000);
  await other.clock.fastForward(1_000);
  check(await other.locator("#jobs-connection").getAttribute("data-connection") === "live", "the stream was given up when the tab was hidden for a moment");
  await other.clock.fastForward(10_000);
  await isConnected(other, "closed");
  check(other.requests.streams.size === 0, "a tab that was hidden for long holds a stream");
  await hide(other, false);
  await isConnected(other, "live");
  check(other.requests.streams.size === 1, `${other.requests.streams.size} streams are open after coming back to the tab`);
  await other.context().close();
}

/** The list in a browser that shares nothing with the other page, with a clock that can be put forward. */
async function openApart(browser, brand) {
  const context = await browser.newContext();
  context.setDefaultTimeout(STEP);
  const other = await context.newPage();
  watchTheBrowser(other, line.url);
  other.requests = noteRequests(other);
  await other.clock.install();
  await other.goto(new URL(`#/brands/${brand}`, line.url).href);
  return other;
}

async function pagesAndKeepsTheFocus(page, brand) {
  const before = await page.locator("#job-list li").count();
  await Promise.all(Array.from({ length: PAGE }, () => start(brand, "page_discovery")));
  const total = before + PAGE;
  await until(page, "many jobs that were started at once", hasRows, STEP, total);
  await page.reload();
  await isConnected(page, "live");
  await until(page, "one page of jobs", hasRows, STEP, PAGE);

  const [newest, oldest] = [page.locator("#job-list a").first(), page.locator("#job-list a").last()];
  await newest.focus();
  const focused = await newest.getAttribute("href");
  const job = await start(brand, "page_discovery");
  await until(page, `${job} above one page of jobs`, hasRows, STEP, PAGE + 1);
  check(await page.evaluate(() => document.activeElement.getAttribute("href")) === focused, "a new job took the focus away from its row");
  const end = await oldest.getAttribute("href");
  await page.getByRole("button", { name: "Show older jobs" }).click();
  await until(page, "the older jobs", hasRows, STEP, total + 1);
  const shown = await rowsOf(page);
  check(new Set(shown).size === total + 1 && `#/jobs/${shown[PAGE]}` === end, "older jobs are not below the newer ones");
  check(await page.locator("#jobs-more").isHidden(), "older jobs are offered although there are none");
  await shows(page, [job]);
  for (const each of shown) await isOver(each);
}

// The server does not know the cursor, as after its history was pruned, and would replay everything.
async function beginsAnewAfterAReset(page, requests) {
  const before = requests.opened;
  await page.route(STREAMS, (route) => route.continue({ url: `${route.request().url().split("?")[0]}?last_event_id=999999999` }), { times: 1 });
  await page.reload();
  await until(page, "one page of jobs after a reset", hasRows, STEP, PAGE);
  await isConnected(page, "live");
  const deadline = Date.now() + STEP;
  while (requests.opened < before + 2 && Date.now() < deadline) await page.evaluate(() => new Promise(requestAnimationFrame));
  const [request] = [...requests.streams].slice(-1);
  check(requests.opened === before + 2 && request.url().endsWith("=tail"), `after a reset the whole history is read: ${request.url()}`);
  await isConnected(page, "live");
  await until(page, "one page of jobs still", hasRows, STEP, PAGE);
}

async function readsTheFirstFrame(page) {
  page.mayLoseConnection = true;
  await page.route(LISTS, (route) => route.abort());
  await page.reload();
  await until(page, "the jobs that the stream's first frame tells", hasRows, STEP, PAGE);
  check(await page.locator("#jobs-more").isHidden(), "older jobs are offered although it is not known where they begin");
  await page.unroute(LISTS);
  await page.locator("#jobs-more").waitFor();
  check(await page.locator("#jobs-error").isHidden(), "an error is shown that is over");
  page.mayLoseConnection = false;
}

// ---- How it is seen ----

/** Streams that are open, streams that were opened, and how often the list was asked for. */
function noteRequests(page) {
  const noted = { streams: new Set(), opened: 0, lists: 0, open: (path) => [...noted.streams].filter((request) => request.url().includes(path)).length };
  page.on("request", (request) => {
    const { pathname } = new URL(request.url());
    if (pathname === "/api/jobs") noted.lists += 1;
    if (!pathname.endsWith("/events")) return;
    noted.streams.add(request);
    noted.opened += 1;
  });
  for (const end of ["requestfinished", "requestfailed"]) page.on(end, (request) => noted.streams.delete(request));
  return noted;
}

// A browser that comes back by itself says where it was in a header, the page in the query.
async function resumed(requests) {
  const [request] = [...requests.streams].slice(-1);
  const cursor = await request.headerValue("last-event-id") ?? new URL(request.url()).searchParams.get("last_event_id");
  check(/^\d+$/.test(cursor), `the stream went on from ${cursor}, not from the last event`);
}

async function noteRows(page) {
  await page.evaluate(() => {
    window.seenRows = [];
    const note = () => {
      for (const row of document.querySelectorAll("#job-list a")) {
        window.seenRows.push({ id: row.hash.replace("#/jobs/", ""), status: row.dataset.status, percent: row.querySelector(".row-percent").textContent });
      }
    };
    new MutationObserver(note).observe(document.getElementById("job-list"), { childList: true, subtree: true, characterData: true, attributeFilter: ["data-status"] });
  });
}

// Starts a job past the page, as another tab or a program would.
async function start(brand, jobType = "brand_intelligence") {
  const answer = await fetch(new URL("/api/jobs/start", server), {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ brand_id: brand, job_type: jobType, input_data: { url: site } }),
  });
  const body = await answer.json();
  check(answer.status === 202, `a job was not started: ${JSON.stringify(body)}`);
  return body.job_id;
}

// Asks the server itself.
async function isOver(job) {
  const deadline = Date.now() + JOB;
  for (let etag = null; Date.now() < deadline;) {
    const answer = await fetch(new URL(`/api/jobs/${job}/status?wait=10`, server), { headers: etag === null ? {} : { "If-None-Match": etag } });
    etag = answer.headers.get("ETag");
    if (answer.status === 304) continue;
    const { status } = (await answer.json()).job;
    check(status !== "failed" && status !== "cancelled", `${job} ended as ${status}`);
    if (status === "completed") return;
  }
  throw new Error(`${job} did not end within ${JOB / 1000} s`);
}

function isConnected(page, state, timeout = STEP) {
  const isShown = (wanted) => document.getElementById("jobs-connection").dataset.connection === wanted;
  return until(page, `the connection to be ${state}`, isShown, timeout, state);
}

// Newest first, and nothing above them.
async function shows(page, jobs) {
  const isOnTop = (wanted) => wanted.every((job, index) => document.querySelectorAll("#job-list a")[index]?.hash === `#/jobs/${job}`);
  await until(page, `${jobs} at the top`, isOnTop, STEP, jobs);
}

function hide(page, isHidden) {
  return page.evaluate((hidden) => {
    Object.defineProperty(document, "hidden", { configurable: true, get: () => hidden });
    document.dispatchEvent(new Event("visibilitychange"));
  }, isHidden);
}

function isMoving(job) {
  const row = document.querySelector(`#job-list a[href="#/jobs/${job}"]`);
  return row?.dataset.status === "processing" && /^[1-9]\d? %$/.test(row.querySelector(".row-percent").textContent);
}

function hasStatus([job, status]) {
  return document.querySelector(`#job-list a[href="#/jobs/${job}"]`)?.dataset.status === status;
}

function hasRows(count) {
  return document.querySelectorAll("#job-list li").length === count;
}

function rowOf(job) {
  return `#job-list a[href="#/jobs/${job}"]`;
}

async function rowHeight(page, job) {
  return (await page.locator(rowOf(job)).boundingBox()).height;
}

function rowsOf(page) {
  return page.locator("#job-list a").evaluateAll((rows) => rows.map((row) => row.hash.replace("#/jobs/", "")));
}

async function shoot(page, name) {
  if (shotFolder) await page.screenshot({ path: join(shotFolder, `list-${name}.png`) });
}

async function takesScreenshots(browser, context, brand) {
  if (!shotFolder) return;
  const storageState = await context.storageState();
  for (const [name, look] of [["light", {}], ["dark", { colorScheme: "dark" }], ["phone", { viewport: { width: 360, height: 740 }, deviceScaleFactor: 2 }]]) {
    const other = await browser.newContext({ viewport: { width: 1280, height: 860 }, reducedMotion: "reduce", ...look, storageState });
    const page = await other.newPage();
    await page.goto(line.url.href);
    await isConnected(page, "live");
    const job = await start(brand);
    await until(page, `${job} to move`, isMoving, JOB, job);
    await shoot(page, name);
    await other.close();
  }
}
