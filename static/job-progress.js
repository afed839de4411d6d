// Where a job stands: the bar, the words below it, and the times.
import { showConnection } from "/static/connection.js";
import { byId, setText } from "/static/dom.js";
import { isOver } from "/static/followed-job.js";
import { STATUS_WORDS, age, clock, roughly } from "/static/format.js";
import { serverNow } from "/static/server.js";

/** The remaining time is shown in steps of so many seconds: it is an estimate, and must not look like a countdown. */
const ESTIMATE_STEP = 5;

/** Shows a followed job; `job` is its state, or what stands for one that is not known yet. */
export function showProgress(followed, job) {
  const percent = percentOf(job);
  setText(byId("job-percent"), `${percent}%`);
  byId("job-bar").setAttribute("aria-valuenow", String(percent));
  byId("job-bar").setAttribute("aria-valuetext", [`${percent} %`, job.current_step].filter(Boolean).join(", "));
  byId("job-bar").dataset.status = job.status;
  byId("job-bar-fill").style.setProperty("--progress", String(percent / 100));
  setText(byId("job-status"), STATUS_WORDS[job.status] ?? "Loading");
  byId("job-status").dataset.status = job.status;
  showConnection(byId("job-connection"), followed.connection, isOver(job) ? "Stream ended" : "Not connected");
  setText(byId("job-step"), String(job.current_step ?? ""));
  showDetail(followed, job);
  showTimes(followed, job);
}

/** Shows what time alone changes. */
export function showTimes(followed, job) {
  const started = Date.parse(job.started_at ?? "");
  const ended = Date.parse(job.completed_at ?? "");
  const until = isOver(job) && !Number.isNaN(ended) ? ended : serverNow();
  setText(byId("job-elapsed"), Number.isNaN(started) ? "–" : clock((until - started) / 1000));
  const [name, value] = remaining(job, ended);
  setText(byId("job-remaining-label"), name);
  setText(byId("job-remaining"), value);
  const attempt = followed.timeline.rows(job).findLast(({ kind }) => kind === "attempt")?.number ?? 0;
  setText(byId("job-attempt"), attempt > 0 ? String(attempt) : "–");
  byId("job-attempt").title = Number.isFinite(job.max_retries) ? `A failed attempt is repeated up to ${job.max_retries} times` : "";
  if (followed.state.waiting !== null) showDetail(followed, job);
}

/** The progress of a job as a whole number of percent. */
export function percentOf(job) {
  return Math.round(Math.min(100, Math.max(0, Number(job.progress) || 0)));
}

function showDetail(followed, job) {
  const [text, kind] = detailOf(followed, job);
  setText(byId("job-detail"), text);
  byId("job-detail").dataset.kind = kind;
}

function detailOf({ state, detail }, job) {
  if (job.status === "failed") return [String(job.error_message ?? ""), "bad"];
  if (isOver(job)) return ["", ""];
  if (state.waiting !== null) {
    const seconds = (Date.parse(state.waiting.until ?? "") - serverNow()) / 1000;
    return [`${state.waiting.error} The next attempt begins ${seconds > 1 ? `in ${roughly(seconds)}` : "shortly"}.`, "warning"];
  }
  const said = [detail?.url, detail?.message].find((text) => typeof text === "string") ?? "";
  return [String(job.current_step ?? "").includes(said) ? "" : said, ""];
}

function remaining(job, ended) {
  if (isOver(job)) return ["Ended", Number.isNaN(ended) ? "–" : age(ended, serverNow())];
  const seconds = (Date.parse(job.estimated_completion ?? "") - serverNow()) / 1000;
  if (Number.isNaN(seconds)) return ["Remaining", "–"];
  return ["Remaining", seconds > 0 ? roughly(Math.ceil(seconds / ESTIMATE_STEP) * ESTIMATE_STEP) : "any moment"];
}
