// The page: sign in, watch, act. Everything shown comes from the API's streams; nothing is guessed.

import { Board } from "./board.js";
import { chronicle } from "./chronicle.js";
import { Live, ask } from "./client.js";
import { CONNECT, CREATE, DELETE, EVENTS, FORCE_STOP, RETRY_BUILD, START, STOP, STUDIOS, VIEWER } from "./documents.js";
import { byId, element, say, setChildren, setText } from "./dom.js";
import { Log } from "./log.js";
import { token } from "./token.js";

const board = new Board(act);
const log = new Log();
const LINK = { live: ["live", "good"], reconnecting: ["reconnecting", "busy"], refused: ["not connected", "bad"] };
// What is asked before an action that loses something, and the words on the button that goes on.
const QUESTIONS = {
  DELETE: ["Delete", ({ name }) => `Delete ${name}, with its checkpoints? This cannot be undone.`],
  FORCE_STOP: ["Force stop", ({ name }) => `Force ${name} to stop? What it has not saved is lost; its next start begins from its newest checkpoint.`],
};
let live = null;
let memberships = [];

async function enter() {
  const { viewer } = await ask(token.get(), VIEWER);
  memberships = viewer.memberships;
  setText(byId("who"), viewer.displayName);
  showSignedIn(true);
  fillForm();
  // Newest first as they come; what happened at the same moment keeps its order.
  const past = memberships.flatMap(({ workspace }) => (workspace.events?.nodes ?? []).toReversed());
  past.sort((one, other) => one.at.localeCompare(other.at)).forEach(chronicle);
  live = new Live(token.get(), showLink);
  for (const { workspace } of memberships) watch(workspace);
}

function watch(workspace) {
  let after = workspace.eventCursor;
  const scope = { workspaceId: workspace.id };
  live.stream(STUDIOS, () => scope, (frame) => board.take(workspace.id, frame), showProblem);
  live.stream(EVENTS, () => ({ ...scope, after }), (frame) => {
    after = frame.cursor ?? after;
    chronicle(frame);
  }, showProblem);
}

function showLink(state, reason, code) {
  const badge = byId("link");
  const [words, tone] = LINK[state];
  badge.hidden = false;
  badge.dataset.tone = tone;
  setText(badge, words);
  log.tell(words);
  if (state === "live" && byId("problem").dataset.code === "UNREACHABLE") hideProblem();
  if (state === "refused" && reason) showProblem({ message: reason });
  if (code === 4403) recheck();
}

async function recheck() {
  // The server ended the connection for the token's sake: it is either still good, or this is the end of the session.
  try {
    await ask(token.get(), VIEWER);
  } catch (error) {
    if (error.code === "UNAUTHENTICATED") leave("Your access token has expired or was revoked. Sign in with another one.");
  }
}

function showSignedIn(yes) {
  byId("sign-in").hidden = yes;
  byId("board").hidden = !yes;
  byId("to-studios").hidden = !yes;
  byId("sign-out").hidden = !yes;
}

function fillForm() {
  const canCreate = memberships.filter(({ role }) => ["OWNER", "ADMIN", "MAINTAIN"].includes(role));
  byId("add").hidden = canCreate.length === 0;
  setChildren(byId("workspace"), canCreate.map(({ workspace }) => element("option", { value: workspace.id }, workspace.name)));
  fillChoices();
}

function fillChoices() {
  const chosen = memberships.find(({ workspace }) => workspace.id === byId("workspace").value);
  const options = (things) => things.map(({ id, name }) => element("option", { value: id }, name));
  setChildren(byId("template"), options(chosen?.workspace.templates ?? []));
  setChildren(byId("environment"), options((chosen?.workspace.computeEnvironments ?? []).filter(({ enabled }) => enabled)));
}

async function act(action, studio, refusal) {
  if (refusal) return showProblem({ message: `${studio.name}: ${refusal}` });
  if (action === "CONNECT") return connect(studio);
  if (action === "LOG") return log.open(live, studio, showProblem);
  if (QUESTIONS[action] && !(await confirmed(studio, ...QUESTIONS[action]))) return undefined;
  return send({ START, STOP, FORCE_STOP, RETRY_BUILD, DELETE }[action], { studioId: studio.id, idempotencyKey: crypto.randomUUID?.() });
}

async function connect(studio) {
  // The tab is opened at once, while the click still counts as one; the address is filled in when it is known.
  const tab = window.open("", "_blank");
  const payload = await send(CONNECT, { studioId: studio.id });
  if (!payload?.url) tab?.close();
  else if (tab) {
    tab.opener = null;
    tab.location.replace(payload.url);
  } else location.assign(payload.url);
}

async function send(mutation, input) {
  try {
    const [result] = Object.values(await ask(token.get(), mutation, { input }));
    if (result.message) throw result;
    hideProblem();
    return result;
  } catch (error) {
    showProblem(error);
    return null;
  }
}

function confirmed(studio, yes, question) {
  const dialog = byId("confirm");
  setText(byId("confirm-text"), question(studio));
  setText(byId("confirm-yes"), yes);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

function showProblem(error) {
  if (!error) return;
  if (error.code === "UNAUTHENTICATED") return leave("This access token is not valid (any more). Sign in with another one.");
  byId("problem").dataset.code = error.code ?? "";
  setText(byId("problem").firstElementChild, error.message);
  byId("problem").hidden = false;
}

function hideProblem() {
  byId("problem").hidden = true;
}

async function leave(message) {
  live?.close();
  token.forget();
  await fetch("/logout", { method: "POST" }).catch(() => {});
  if (message) sessionStorage.setItem("studiograph.farewell", message);
  location.reload();
}

async function signIn(event) {
  event.preventDefault();
  token.set(byId("token").value.trim());
  try {
    await enter();
    hideProblem();
    await loginForSessions();
  } catch (error) {
    token.forget();
    showSignedIn(false);
    // The API's words for it are for programs: they speak of headers.
    const words = error.code === "UNAUTHENTICATED" ? "This is not a valid access token, or not any more." : error.message;
    showProblem({ message: words });
    byId("token").focus();
  }
}

async function loginForSessions() {
  // A shared session address then opens without asking again. Connecting from this page works without it, too.
  await fetch("/login", { method: "POST", redirect: "manual", body: new URLSearchParams({ token: token.get() }) }).catch(() => {});
}

async function create(event) {
  event.preventDefault();
  const form = event.target;
  const input = {
    workspaceId: form.workspace.value,
    templateId: form.template.value,
    computeEnvironmentId: form.environment.value,
    name: form.elements.name.value,
    autoStart: event.submitter?.value !== "add",
    idempotencyKey: crypto.randomUUID?.(),
  };
  if (await send(CREATE, input)) {
    say(`${input.name} is added`);
    form.reset();
    fillChoices();
  }
}

async function begin() {
  const farewell = sessionStorage.getItem("studiograph.farewell");
  sessionStorage.removeItem("studiograph.farewell");
  byId("sign-in").addEventListener("submit", signIn);
  byId("create").addEventListener("submit", create);
  byId("workspace").addEventListener("change", fillChoices);
  byId("sign-out").addEventListener("click", () => leave());
  byId("problem").lastElementChild.addEventListener("click", hideProblem);
  showSignedIn(false);
  if (farewell) showProblem({ message: farewell });
  if (token.get()) await enter().catch(showProblem);
  else byId("token").focus();
}

begin();
