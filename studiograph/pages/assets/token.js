// The access token of this tab. It is in the tab's session storage, which ends with the tab: never in an address, and never in a cookie
// or in local storage, which would outlive the tabs. A new tab asks the open tabs of this origin for it over a BroadcastChannel;
// sessions have origins of their own, so that no tool can listen.

const KEY = "studiograph.token";
const channel = new BroadcastChannel(KEY);
const handlers = { received: () => {}, signedOut: () => {} };

export const token = {
  get: () => sessionStorage.getItem(KEY) ?? "",
  set: (value) => sessionStorage.setItem(KEY, value),
  // Forgets the token in this tab.
  forget: () => sessionStorage.removeItem(KEY),
  // Forgets the token in this tab and in all others that have the same one.
  forgetEverywhere() {
    channel.postMessage({ type: "signed-out", value: token.get() });
    token.forget();
  },
  // Gives the token to the tabs that have none.
  share: () => channel.postMessage({ type: "token", value: token.get() }),
  // Asks the other tabs for a token; `received` is called if one comes.
  request: () => channel.postMessage({ type: "request" }),
  // Sets what happens when another tab gives this one a token (`received`), or signs this tab's token out (`signedOut`).
  handle: (received, signedOut) => Object.assign(handlers, { received, signedOut }),
};

channel.addEventListener("message", ({ data: { type, value } }) => {
  const own = token.get();
  if (type === "request" && own) token.share();
  if (type === "token" && !own) {
    token.set(value);
    handlers.received();
  }
  if (type === "signed-out" && own && own === value) {
    token.forget();
    handlers.signedOut();
  }
});
