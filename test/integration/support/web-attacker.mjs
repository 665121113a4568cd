/**
 * Attacks the page's server from a process of its own, so that the tests can see what the server's own event loop
 * suffers. Arguments: what to do, port, connections, addresses to come from, milliseconds. Prints, as JSON, how many
 * connections it had opened and how many bytes of answers it got.
 */
import { connect } from "node:net";

const [mode, port, connections, addresses, ms] = [process.argv[2], ...process.argv.slice(3).map(Number)];
const head = `GET /login HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n`;
const whole = `${head}\r\n`;
const many = whole.repeat(Math.floor(65_536 / whole.length));
let opened = 0;
let bytes = 0;
let next = 0;

const attacks = {
  /** A head that never ends, a byte at a time. */
  loris(socket) {
    socket.write(`${head}X-Slow: `);
    return setInterval(() => socket.write("a"), 500);
  },
  /** Nothing at all. */
  idle: () => undefined,
  /** One request after the other, as fast as they are answered. */
  requests(socket) {
    socket.write(whole);
    socket.on("data", () => socket.write(whole));
  },
  /** A thousand requests in one packet, without waiting for answers. */
  pipeline(socket) {
    socket.write(many);
  },
  /** Random bytes. */
  garbage(socket) {
    socket.write(Buffer.from(Array.from({ length: 4_096 }, () => Math.floor(Math.random() * 256))));
  },
  /** A body that is announced and never comes. */
  body(socket) {
    socket.write(`POST /login HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nContent-Type: application/json\r\n`);
    socket.write("Content-Length: 4000\r\n\r\n{");
  },
};
const attack = attacks[mode];
const endMs = Date.now() + ms;

function open() {
  if (Date.now() >= endMs) return;
  const source = next++ % addresses;
  const localAddress = `127.9.${1 + Math.floor(source / 250)}.${1 + (source % 250)}`;
  const socket = connect({ host: "127.0.0.1", port, localAddress });
  let timer;
  socket.once("connect", () => {
    opened++;
    timer = attack(socket);
  });
  socket.on("data", (chunk) => {
    bytes += chunk.length;
  });
  socket.on("error", () => undefined);
  socket.once("close", () => {
    clearInterval(timer);
    // At most some hundred new connections a second: this process shall not be what is measured.
    setTimeout(open, 1_000 / 5);
  });
}

for (let at = 0; at < connections; at++) open();
setTimeout(() => {
  console.log(JSON.stringify({ opened, bytes }));
  process.exit(0);
}, ms);
