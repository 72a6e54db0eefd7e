// GraphQL over HTTP and over graphql-transport-ws, for pages without a build step.

const PROTOCOL = "graphql-transport-ws";
const FIRST_DELAY = 500;
const LONGEST_DELAY = 15_000;
const PING_EVERY = 20_000;
const PONG_WITHIN = 10_000;
const FINAL_CODES = new Set([4400, 4401, 4409, 4429, 4500]);

export class Refused extends Error {
  // What the server answered instead of data; `code` is stable (docs/api.md).
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

export async function ask(token, query, variables = {}) {
  // One query or mutation; throws Refused. A network failure reads as one, too: it tells what to do.
  let response;
  try {
    response = await fetch("/graphql", {
      method: "POST",
      headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json", Authorization: `Bearer ${token}` },
      body: JSON.stringify({ query, variables }),
    });
  } catch {
    throw new Refused("The server does not answer. Is it running?", "UNREACHABLE");
  }
  const answer = await response.json().catch(() => ({}));
  const error = answer.errors?.[0];
  if (error) throw new Refused(error.message, error.extensions?.code);
  if (!answer.data) throw new Refused(`The server answered ${response.status} without data.`, "NO_DATA");
  return answer.data;
}

export class Live {
  // One WebSocket for all streams of the page. It comes back by itself; each stream says anew where it goes on.
  #token;
  #tell;
  #socket = null;
  #streams = new Map();
  #lastId = 0;
  #delay = FIRST_DELAY;
  #timers = [];
  #closed = false;

  constructor(token, tell) {
    // `tell` gets "live", "reconnecting" or "refused" (with a reason).
    this.#token = token;
    this.#tell = tell;
    this.#open();
  }

  stream(query, variables, onFrame, onEnd) {
    // `variables` is a function: it is asked again at each reconnection, with the newest cursor in it.
    const id = String(++this.#lastId);
    this.#streams.set(id, { query, variables, onFrame, onEnd });
    if (this.#socket?.acknowledged) this.#subscribe(id);
    return () => this.#drop(id);
  }

  close() {
    this.#closed = true;
    this.#clear();
    this.#socket?.close(1000);
  }

  #open() {
    const url = new URL("/graphql", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    const socket = (this.#socket = new WebSocket(url, PROTOCOL));
    socket.acknowledged = false;
    socket.onopen = () => this.#send({ type: "connection_init", payload: { Authorization: `Bearer ${this.#token}` } });
    socket.onmessage = (message) => this.#receive(socket, JSON.parse(message.data));
    socket.onclose = (event) => this.#lost(socket, event);
  }

  #receive(socket, { type, id, payload }) {
    if (type === "connection_ack") return this.#ready(socket);
    if (type === "ping") return this.#send({ type: "pong" });
    if (type === "pong") return clearTimeout(socket.pongTimer);
    const stream = this.#streams.get(id);
    if (!stream) return undefined;
    if (type === "next") return this.#next(id, stream, payload);
    if (type === "error") return this.#end(id, stream, payload[0]);
    if (type === "complete") return this.#end(id, stream, null);
    return undefined;
  }

  #next(id, stream, { data, errors }) {
    if (errors?.length) this.#end(id, stream, errors[0]);
    else stream.onFrame(Object.values(data)[0]);
  }

  #end(id, stream, error) {
    this.#streams.delete(id);
    stream.onEnd?.(error && new Refused(error.message, error.extensions?.code));
  }

  #ready(socket) {
    socket.acknowledged = true;
    this.#delay = FIRST_DELAY;
    for (const id of this.#streams.keys()) this.#subscribe(id);
    this.#timers.push(setInterval(() => this.#ping(socket), PING_EVERY));
    this.#tell("live");
  }

  #ping(socket) {
    // A connection that died silently shows only by a pong that does not come.
    this.#send({ type: "ping" });
    socket.pongTimer = setTimeout(() => socket.close(4000, "no pong"), PONG_WITHIN);
  }

  #subscribe(id) {
    const { query, variables } = this.#streams.get(id);
    this.#send({ id, type: "subscribe", payload: { query, variables: variables() } });
  }

  #drop(id) {
    if (this.#streams.delete(id) && this.#socket?.acknowledged) this.#send({ id, type: "complete" });
  }

  #lost(socket, event) {
    clearTimeout(socket.pongTimer);
    this.#clear();
    if (this.#closed || socket !== this.#socket) return;
    if (FINAL_CODES.has(event.code)) return this.#tell("refused", event.reason);
    this.#tell("reconnecting", event.reason, event.code);
    this.#timers.push(setTimeout(() => this.#open(), this.#delay * (0.75 + Math.random() / 2)));
    this.#delay = Math.min(this.#delay * 2, LONGEST_DELAY);
  }

  #clear() {
    for (const timer of this.#timers.splice(0)) clearTimeout(timer);
  }

  #send(message) {
    if (this.#socket.readyState === WebSocket.OPEN) this.#socket.send(JSON.stringify(message));
  }
}
