// The graphql-http audit suite against a server: one JSON object a line, { name, status, reason }.
import { auditServer } from 'graphql-http';

const [url, token] = process.argv.slice(2);

for (const result of await auditServer({
  url,
  fetchFn: (input, init) => fetch(input, { ...init, headers: { ...init?.headers, authorization: `Bearer ${token}` } }),
})) {
  console.log(JSON.stringify({ id: result.id, name: result.name, status: result.status, reason: result.reason ?? null }));
}
