// A browser's client, graphql-ws, that reads one subscription through whatever happens to its sockets.
// Prints one JSON array a line: ["connected"], ["next", payload], ["closed", code], ["complete"], ["error", codes].
import { createClient } from 'graphql-ws';
import WebSocket from 'ws';

const [url, firstToken, laterToken, query] = process.argv.slice(2);
const say = (...what) => console.log(JSON.stringify(what));
let connections = 0;

const client = createClient({
  url,
  webSocketImpl: WebSocket,
  retryAttempts: 1000, // 50 s, for a server that restarts on a busy machine
  retryWait: () => new Promise((resolve) => setTimeout(resolve, 50)),
  shouldRetry: () => true,
  connectionParams: () => ({ Authorization: `Bearer ${connections++ === 0 ? firstToken : laterToken}` }),
  on: { connected: () => say('connected'), closed: (event) => say('closed', event.code) },
});

client.subscribe(
  { query },
  {
    next: (payload) => say('next', payload),
    error: (error) => say('error', Array.isArray(error) ? error.map((each) => each.extensions.code) : (error.code ?? String(error))),
    complete: () => {
      say('complete');
      client.dispose();
    },
  },
);
