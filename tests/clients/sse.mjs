// A browser's client, graphql-sse, that reads one subscription through whatever happens to its responses, going on after the last cursor.
// Prints one JSON array a line: ["connected"], ["next", payload], ["complete"], ["error", what].
import { createClient } from 'graphql-sse';

const [url, firstToken, laterToken, query, variables] = process.argv.slice(2);
const say = (...what) => console.log(JSON.stringify(what));
const request = { query, variables: JSON.parse(variables ?? '{}') };
let requests = 0;

const client = createClient({
  url,
  retryAttempts: 1000, // 50 s, for a server that restarts on a busy machine
  retry: () => new Promise((resolve) => setTimeout(resolve, 50)),
  headers: () => ({ Authorization: `Bearer ${requests++ === 0 ? firstToken : laterToken}` }),
  on: { connected: () => say('connected') },
});

client.subscribe(request, {
  next: (payload) => {
    const frame = Object.values(payload.data ?? {})[0];
    if (frame?.cursor) request.variables.after = frame.cursor; // a retry sends the request as it is then
    say('next', payload);
  },
  error: (error) => say('error', error.response?.status ?? String(error)),
  complete: () => say('complete'),
});
