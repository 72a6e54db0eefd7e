// GraphiQL with our examples: queries over HTTP, subscriptions over graphql-transport-ws, both with the tab's token.

import { EXAMPLES } from "./examples.js";
import { token } from "./token.js";

const place = document.getElementById("graphiql");
const form = document.getElementById("sign-in");
let root = null;

function fetcher() {
  const wsClient = window.graphqlWs.createClient({
    url: new URL("/graphql", location.href).href.replace(/^http/, "ws"),
    connectionParams: () => ({ Authorization: `Bearer ${token.get()}` }),
    lazy: true,
    shouldRetry: () => true,
  });
  const withToken = (url, options) => fetch(url, { ...options, headers: { ...options.headers, Authorization: `Bearer ${token.get()}` } });
  return window.GraphiQL.createFetcher({ url: "/graphql", fetch: withToken, wsClient });
}

function show() {
  root?.unmount();
  root = window.ReactDOM.createRoot(place);
  root.render(window.React.createElement(window.GraphiQL, { fetcher: fetcher(), defaultTabs: EXAMPLES, shouldPersistHeaders: false }));
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(form.token.value.trim());
  show();
});

form.token.value = token.get();
if (token.get()) show();
