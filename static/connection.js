// How the page hears of changes, in a word at the place where they are shown.
// Must not be more hopeful than the client is.
import { setText } from "/static/dom.js";

/** Where a watch stands before it has said anything. */
export const CONNECTING = Object.freeze({ state: "connecting", transport: null, failures: 0, error: null });

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", polling: "Polling", closed: "Closed" };

const NOTES = {
  stream: "Changes are shown as they happen.",
  shared: "Changes are shown as they happen, over the stream of another tab.",
  "long-poll": "There is no live connection at the moment. The server is asked, and answers when something changes.",
  poll: "There is no live connection at the moment. The server is asked every few seconds.",
};

/** One of connecting · live · reconnecting · polling · closed. */
export function connectionName({ state, failures }) {
  return state === "connecting" && failures > 0 ? "reconnecting" : state;
}

/** What there is to say about a connection in a sentence. */
export function connectionNote(connection) {
  const note = NOTES[connection.transport];
  if (note !== undefined) return note;
  const why = connection.error === null ? "" : ` ${connection.error.message}`;
  if (connection.state === "closed") return `No changes are shown.${why}`;
  return connection.failures > 0 ? `The connection was lost. It is being opened again.${why}` : "";
}

/** Shows a connection at a badge; `closedWord` says what a closed one means there. */
export function showConnection(badge, connection, closedWord = WORDS.closed) {
  const name = connectionName(connection);
  setText(badge, name === "closed" ? closedWord : WORDS[name]);
  badge.dataset.connection = name;
  badge.dataset.transport = connection.transport ?? "";
  badge.title = connectionNote(connection);
}
