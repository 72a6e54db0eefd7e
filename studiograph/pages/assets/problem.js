// The message above the page that says what went wrong and what to do.

import { byId, setText } from "./dom.js";

let onUnauthenticated = () => {};

// `handle(message)` is called in place of a message where the access token is not valid.
export function handleUnauthenticated(handle) {
  onUnauthenticated = handle;
}

export function showProblem(error) {
  if (!error) return;
  if (error.code === "UNAUTHENTICATED") {
    onUnauthenticated("This access token is not valid. Sign in with another one.");
    return;
  }
  byId("problem").dataset.code = error.code ?? "";
  setText(byId("problem").firstElementChild, error.message);
  byId("problem").hidden = false;
}

export function hideProblem() {
  byId("problem").hidden = true;
}
