// Serves an example beside a jobcast server, so that both have one origin: files from some folders, all else from the server.
//
//   node serve.mjs <name of an example> [URL of the server] [port]
//
// Must not be used for more than looking at the examples.
import { createReadStream, existsSync, statSync } from "node:fs";
import { createServer, request as ask } from "node:http";
import { extname, join, normalize, sep } from "node:path";
import { fileURLToPath } from "node:url";

const TYPES = { ".html": "text/html; charset=utf-8", ".js": "text/javascript", ".css": "text/css", ".map": "application/json", ".svg": "image/svg+xml" };
const at = (path) => fileURLToPath(new URL(path, import.meta.url));

/** Where the files of each example are. `/client/` is the built package. */
const FOLDERS = { plain: at("plain"), react: at("react/dist") };

/**
 * Serves the example `name` for the server at `target`; port 0 takes a free one. Answers with the address and what ends it.
 * `passes(request)` may keep a request from being passed on; `saw(request, answer)` hears of each that is.
 */
export async function serve({ name, target, port = 0, passes = () => true, saw = () => undefined }) {
  const server = createServer((request, answer) => {
    const path = new URL(request.url, "http://example").pathname;
    if (path.startsWith("/client/")) file(at("../dist"), path.slice("/client/".length), answer);
    else if (!path.startsWith("/api/")) file(FOLDERS[name], path === "/" ? "index.html" : path.slice(1), answer);
    else if (!passes(request)) answer.destroy();
    else pass(request, answer, new URL(typeof target === "function" ? target() : target), saw);
  });
  await new Promise((resolve, reject) => server.once("error", reject).listen(port, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${server.address().port}/`,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

function file(folder, path, answer) {
  const wanted = normalize(join(folder, decodeURIComponent(path)));
  if (!wanted.startsWith(folder + sep) || !existsSync(wanted) || !statSync(wanted).isFile()) {
    answer.writeHead(404, { "Content-Type": "text/plain" }).end("There is no such file.\n");
    return;
  }
  answer.writeHead(200, { "Content-Type": TYPES[extname(wanted)] ?? "application/octet-stream", "Cache-Control": "no-store" });
  createReadStream(wanted).pipe(answer);
}

// A stream is passed on piece by piece, and its end goes both ways.
function pass(request, answer, server, saw) {
  const headers = { ...request.headers, host: server.host };
  const further = ask({ host: server.hostname, port: server.port, path: request.url, method: request.method, headers }, (reply) => {
    answer.writeHead(reply.statusCode, reply.headers);
    answer.flushHeaders();
    reply.on("error", () => answer.destroy()).pipe(answer);
  });
  further.on("error", () => answer.destroy());
  answer.on("close", () => further.destroy());
  saw(request, answer);
  request.pipe(further);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [name, target = "http://127.0.0.1:8080", port = "5180"] = process.argv.slice(2);
  if (!(name in FOLDERS)) {
    console.error("usage: node serve.mjs plain|react [URL of the server] [port]");
    process.exit(2);
  }
  const { url } = await serve({ name, target, port: Number(port) });
  console.log(`The example ${name} is at ${url}, for the jobcast server at ${target}. Ctrl-C ends it.`);
}
