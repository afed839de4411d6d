// The dashboard's copy of the client is the current one.
import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { expect, test } from "vitest";

const SCRIPT = fileURLToPath(new URL("../scripts/dashboard.mjs", import.meta.url));

test("static/client.js is what `npm run build:dashboard` would write now", async () => {
  const said = await promisify(execFile)(process.execPath, [SCRIPT, "--check"]).then(
    () => "it is current",
    (failed: { stderr: string }) => failed.stderr,
  );
  expect(said).toBe("it is current");
});
