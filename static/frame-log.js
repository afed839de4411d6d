// The debugger: what came over the wire, frame by frame with its ids, and how the connection fared in between.
import { connectionName } from "/static/connection.js";
import { byId, el, setText } from "/static/dom.js";
import { followScroll } from "/static/follow-scroll.js";

/** Frames that are kept, and characters of each: a result can be megabytes. */
const MOST = 500;
const CHARACTERS = 4_000;

/** The latest frames of a watch. */
export class Frames {
  #kept = [];
  #total = 0;

  /** The frames, oldest first, each with a number that counts all. */
  get kept() {
    return this.#kept;
  }

  get total() {
    return this.#total;
  }

  take({ at, kind, id, event, data, transport }) {
    const cut = data.length > CHARACTERS ? `${data.slice(0, CHARACTERS)}… (${data.length.toLocaleString()} characters)` : data;
    this.#keep({ at, kind, id, event, data: cut, transport });
  }

  /** Notes a change of the connection among the frames. */
  note(connection) {
    const why = connection.error === null ? "" : `: ${connection.error.message}`;
    this.#keep({ at: Date.now(), kind: "connection", id: "", event: connectionName(connection), data: `${connection.transport ?? ""}${why}`, transport: connection.transport });
  }

  clear() {
    this.#kept = [];
  }

  #keep(frame) {
    this.#total += 1;
    this.#kept.push({ number: this.#total, ...frame });
    if (this.#kept.length > MOST) this.#kept.shift();
  }
}

/** Mounts the panel; the returned function shows frames, or only takes note of them while `isShown` is false. */
export function mountFrameLog() {
  const rows = byId("frame-rows");
  const pause = byId("frames-pause");
  const follow = followScroll(byId("frame-scroll"), byId("frames-latest"));
  let frames = new Frames();
  let isPaused = false;
  let isShown = false;

  const fill = () => {
    setText(byId("frames-count"), countOf(frames));
    if (!isShown || isPaused) return;
    const oldest = frames.kept[0]?.number ?? Infinity;
    while (rows.firstElementChild && Number(rows.firstElementChild.dataset.number) < oldest) rows.firstElementChild.remove();
    const last = Number(rows.lastElementChild?.dataset.number ?? 0);
    rows.append(...frames.kept.filter(({ number }) => number > last).map(row));
    follow();
  };
  pause.addEventListener("click", () => {
    isPaused = !isPaused;
    pause.setAttribute("aria-pressed", String(isPaused));
    fill();
  });
  byId("frames-clear").addEventListener("click", () => {
    frames.clear();
    rows.replaceChildren();
    fill();
  });

  return (next, shown) => {
    if (next !== frames) rows.replaceChildren();
    frames = next;
    isShown = shown;
    fill();
  };
}

function countOf({ kept, total }) {
  if (kept.length === 0) return "Nothing yet";
  return total > kept.length ? `Last ${kept.length} of ${total}` : `${total} ${total === 1 ? "frame" : "frames"}`;
}

function row(frame) {
  const line = el("tr", { class: `frame-${frame.kind}` },
    el("td", { class: "log-id", text: frame.id }),
    el("td", { class: "log-time", text: timeOf(frame.at) }),
    el("td", { class: "log-name", text: nameOf(frame) }),
    el("td", { class: "log-content", text: frame.kind === "comment" ? frame.data.trim() : frame.data }));
  line.dataset.number = String(frame.number);
  return line;
}

function nameOf({ kind, event }) {
  return kind === "event" || kind === "connection" ? event : kind;
}

function timeOf(at) {
  const time = new Date(at);
  return `${time.toLocaleTimeString(undefined, { hour12: false })}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}
