// A `jobcast demo` of its own, to be killed and started again, and sites for it to read that hold their pages back.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";

const STARTING = 30_000;
/** A demo whose test was killed ends by itself, in seconds. */
const LIFETIME = 300;

/** Starts the program at `path`; `url` is where it listens, also after `restart`. */
export async function startDemo(path) {
  const folder = mkdtempSync(join(tmpdir(), "jobcast-client-"));
  let port = 0;
  let child = null;
  const demo = {
    get url() {
      return `http://127.0.0.1:${port}`;
    },
    /** kill -9. */
    async kill() {
      const ended = once(child, "exit");
      killGroup(child);
      await ended;
    },
    async start() {
      const flags = ["--port", String(port), "--allow-private-sites", "true", "--lease-seconds", "2"];
      child = spawn("timeout", ["--signal=KILL", String(LIFETIME), path, "demo", ...flags], { cwd: folder, stdio: ["ignore", "pipe", "ignore"] });
      port = await portOf(child);
    },
    stop() {
      killGroup(child);
      rmSync(folder, { recursive: true, force: true });
    },
    /** Starts a job, as another program would. */
    async job(request) {
      const headers = { "Content-Type": "application/json" };
      const answer = await fetch(`${demo.url}/api/jobs/start`, { method: "POST", headers, body: JSON.stringify(request) });
      const body = await answer.json();
      if (!answer.ok) throw new Error(`the start was refused: ${body.error}`);
      return body.job_id;
    },
    async ask(path) {
      return (await fetch(`${demo.url}${path}`)).json();
    },
  };
  await demo.start();
  return demo;
}

// `timeout` leads a process group of its own.
function killGroup(child) {
  try {
    process.kill(-child.pid, "SIGKILL");
  } catch {
    // It has ended already.
  }
}

function portOf(child) {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => reject(new Error(`the demo did not say within ${STARTING / 1000} s where it listens`)), STARTING);
    child.once("exit", (code) => reject(new Error(`the demo ended with code ${code}`)));
    child.once("error", reject);
    createInterface({ input: child.stdout }).on("line", (line) => {
      const port = /http:\/\/127\.0\.0\.1:(\d+)\//.exec(line)?.[1];
      if (port === undefined) return;
      clearTimeout(late);
      resolve(Number(port));
    });
  });
}

/** A site that shows its front page alone until it is opened, so that a job about it lasts as long as a test wants. */
export async function heldSite() {
  let open = () => undefined;
  const isOpen = new Promise((resolve) => { open = resolve; });
  const server = createServer(async (request, answer) => {
    if (request.url !== "/") await isOpen;
    answer.writeHead(200, { "Content-Type": "text/html" });
    answer.end(`<!doctype html><html lang="en"><title>Northwind Kettles – tea without hurry</title><h1>Tea without hurry</h1>
      <p>Our kettles are repaired, not replaced.</p><a href="/about">About</a> <a href="/shop">Shop</a></html>`);
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  server.unref();
  return { url: `http://127.0.0.1:${server.address().port}/`, open };
}
