// Which jobs of a brand are listed and where each stands, from pages, `sync` frames and events. No DOM, no network.
import { mergeEvent } from "/static/job-state.js";

/** How many jobs a page of the list has. */
export const PAGE = 20;
/** As many come with a stream's first frame, and are asked for to bring a list up to date. */
export const NEWEST = 50;
/** Jobs at most: a list that is open for days begins again with its first page, so that it does not fill the memory. */
const MOST = 500;
/** Events that are kept of jobs that are not listed, in case an answer that brings the job was read before them. */
const EARLY_JOBS = 100;
const EARLY_EVENTS = 20;

export class ListedJobs {
  #jobs = new Map();
  #ordered = null;
  #early = new Map();
  #nextCursor = null;
  #isPaged = false;

  /** The jobs, newest first. */
  get ordered() {
    this.#ordered ??= [...this.#jobs.values()].sort(newestFirst);
    return this.#ordered;
  }

  /** Where the page of older jobs begins; null if there is none, or no first page was read yet. */
  get nextCursor() {
    return this.#nextCursor;
  }

  /** Whether it is known where older jobs begin; if not, a first page is wanted. */
  get isPaged() {
    return this.#isPaged;
  }

  get ids() {
    return [...this.#jobs.keys()];
  }

  has(id) {
    return this.#jobs.has(id);
  }

  get(id) {
    return this.#jobs.get(id);
  }

  /** Forgets everything. */
  clear() {
    this.#early.clear();
    this.#keep([]);
  }

  /**
   * Takes a list's answer with the newest jobs; `before` are the ids that were listed when it was asked for: those of them
   * that it should have, and has not, are gone. Returns whether it knew anything newer.
   */
  takePage(answer, before) {
    const page = jobsIn(answer.jobs);
    const next = answer.next_cursor ?? null;
    const hasNews = this.#takeNewest(page, next !== null);
    const present = new Set(page.map((job) => job.id));
    const isCovered = (job) => next === null || (page.length > 0 && newestFirst(job, page.at(-1)) < 0);
    for (const id of before) {
      if (!present.has(id) && this.#jobs.has(id) && isCovered(this.#jobs.get(id))) this.#jobs.delete(id);
    }
    this.#ordered = null;
    if (!this.#isPaged) this.#nextCursor = next;
    this.#isPaged = true;
    this.#trim();
    return hasNews;
  }

  /** Takes the newest jobs from a stream's first frame. Until a page was read they are cut to one, which older ones can follow. */
  takeSync(jobs) {
    const newest = jobsIn(jobs);
    if (this.#isDetachedFrom(newest, newest.length >= NEWEST)) this.#keep([]);
    this.#takeNewest(this.#isPaged ? newest : newest.slice(0, PAGE), false);
  }

  /** Takes a page of older jobs. */
  takeOlder(answer) {
    for (const job of jobsIn(answer.jobs)) this.#takeState(job);
    this.#nextCursor = answer.next_cursor ?? null;
  }

  /** Takes one job as `status` shows it, if it is listed or belongs above the end of the list. */
  takeJob(job) {
    if (!isJob(job)) return;
    if (this.#jobs.has(job.id) || this.#reaches(job)) this.#takeState(job);
    this.#trim();
  }

  /** Takes an event, in order. Returns whether it was news of a listed job. */
  takeEvent(name, data) {
    const job = this.#jobs.get(data.job_id);
    if (job) return advance(job, name, data);
    if (name !== "delta") this.#keepEarly(name, data);
    return false;
  }

  #keepEarly(name, data) {
    const events = this.#early.get(data.job_id) ?? [];
    this.#early.delete(data.job_id);
    this.#early.set(data.job_id, [...events, { name, data }].slice(-EARLY_EVENTS));
    if (this.#early.size > EARLY_JOBS) this.#early.delete(this.#early.keys().next().value);
  }

  #takeNewest(newest, mayHaveMore) {
    let hasNews = this.#isDetachedFrom(newest, mayHaveMore);
    if (hasNews) this.#keep([]);
    for (const job of newest.filter((each) => this.#jobs.has(each.id) || this.#reaches(each))) {
      hasNews = this.#takeState(job) || hasNews;
    }
    return hasNews;
  }

  // If nothing that is listed is among the newest, what lies between is unknown: the list begins again.
  #isDetachedFrom(newest, mayHaveMore) {
    return mayHaveMore && this.#jobs.size > 0 && !newest.some((job) => this.#jobs.has(job.id));
  }

  #trim() {
    if (this.#jobs.size > MOST) this.#keep(this.ordered.slice(0, PAGE));
  }

  #keep(jobs) {
    this.#jobs = new Map(jobs.map((job) => [job.id, job]));
    this.#ordered = null;
    this.#nextCursor = null;
    this.#isPaged = false;
  }

  // What an event told already is newer than a state with a lower number. Returns whether the state was news.
  #takeState(job) {
    const known = this.#jobs.get(job.id);
    if (known && seqOf(job) < seqOf(known)) return false;
    this.#jobs.set(job.id, { ...job });
    this.#ordered = null;
    for (const { name, data } of this.#early.get(job.id) ?? []) advance(this.#jobs.get(job.id), name, data);
    this.#early.delete(job.id);
    return !known || seqOf(job) > seqOf(known);
  }

  // Jobs below the end of the list come with their page.
  #reaches(job) {
    const end = this.ordered.at(-1);
    return this.#nextCursor === null || end === undefined || newestFirst(job, end) < 0;
  }
}

function advance(job, name, data) {
  const seq = Number(data.seq);
  if (!(seq > seqOf(job))) return false;
  mergeEvent(job, name, data, seq);
  return true;
}

function newestFirst(one, other) {
  return createdAt(other) - createdAt(one) || (one.id < other.id ? 1 : -1);
}

function createdAt(job) {
  return Date.parse(job.created_at ?? "") || 0;
}

function seqOf(job) {
  return Number(job.last_seq) || 0;
}

function jobsIn(jobs) {
  return (Array.isArray(jobs) ? jobs : []).filter(isJob);
}

function isJob(job) {
  return job !== null && typeof job === "object" && typeof job.id === "string";
}
