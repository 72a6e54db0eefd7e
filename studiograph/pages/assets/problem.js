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
  const problem = byId("problem");
  // What lies under an open dialog can neither be read nor reached.
  const dialog = document.querySelector("dialog[open]");
  if (dialog) dialog.prepend(problem);
  else byId("announcement").before(problem); // it stays in sight where the page is scrolled
  problem.dataset.code = error.code ?? "";
  setText(problem.firstElementChild, error.message);
  problem.hidden = false;
}

export function hideProblem() {
  byId("problem").hidden = true;
}
