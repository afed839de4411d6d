// The page's address after `#`: a brand's jobs with what they are narrowed to, or one job.
// Must not change the address; whoever shows something else does.
const STATUSES = ["pending", "processing", "completed", "failed", "cancelled"];
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** What is shown when nothing is narrowed down. */
export const ALL = Object.freeze({ status: null, jobType: null });

/** Whether this is an id as brands have them. */
export function isBrandId(text) {
  return UUID.test(text);
}

/**
 * What an address shows: `{ view: "job", jobId }`, or `{ view: "brand", brandId, filter }`, where `brandId` is null if the
 * address names none. What cannot be read is left out.
 */
export function readAddress(hash) {
  const [path, query = ""] = hash.replace(/^#\/?/, "").split("?");
  const [kind, name = ""] = path.split("/");
  if (kind === "jobs" && name !== "") return { view: "job", jobId: decode(name) };
  const brandId = kind === "brands" && isBrandId(decode(name)) ? decode(name) : null;
  return { view: "brand", brandId, filter: readFilter(new URLSearchParams(query)) };
}

/** Where a job is shown. */
export function jobAddress(jobId) {
  return `#/jobs/${encodeURIComponent(jobId)}`;
}

/** Where the jobs of a brand are shown, narrowed down. */
export function brandAddress(brandId, filter = ALL) {
  const query = new URLSearchParams();
  if (filter.status !== null) query.set("status", filter.status);
  if (filter.jobType !== null) query.set("type", filter.jobType);
  const text = query.toString();
  return `#/brands/${brandId}${text === "" ? "" : `?${text}`}`;
}

function readFilter(query) {
  const status = query.get("status");
  const jobType = query.get("type");
  // A newer server may know further types, but none with other letters.
  return { status: STATUSES.includes(status) ? status : null, jobType: /^[a-z_]{1,40}$/.test(jobType ?? "") ? jobType : null };
}

function decode(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
