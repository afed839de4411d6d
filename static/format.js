// Turns numbers, times and names into words for people.

const WORDS = { url: "Site address", max_pages: "Pages to read at most", limit: "Ads to read at most" };

export const STATUS_WORDS = {
  pending: "Pending",
  processing: "Processing",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** `brand_intelligence` → `Brand intelligence`; known field names have a wording of their own. */
export function label(name) {
  const text = String(name ?? "");
  if (Object.hasOwn(WORDS, text)) return WORDS[text];
  const words = text.replace(/[_\s]+/g, " ").trim();
  return words.charAt(0).toUpperCase() + words.slice(1);
}

/** Seconds as `0:07`, `12:40` or `1:02:03`. */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const two = (number) => String(number).padStart(2, "0");
  const hours = Math.floor(whole / 3600);
  const minutes = Math.floor((whole % 3600) / 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
}

/** A number with its noun: `1 page`, `3 pages`. */
export function count(number, noun) {
  return `${number.toLocaleString()} ${noun}${number === 1 ? "" : "s"}`;
}

/** Seconds as `about 45 s`, `about 2 min`. */
export function roughly(seconds) {
  const whole = Math.max(1, Math.round(seconds));
  if (whole < 120) return `about ${whole} s`;
  if (whole < 5400) return `about ${Math.round(whole / 60)} min`;
  return `about ${Math.round(whole / 3600)} h`;
}

/** How long ago an instant was, both in milliseconds. */
export function age(instant, now) {
  const seconds = Math.floor((now - instant) / 1000);
  if (!Number.isFinite(seconds)) return "";
  if (seconds < 10) return "just now";
  if (seconds < 60) return `${seconds} s ago`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ago`;
  if (seconds < 86400) return `${Math.floor(seconds / 3600)} h ago`;
  return `${Math.floor(seconds / 86400)} d ago`;
}

/** An instant as local date and time, or `–` if it is not one. */
export function moment(text) {
  const instant = Date.parse(text ?? "");
  return Number.isNaN(instant) ? "–" : new Date(instant).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** An instant as local time of day, or `–` if it is not one. */
export function timeOfDay(text) {
  const instant = Date.parse(text ?? "");
  return Number.isNaN(instant) ? "–" : new Date(instant).toLocaleTimeString(undefined, { hour12: false });
}

/** `subject` without what every site address has in common, for lists and titles. */
export function shortSubject(job) {
  return subject(job).replace(/^https?:\/\/(www\.)?/i, "").replace(/\/$/, "");
}

/** What a job is about, from its input where the server shows it, else the start of its id. */
export function subject(job) {
  const input = job?.input_data;
  const named = input && (input.url ?? input.competitor_name ?? input.audience_description);
  return typeof named === "string" && named !== "" ? named : `Job ${String(job?.id ?? "").slice(0, 8)}`;
}
