// The list of a brand's jobs, newest first: one stream keeps it live, and it is polled while there is none.
import { fetchStatus, listJobs } from "/static/api.js";
import { announce } from "/static/announce.js";
import { brandId } from "/static/brand.js";
import { BrandStream } from "/static/brand-stream.js";
import { byId, setShown, setText, whileBusy } from "/static/dom.js";
import { STATUS_WORDS } from "/static/format.js";
import { newJobRow } from "/static/job-row.js";
import { isTerminal } from "/static/job-stream.js";
import { shortSubject, typeName } from "/static/job-words.js";
import { ListedJobs, NEWEST, PAGE } from "/static/listed-jobs.js";

/** How often ages are written anew, in milliseconds. */
const AGE_PERIOD = 10_000;
/** How often the list is asked for while the stream is not live, in milliseconds, a quarter more or less. */
const POLL_PERIOD = 4_000;
/** A tab that is hidden for so many milliseconds gives its connection back: a browser has six for a server. */
const HIDDEN_PATIENCE = 30_000;
/** So many new jobs are asked for one by one; more come with a page. */
const FEW = 3;
/** Running jobs below the polled page that are asked for one by one, at each poll. */
const POLLED_BELOW = 10;

const CONNECTION_WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", polling: "Polling", closed: "Paused" };
const CONNECTION_NOTES = {
  live: "Changes are shown as they happen.",
  reconnecting: "The live connection was lost. It is being opened again.",
  polling: "There is no live connection at the moment. The list is asked for every few seconds.",
};

const listed = new ListedJobs();
const rows = new Map();
const newcomers = new Set();
const ended = new Map();
let stream = null;
let connection = "closed";
let isShown = false;
/** Changes when what is under way belongs to a brand or a view that was left. */
let epoch = 0;
/** The epochs in which new jobs and a first page are being asked for. */
let welcoming = null;
let wanting = null;
let asking = 0;
let pollTimer = 0;
let isPolled = false;
let isUnreachable = false;
let hiddenTimer = 0;
let isScheduled = false;

/** Mounts the list's buttons and clocks; nothing is loaded before `showJobList`. */
export function mountJobList() {
  byId("jobs-refresh").addEventListener("click", () => whileBusy(byId("jobs-refresh"), "Refreshing…", refresh));
  byId("jobs-more").addEventListener("click", () => whileBusy(byId("jobs-more"), "Loading…", loadMore));
  setInterval(() => { if (isShown) for (const row of rows.values()) row.tick(); }, AGE_PERIOD);
  document.addEventListener("visibilitychange", () => { if (isShown) document.hidden ? awaitReturn() : comeBack(); });
}

/** Loads the list and follows it. */
export function showJobList() {
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
  stream?.close();
}

/** Forgets the jobs of the brand that was left. */
export function resetJobList() {
  hideJobList();
  stream = null;
  listed.clear();
  showProblem("");
  schedule();
}

// ---- Following ----

function follow() {
  stream ??= new BrandStream(brandId(), {
    sync: onSync,
    event: onEvent,
    connection: onConnection,
    isBehind: ask,
  });
  if (connection === "closed") stream.open();
}

function onConnection(next) {
  connection = next;
  if (next === "live" || next === "closed") stopPolling();
  else pollLater();
  schedule();
}

function onSync(jobs, cleared) {
  if (cleared) listed.clear();
  listed.takeSync(jobs);
  showProblem("");
  wantPage();
  schedule();
}

function onEvent(name, data) {
  if (typeof data.job_id !== "string") return;
  const isNews = listed.takeEvent(name, data);
  if (isNews && name !== "delta") {
    if (isTerminal(name)) ended.set(data.job_id, name);
    schedule();
  }
  if (name === "queued" && !listed.has(data.job_id)) {
    newcomers.add(data.job_id);
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
  const answers = await Promise.all(ids.map(fetchStatus));
  if (mine !== epoch) return;
  for (const { job } of answers) listed.takeJob(job);
  schedule();
}

function awaitReturn() {
  clearTimeout(hiddenTimer);
  hiddenTimer = setTimeout(() => stream?.close(), HIDDEN_PATIENCE);
}

function comeBack() {
  clearTimeout(hiddenTimer);
  if (connection === "live") {
    stream.verify();
    return;
  }
  stream.hurry();
  follow();
  askQuietly();
}

// ---- Asking ----

/** Asks for the newest jobs and says whether there was news. Rejects if there is no answer. */
async function ask() {
  const mine = epoch;
  const before = listed.ids;
  asking += 1;
  try {
    const answer = await listJobs(brandId(), { limit: listed.isPaged ? NEWEST : PAGE });
    if (mine !== epoch) return false;
    const hasNews = listed.takePage(answer, before);
    showProblem("");
    schedule();
    return hasNews;
  } finally {
    asking -= 1;
  }
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
    const answer = await listJobs(brandId(), { cursor, limit: PAGE });
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

function pollLater() {
  if (pollTimer === 0) pollTimer = setTimeout(poll, around(POLL_PERIOD));
}

async function poll() {
  const mine = pollTimer;
  const isAnswered = !document.hidden && await askQuietly();
  if (mine !== pollTimer) return;
  if (isAnswered) askBelow();
  if (isAnswered && isUnreachable) stream.hurry();
  isUnreachable = !isAnswered && !document.hidden;
  isPolled = isAnswered;
  schedule();
  wantPage();
  pollTimer = 0;
  if (connection !== "live" && connection !== "closed") pollLater();
}

// A page has the newest jobs; older ones may be running still.
function askBelow() {
  const below = listed.ordered.slice(NEWEST).filter((job) => !isTerminal(job.status));
  for (const { id } of below.slice(0, POLLED_BELOW)) takeStatuses([id]).catch(() => { /* The next poll asks again. */ });
}

function stopPolling() {
  clearTimeout(pollTimer);
  pollTimer = 0;
  isPolled = false;
  isUnreachable = false;
}

function pause() {
  return new Promise((resolve) => { setTimeout(resolve, around(POLL_PERIOD)); });
}

// Many pages that lost one server are not to ask the next one in step.
function around(milliseconds) {
  return milliseconds * (0.75 + Math.random() / 2);
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
  setShown(byId("jobs-empty"), jobs.length === 0 && listed.isPaged && byId("jobs-error").hidden);
  setShown(byId("jobs-more"), listed.nextCursor !== null, byId("jobs-refresh"));
  renderConnection();
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

function renderConnection() {
  const shown = isPolled && connection !== "live" ? "polling" : connection;
  const badge = byId("jobs-connection");
  setText(badge, CONNECTION_WORDS[shown]);
  badge.dataset.connection = shown;
  badge.title = CONNECTION_NOTES[shown] ?? "";
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
