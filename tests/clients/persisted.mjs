// Apollo Client with its link for persisted queries, which sends hashes until it is told that the server does not support them.
// Prints one JSON array a line: ["query", data] for each query, then ["requests", how many were sent].
import { createHash } from 'node:crypto';
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { PersistedQueryLink } from '@apollo/client/link/persisted-queries';

const [url, token, method, ...queries] = process.argv.slice(2);
const say = (...what) => console.log(JSON.stringify(what));
let requests = 0;

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.from([
    new PersistedQueryLink({ sha256: (text) => createHash('sha256').update(text).digest('hex'), useGETForHashedQueries: method === 'GET' }),
    new HttpLink({
      uri: url,
      headers: { authorization: `Bearer ${token}` },
      fetch: (...request) => {
        requests += 1;
        return fetch(...request);
      },
    }),
  ]),
});

for (const query of queries) say('query', (await client.query({ query: gql(query), fetchPolicy: 'no-cache' })).data);
say('requests', requests);
