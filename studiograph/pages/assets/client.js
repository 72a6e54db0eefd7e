// GraphQL for pages without a build step: requests over HTTP, subscriptions over graphql-transport-ws (the library graphql-ws).

const REPEAT_DELAYS_MS = [200, 800, null];
const FIRST_RETRY_DELAY_MS = 500;
const MAX_RETRY_DELAY_MS = 15_000;
const PING_INTERVAL_MS = 20_000;
const PONG_TIMEOUT_MS = 10_000;
const PONG_TIMEOUT_CODE = 4408; // graphql-ws connects again after it

export class RequestError extends Error {
  // An error that the server returned instead of data; `code` is stable (docs/api.md).
  constructor(message, code) {
    super(message);
    this.code = code;
  }
}

const requestError = ({ message, extensions }) => new RequestError(message, extensions?.code);

export async function request(token, query, variables = {}) {
  // Sends one query or mutation and returns its data. Throws RequestError, also where the server does not answer.
  const response = await post(token, query, variables);
  const result = await response.json().catch(() => ({}));
  const error = result.errors?.[0];
  if (error) throw requestError(error);
  if (!result.data) throw new RequestError(`The server answered ${response.status} without data.`, "NO_DATA");
  return result.data;
}

async function post(token, query, variables) {
  // A request that the network broke is sent again, where that cannot act twice.
  const repeatable = query.startsWith("query") || Boolean(variables.input?.idempotencyKey);
  for (const delay of repeatable ? REPEAT_DELAYS_MS : [null]) {
    try {
      return await fetch("/graphql", {
        method: "POST",
        headers: { "Content-Type": "application/json", Accept: "application/graphql-response+json, application/json", Authorization: `Bearer ${token}` },
        body: JSON.stringify({ query, variables }),
      });
    } catch {
      if (delay !== null) await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
  throw new RequestError("The server does not answer. Check that it runs, and try again.", "UNREACHABLE");
}

export class SubscriptionClient {
  // One WebSocket for all subscriptions of the page. It connects again by itself, and each subscription continues at its cursor.
  #client;
  #closed = false;
  #pongTimer;
  #socket;

  constructor(token, onState) {
    // `onState` receives "live", "reconnecting" or "refused", with the reason and the code of the close where there was one.
    const report = (state, event) => this.#closed || onState(state, event?.reason, event?.code);
    this.#client = window.graphqlWs.createClient({
      url: new URL("/graphql", location.href).href.replace(/^http/, "ws"),
      connectionParams: { Authorization: `Bearer ${token}` },
      lazy: false,
      keepAlive: PING_INTERVAL_MS,
      retryAttempts: Infinity,
      retryWait,
      shouldRetry: () => true,
      onNonLazyError: (event) => report("refused", event),
      on: {
        connected: (socket) => {
          this.#socket = socket;
          report("live");
        },
        ping: (received) => received || this.#expectPong(),
        pong: () => clearTimeout(this.#pongTimer),
        closed: (event) => {
          clearTimeout(this.#pongTimer);
          report("reconnecting", event);
        },
      },
    });
  }

  subscribe(query, variables, onFrame, onEnd) {
    // Starts a subscription and returns the function that ends it. `variables` is a function: graphql-ws writes the payload anew at each
    // connection, so that the newest cursor is in it.
    const payload = {
      query,
      get variables() {
        return variables();
      },
    };
    let ended = false;
    const finish = (error) => {
      if (ended) return;
      ended = true;
      onEnd?.(error);
    };
    const unsubscribe = this.#client.subscribe(payload, {
      next: ({ data, errors }) => {
        if (ended) return;
        if (!errors?.length) return onFrame(Object.values(data)[0]);
        finish(requestError(errors[0]));
        unsubscribe();
      },
      // graphql-ws gives GraphQL errors as a list. Anything else is the end of the connection, which `onState` reports.
      error: (errors) => Array.isArray(errors) && finish(requestError(errors[0])),
      complete: () => finish(null),
    });
    return () => {
      ended = true;
      unsubscribe();
    };
  }

  close() {
    this.#closed = true;
    this.#client.dispose();
  }

  #expectPong() {
    // A connection that broke without a close shows only by a pong that does not come.
    this.#pongTimer = setTimeout(() => this.#socket.close(PONG_TIMEOUT_CODE, "no pong"), PONG_TIMEOUT_MS);
  }
}

function retryWait(retries) {
  // Waits longer after each failure, at random lengths, so that pages do not all come back at the same moment.
  const delay = Math.min(FIRST_RETRY_DELAY_MS * 2 ** retries, MAX_RETRY_DELAY_MS);
  return new Promise((resolve) => setTimeout(resolve, delay * (0.75 + Math.random() / 2)));
}
