// Turns numbers, times and names into words for people.

export const STATUS_WORDS = {
  pending: "Pending",
  processing: "Processing",
  completed: "Completed",
  failed: "Failed",
  cancelled: "Cancelled",
};

/** `key_messages` → `Key messages`. */
export function label(name) {
  const words = String(name ?? "").replace(/[_\s]+/g, " ").trim();
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
