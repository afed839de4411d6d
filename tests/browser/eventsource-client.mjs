// Reads a job's event stream with the npm package `eventsource` until the job's last terminal event.
//
//   node eventsource-client.mjs <URL of the stream>
//
// Prints one JSON line per event: {"id": …, "event": …, "data": …}. Exit code 0 after the terminal event, 1 when the
// stream was refused or the deadline passed (DEADLINE_SECONDS, 120 if unset), 2 for wrong arguments.
import { EventSource } from "eventsource";

const NAMES = ["sync", "queued", "started", "progress", "delta", "retrying", "completed", "failed", "cancelled"];
const TERMINAL = new Set(["completed", "failed", "cancelled"]);

const [address] = process.argv.slice(2);
if (!address) {
  console.error("usage: node eventsource-client.mjs <URL of the stream>");
  process.exit(2);
}

const seconds = Number(process.env.DEADLINE_SECONDS ?? 120);
const source = new EventSource(address);
let knownSeq = 0;

const deadline = setTimeout(() => stop(1, `no terminal event on ${address} within ${seconds} s`), seconds * 1000);

for (const name of NAMES) {
  source.addEventListener(name, (message) => {
    const data = JSON.parse(message.data);
    process.stdout.write(`${JSON.stringify({ id: message.lastEventId, event: name, data })}\n`);
    if (name === "sync") knownSeq = Number(data.last_seq);
    // A retried job has older terminal events in its history; the newest one ends the stream.
    if (TERMINAL.has(name) && Number(message.lastEventId) >= knownSeq) stop(0);
  });
}

source.addEventListener("error", (error) => {
  // Everything else (a dropped connection, a drained server) the package reconnects from by itself.
  if (source.readyState === EventSource.CLOSED) stop(1, `${address} was refused: ${error.code ?? ""} ${error.message ?? ""}`.trim());
});

function stop(code, message) {
  clearTimeout(deadline);
  source.close();
  if (message) console.error(message);
  process.exitCode = code;
}
