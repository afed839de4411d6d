// Which jobs of a brand are listed and where each stands, from pages, states and events. No DOM, no network.
import { ALL } from "/static/address.js";
import { advanced } from "/static/client.js";

/** How many jobs a page of the list has. */
export const PAGE = 20;
/** As many come with a stream's first frame or a poll, and are asked for to bring a list up to date. */
export const NEWEST = 50;
/** Jobs at most: a list that is open for days begins again with its first page, so that it does not fill the memory. */
const MOST = 500;
/** Events that are kept of jobs that are not listed, in case an answer that brings the job was read before them. */
const EARLY_JOBS = 100;
const EARLY_EVENTS = 20;
/** The events that change a job's status. */
const TURNS = new Set(["queued", "started", "retrying", "completed", "failed", "cancelled"]);

export class ListedJobs {
  #jobs = new Map();
  #ordered = null;
  #early = new Map();
  #nextCursor = null;
  #isPaged = false;
  #filter;

  /** `filter` narrows the list down: `{ status, jobType }`, null for all. */
  constructor(filter = ALL) {
    this.#filter = filter;
  }

  /** Whether the list has all jobs of the brand, and not only some. */
  get isWhole() {
    return this.#filter.status === null && this.#filter.jobType === null;
  }

  /** The jobs that belong here, newest first. Others are kept that did before something happened to them. */
  get ordered() {
    this.#ordered ??= [...this.#jobs.values()].filter((job) => this.#isWanted(job)).sort(newestFirst);
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

  /**
   * Takes the newest jobs of the brand, narrowed down or not, as a watch tells them. Until a page was read they are cut to one,
   * which older ones can follow.
   */
  takeSync(jobs) {
    const newest = jobsIn(jobs);
    if (!this.isWhole) return this.#takeAmongOthers(newest);
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

  /** Takes an event, in order. Returns whether it was news of a job that is known here. */
  takeEvent(event) {
    if (this.#jobs.has(event.job_id)) return this.#advance(event);
    if (event.type !== "delta") this.#keepEarly(event);
    return false;
  }

  /** Whether a job that is not known here might belong here by this event, as far as the event says. */
  mayWant(event) {
    if (this.#jobs.has(event.job_id)) return false;
    return this.#filter.status === null ? event.type === "queued" : event.status === this.#filter.status && TURNS.has(event.type);
  }

  #isWanted(job) {
    const { status, jobType } = this.#filter;
    return (status === null || job.status === status) && (jobType === null || job.job_type === jobType);
  }

  // Where others lie in between, nothing can be said of the end of the list before a page was read.
  #takeAmongOthers(newest) {
    for (const job of newest) {
      if (this.#jobs.has(job.id) || (this.#isPaged && this.#isWanted(job) && this.#reaches(job))) this.#takeState(job);
    }
    this.#trim();
  }

  #keepEarly(event) {
    const events = this.#early.get(event.job_id) ?? [];
    this.#early.delete(event.job_id);
    this.#early.set(event.job_id, [...events, event].slice(-EARLY_EVENTS));
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
    for (const event of this.#early.get(job.id) ?? []) this.#advance(event);
    this.#early.delete(job.id);
    return !known || seqOf(job) > seqOf(known);
  }

  #advance(event) {
    const job = this.#jobs.get(event.job_id);
    if (!(event.seq > seqOf(job))) return false;
    this.#jobs.set(job.id, advanced(job, event));
    this.#ordered = null;
    return true;
  }

  // Jobs below the end of the list come with their page.
  #reaches(job) {
    const end = this.ordered.at(-1);
    return this.#nextCursor === null || end === undefined || newestFirst(job, end) < 0;
  }
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
