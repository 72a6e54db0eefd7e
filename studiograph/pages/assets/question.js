// Asks before an action that loses data or ends the work of others.

import { byId, setText } from "./dom.js";

// Answers whether the user pressed the button `label`.
export function ask(label, text) {
  const dialog = byId("confirm");
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), label);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}
