// The list of a brand's jobs, newest first, perhaps narrowed down: one watch keeps it live.
import { ALL } from "/static/address.js";
import { announce } from "/static/announce.js";
import { brandId } from "/static/brand.js";
import { isTerminal } from "/static/client.js";
import { CONNECTING, showConnection } from "/static/connection.js";
import { byId, setShown, setText, whileBusy } from "/static/dom.js";
import { STATUS_WORDS } from "/static/format.js";
import { newJobRow } from "/static/job-row.js";
import { shortSubject, typeName } from "/static/job-words.js";
import { ListedJobs, NEWEST, PAGE } from "/static/listed-jobs.js";
import { withClient } from "/static/server.js";

/** How often ages are written anew, in milliseconds. */
const AGE_PERIOD = 10_000;
/** How long after a call that failed it is made again, in milliseconds, a quarter more or less. */
const PAUSE = 4_000;
/** A tab that is hidden for so many milliseconds gives its connection back: a browser has six for a server. */
const HIDDEN_PATIENCE = 30_000;
/** So many new jobs are asked for one by one; more come with a page. */
const FEW = 3;
/** Running jobs below those that a poll tells, that are asked for one by one, at each poll. */
const POLLED_BELOW = 10;

const CLOSED = Object.freeze({ state: "closed", transport: null, failures: 0, error: null });

let listed = new ListedJobs();
let filter = ALL;
const rows = new Map();
const newcomers = new Set();
const ended = new Map();
/** Ends the watch that there is. */
let watching = null;
let connection = CLOSED;
let isShown = false;
/** Changes when what is under way belongs to a brand, a filter or a view that was left. */
let epoch = 0;
/** The epochs in which new jobs and a first page are being asked for. */
let welcoming = null;
let wanting = null;
let asking = 0;
let hiddenTimer = 0;
let isScheduled = false;

/** Mounts the list's buttons and clocks; nothing is loaded before `showJobList`. */
export function mountJobList() {
  byId("jobs-refresh").addEventListener("click", () => whileBusy(byId("jobs-refresh"), "Refreshing…", refresh));
  byId("jobs-more").addEventListener("click", () => whileBusy(byId("jobs-more"), "Loading…", loadMore));
  setInterval(() => { if (isShown) for (const row of rows.values()) row.tick(); }, AGE_PERIOD);
  document.addEventListener("visibilitychange", () => { if (isShown) document.hidden ? awaitReturn() : comeBack(); });
}

/** Loads the list, narrowed down to `wanted`, and follows it. */
export function showJobList(wanted = ALL) {
  if (wanted.status !== filter.status || wanted.jobType !== filter.jobType) {
    epoch += 1;
    newcomers.clear();
    filter = wanted;
    listed = new ListedJobs(filter);
    showProblem("");
    schedule();
  }
  isShown = true;
  if (document.hidden) awaitReturn();
  follow();
  return refresh();
}

/** Stops following; the connection is free for the job page. */
export function hideJobList() {
  isShown = false;
  epoch += 1;
  newcomers.clear();
  ended.clear();
  clearTimeout(hiddenTimer);
  rest();
}

/** Forgets the jobs of the brand that was left. */
export function resetJobList() {
  hideJobList();
  listed = new ListedJobs(filter);
  showProblem("");
  schedule();
}

// ---- Following ----

async function follow() {
  if (watching !== null) return;
  const mine = new AbortController();
  watching = mine;
  connection = CONNECTING;
  schedule();
  try {
    await withClient((client) => client.watchBrand(brandId(), {
      signal: mine.signal,
      onEvent: (event) => { if (mine === watching) take(event); },
      onConnection: (next) => { if (mine === watching) onConnection(next); },
    }));
  } catch (error) {
    if (mine !== watching) return;
    watching = null;
    connection = { ...CLOSED, error };
    showProblem(error.message);
    schedule();
  }
}

function rest() {
  watching?.abort();
  watching = null;
  connection = CLOSED;
  schedule();
}

function onConnection(next) {
  connection = next;
  schedule();
}

function take(event) {
  if (event.type === "sync") takeSync(event);
  else if (event.type === "snapshot") takeSnapshot(event);
  else takeEvent(event);
}

function takeSync({ jobs, resume }) {
  if (resume === "reset") listed.clear();
  listed.takeSync(jobs);
  if (resume === "reset") beginAtTheTail();
  showProblem("");
  // Among the newest there may be none of those that are wanted.
  if (!listed.isWhole) askQuietly();
  wantPage();
  schedule();
}

// The state was just told; the history that the server would replay from its beginning is old news.
function beginAtTheTail() {
  rest();
  follow();
}

// A poll tells the newest jobs; older ones may be running still.
function takeSnapshot({ jobs }) {
  listed.takeSync(jobs);
  showProblem("");
  const told = new Set(jobs.map(({ id }) => id));
  const below = listed.ordered.filter((job) => !isTerminal(job.status) && !told.has(job.id));
  for (const { id } of below.slice(0, POLLED_BELOW)) takeStatuses([id]).catch(() => { /* The next poll asks again. */ });
  if (!listed.isWhole) askQuietly();
  wantPage();
  schedule();
}

function takeEvent(event) {
  const isWanted = listed.mayWant(event);
  const isNews = listed.takeEvent(event);
  if (isNews && event.type !== "delta") {
    if (isTerminal(event.type)) ended.set(event.job_id, event.type);
    schedule();
  }
  if (isWanted) {
    newcomers.add(event.job_id);
    welcome();
  }
}

// The events of a job do not say what it is about.
async function welcome() {
  const mine = epoch;
  if (welcoming === mine) return;
  welcoming = mine;
  let isSure = true;
  while (newcomers.size > 0 && mine === epoch) {
    const ids = [...newcomers];
    newcomers.clear();
    try {
      if (isSure && ids.length <= FEW) await takeStatuses(ids);
      else await ask();
      isSure = true;
    } catch {
      isSure = false;
      await pause();
      if (mine === epoch) for (const id of ids) newcomers.add(id);
    }
  }
  if (welcoming === mine) welcoming = null;
  wantPage();
}

async function takeStatuses(ids) {
  const mine = epoch;
  const jobs = await Promise.all(ids.map((id) => withClient((client) => client.status(id))));
  if (mine !== epoch) return;
  for (const job of jobs) listed.takeJob(job);
  schedule();
}

function awaitReturn() {
  clearTimeout(hiddenTimer);
  hiddenTimer = setTimeout(rest, HIDDEN_PATIENCE);
}

function comeBack() {
  clearTimeout(hiddenTimer);
  follow();
  askQuietly();
}

// ---- Asking ----

/** Asks for the newest jobs. Rejects if there is no answer. */
async function ask() {
  const mine = epoch;
  const before = listed.ids;
  asking += 1;
  try {
    const answer = await list({ limit: listed.isPaged ? NEWEST : PAGE });
    if (mine !== epoch) return;
    listed.takePage(answer, before);
    showProblem("");
    schedule();
  } finally {
    asking -= 1;
  }
}

function list(page) {
  const narrowed = { ...(filter.status !== null && { status: filter.status }), ...(filter.jobType !== null && { job_type: filter.jobType }) };
  return withClient((client) => client.list({ brand_id: brandId(), ...narrowed, ...page }));
}

async function askQuietly() {
  try {
    await ask();
    return true;
  } catch {
    return false;
  }
}

async function refresh() {
  const mine = epoch;
  try {
    await ask();
  } catch (error) {
    if (mine === epoch) showProblem(error.message);
  }
  wantPage();
}

async function loadMore() {
  const mine = epoch;
  const cursor = listed.nextCursor;
  try {
    const answer = await list({ cursor, limit: PAGE });
    // If the list began again meanwhile, this page belongs to another.
    if (mine !== epoch || cursor !== listed.nextCursor) return;
    listed.takeOlder(answer);
    showProblem("");
  } catch (error) {
    if (mine === epoch) showProblem(error.message);
  }
  schedule();
}

// Without a page it is not known where older jobs begin.
async function wantPage() {
  const mine = epoch;
  if (wanting === mine) return;
  wanting = mine;
  while (isShown && mine === epoch && !listed.isPaged && asking === 0) {
    if (!await askQuietly()) await pause();
  }
  if (wanting === mine) wanting = null;
}

// Many pages that lost one server are not to ask the next one in step.
function pause() {
  return new Promise((resolve) => { setTimeout(resolve, PAUSE * (0.75 + Math.random() / 2)); });
}

// ---- Showing ----

function showProblem(text) {
  setText(byId("jobs-error"), text);
  setShown(byId("jobs-error"), text !== "");
}

// Many events can come at once: one rendering a frame, and none in a hidden tab.
function schedule() {
  if (isScheduled) return;
  isScheduled = true;
  requestAnimationFrame(() => {
    isScheduled = false;
    render();
  });
}

function render() {
  const jobs = listed.ordered;
  for (const id of [...rows.keys()]) if (!listed.has(id)) rows.delete(id);
  arrange(byId("job-list"), jobs.map((job) => {
    if (!rows.has(job.id)) rows.set(job.id, newJobRow(job));
    rows.get(job.id).update(job);
    return rows.get(job.id).node;
  }));
  const isEmpty = jobs.length === 0 && listed.isPaged && byId("jobs-error").hidden;
  setShown(byId("jobs-empty"), isEmpty && listed.isWhole);
  setShown(byId("jobs-none"), isEmpty && !listed.isWhole, byId("jobs-refresh"));
  const isAwaited = jobs.length === 0 && !listed.isPaged && byId("jobs-error").hidden;
  setShown(byId("jobs-awaited"), isAwaited);
  setShown(byId("brand-requests"), !isAwaited);
  setShown(byId("jobs-more"), listed.nextCursor !== null, byId("jobs-refresh"));
  showConnection(byId("jobs-connection"), connection, connection.error === null ? "Paused" : "Not connected");
  tellEnds();
}

// Rows that stay are not touched: one of them may have the focus.
function arrange(list, nodes) {
  const wanted = new Set(nodes);
  for (const node of [...list.children]) if (!wanted.has(node)) node.remove();
  nodes.forEach((node, index) => {
    if (list.children[index] !== node) list.insertBefore(node, list.children[index] ?? null);
  });
}

// Only ends are said aloud: the rest would drown out what a person is doing.
function tellEnds() {
  if (ended.size === 0 || !isShown) return;
  const [[id, status]] = ended;
  const job = listed.get(id);
  if (ended.size > 1) announce(`${ended.size} jobs ended.`);
  else if (job) announce(`${typeName(job.job_type)}, ${shortSubject(job)}: ${STATUS_WORDS[status].toLowerCase()}.`);
  ended.clear();
}
