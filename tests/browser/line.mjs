// A TCP line between the browser and the server that can be cut, mended, and made mute, as networks are.
import { connect, createServer } from "node:net";

/** Opens a line to the server at this URL; it ends with the program. */
export async function openLine(server) {
  const pairs = new Set();
  let isCut = false;
  const line = createServer((near) => {
    if (isCut) {
      near.destroy();
      return;
    }
    const far = connect(Number(server.port), server.hostname);
    const pair = { near, far };
    pairs.add(pair);
    for (const socket of [near, far]) {
      socket.on("error", () => { /* `close` follows. */ });
      socket.on("close", () => {
        pairs.delete(pair);
        near.destroy();
        far.destroy();
      });
    }
    near.pipe(far);
    far.pipe(near);
  });
  await new Promise((resolve, reject) => line.once("error", reject).listen(0, "127.0.0.1", resolve));
  line.unref();
  return {
    url: new URL(`http://127.0.0.1:${line.address().port}/`),
    /** Ends all connections and refuses new ones. */
    cut() {
      isCut = true;
      for (const { near } of pairs) near.destroy();
    },
    mend() {
      isCut = false;
    },
    /** The connections that there are stay, and bring nothing any more. */
    mute() {
      for (const { near, far } of pairs) {
        far.unpipe(near);
        far.resume();
      }
    },
  };
}
