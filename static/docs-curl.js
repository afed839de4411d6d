// Says an operation as a command for curl, to be pasted into a shell.

/** The command for the operation; `body` is an example of what it takes, if it takes anything. */
export function curl(origin, method, path, operation, body = undefined) {
  const isStream = Boolean(operation.responses?.["200"]?.content?.["text/event-stream"]);
  const address = `${origin}${path.replace(/\{(\w+)\}/g, (_, name) => `$${name.toUpperCase()}`)}`;
  const verb = method !== "get" && body === undefined ? ` -X ${method.toUpperCase()}` : "";
  const parts = [`${isStream ? "curl -sN" : "curl -s"}${verb} "${address}"`];
  if (needsToken(operation)) parts.push(`-H "Authorization: Bearer $TOKEN"`);
  if (body !== undefined) parts.push("-H 'Content-Type: application/json'", `-d ${quoted(JSON.stringify(body))}`);
  return parts.join(body === undefined ? " " : " \\\n  ");
}

/** Whether the operation cannot be used without a token. */
export function needsToken(operation) {
  const ways = operation.security ?? [];
  return ways.length > 0 && ways.every((way) => Object.keys(way).length > 0);
}

/** Text in single quotes, as every POSIX shell reads it. */
function quoted(text) {
  return `'${text.replaceAll("'", `'\\''`)}'`;
}
