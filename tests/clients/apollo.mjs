// Apollo Client with its HttpLink (multipart subscriptions) and RetryLink: a query into its cache, then one subscription.
// Prints one JSON array a line: ["query", data], ["next", data], ["complete"], ["error", codes].
import { ApolloClient, ApolloLink, HttpLink, InMemoryCache, gql } from '@apollo/client';
import { CombinedGraphQLErrors, CombinedProtocolErrors } from '@apollo/client/errors';
import { RetryLink } from '@apollo/client/link/retry';

const [url, firstToken, laterToken, query, subscription, variables] = process.argv.slice(2);
const say = (...what) => console.log(JSON.stringify(what));
const codes = (error) =>
  CombinedGraphQLErrors.is(error) || CombinedProtocolErrors.is(error) ? error.errors.map((each) => each.extensions.code) : String(error);
const after = { ...JSON.parse(variables ?? '{}') };
let retries = 0;

const client = new ApolloClient({
  cache: new InMemoryCache(),
  link: ApolloLink.from([
    new RetryLink({
      delay: () => 50,
      attempts: (_count, _operation, error) => {
        say('retry', codes(error));
        return ++retries < 1000;
      },
    }),
    new ApolloLink((operation, forward) => {
      operation.setContext({ headers: { authorization: `Bearer ${retries ? laterToken : firstToken}` } });
      Object.assign(operation.variables, after);
      return forward(operation);
    }),
    new HttpLink({ uri: url }),
  ]),
});

if (query) say('query', (await client.query({ query: gql(query) })).data);

client.subscribe({ query: gql(subscription), variables: { ...after } }).subscribe({
  next: ({ data, error }) => {
    const frame = Object.values(data ?? {})[0];
    if (frame?.cursor) after.after = frame.cursor;
    if (error) say('error', codes(error));
    else say('next', data);
  },
  error: (error) => say('error', codes(error)),
  complete: () => say('complete'),
});
