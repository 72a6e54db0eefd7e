// The page `/explore`: GraphiQL with our examples. Queries go over HTTP, subscriptions over graphql-transport-ws, both with the tab's token.

import { request } from "./client.js";
import { FIRST_WORKSPACE, examples } from "./examples.js";
import { token } from "./token.js";

const container = document.getElementById("graphiql");
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

async function show() {
  let defaultTabs;
  try {
    const { viewer } = await request(token.get(), FIRST_WORKSPACE);
    defaultTabs = examples(viewer.memberships[0]?.workspace.id ?? "");
  } catch (error) {
    if (error.code === "UNAUTHENTICATED") token.forget();
    return showError(error.message);
  }
  token.share();
  root?.unmount();
  root = window.ReactDOM.createRoot(container);
  return root.render(window.React.createElement(window.GraphiQL, { fetcher: fetcher(), defaultTabs, shouldPersistHeaders: false }));
}

function showError(message) {
  root?.unmount();
  root = null;
  const paragraph = document.createElement("p");
  paragraph.className = "card sign-in problem";
  paragraph.setAttribute("role", "alert");
  paragraph.textContent = message;
  container.replaceChildren(paragraph);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  token.set(form.token.value.trim());
  show();
});

function signedOut() {
  form.token.value = "";
  showError("You signed out in another tab. Sign in with an access token to go on.");
}

function received() {
  form.token.value ||= token.get(); // what somebody types meanwhile stays
  show();
}

token.handle(received, signedOut);
form.token.value = token.get();
if (token.get()) show();
else token.request();
