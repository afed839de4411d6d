// The last events of a job with their ids, deltas left out, in a table that is filled only while it is shown.
import { byId, el, setText } from "/static/dom.js";
import { followScroll } from "/static/follow-scroll.js";
import { timeOfDay } from "/static/format.js";

/** Mounts the log; the returned function shows the events of a job, or only counts them while `isShown` is false. */
export function mountEventLog() {
  const rows = byId("log-rows");
  const follow = followScroll(byId("log-scroll"), byId("log-latest"));
  let shown = [];

  return (events, isShown) => {
    setText(byId("log-count"), events.length === 0 ? "" : String(events.length));
    if (!isShown || events === shown) return;
    // Another job's, or a history that begins again.
    if (shown.length > 0 && !events.includes(shown.at(-1))) rows.replaceChildren();
    shown = events;
    const oldest = events[0]?.seq ?? Infinity;
    while (rows.firstElementChild && Number(rows.firstElementChild.dataset.seq) < oldest) rows.firstElementChild.remove();
    const last = Number(rows.lastElementChild?.dataset.seq ?? 0);
    rows.append(...events.filter(({ seq }) => seq > last).map(row));
    follow();
  };
}

function row(event) {
  const line = el("tr", { class: `log-${event.type}` },
    el("td", { class: "log-id", text: String(event.seq) }),
    el("td", { class: "log-time", text: timeOfDay(event.at) }),
    el("td", { class: "log-name", text: event.type }),
    el("td", { class: "log-content", text: summary(event) }));
  line.dataset.seq = String(event.seq);
  return line;
}

function summary(event) {
  if (event.type === "retrying") return `${text(event.error)} – next attempt ${timeOfDay(event.next_attempt_at)}`;
  if (event.type === "failed") return [text(event.error_message), event.code ? `(${text(event.code)})` : ""].join(" ").trim();
  const { detail } = event;
  const more = detail && typeof detail === "object" && Object.keys(detail).length > 0 ? JSON.stringify(detail).slice(0, 300) : "";
  return [text(event.current_step), Number.isFinite(event.progress) ? `${event.progress} %` : "", more].filter(Boolean).join(" · ");
}

function text(value) {
  return typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
}
