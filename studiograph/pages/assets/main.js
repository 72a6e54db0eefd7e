// The page `/`: signs in, subscribes, and sends mutations. Everything it shows comes from the API.

import { SubscriptionClient, request } from "./client.js";
import { CheckpointsDialog } from "./checkpoints_dialog.js";
import {
  CHECKPOINTS,
  CHECKPOINT_NOW,
  CLONE,
  CONNECT,
  CREATE,
  DELETE,
  DELETE_CHECKPOINT,
  EVENTS,
  FORCE_STOP,
  RENAME_CHECKPOINT,
  RETRY_BUILD,
  START,
  STOP,
  STUDIOS,
  VIEWER,
} from "./documents.js";
import { announce, byId, element, setChildren, setText } from "./dom.js";
import { showEvent } from "./event_log.js";
import { LogDialog } from "./log_dialog.js";
import { StudioList } from "./studio_list.js";
import { token } from "./token.js";

const studioList = new StudioList(act);
const logDialog = new LogDialog();
const checkpointsDialog = new CheckpointsDialog(loadCheckpoints, actOnCheckpoint);
const CONNECTION_LABELS = { live: ["live", "good"], reconnecting: ["reconnecting", "busy"], refused: ["not connected", "bad"] };
const CHECKPOINT_MISSING = "CHECKPOINT_MISSING";
const SIGN_OUT_MESSAGE = "studiograph.signOutMessage";
// For actions that lose data or end the work of others: the label of the button that confirms, and the question. No question, no dialog.
const CONFIRMATIONS = {
  DELETE: ["Delete", ({ name }) => `Delete ${name}, with its checkpoints? This cannot be undone.`],
  STOP: ["Stop", (studio) => othersConnected(studio) && `${othersConnected(studio)} Stop ${studio.name} for everybody?`],
  FORCE_STOP: [
    "Force stop",
    (studio) =>
      `${othersConnected(studio)} Force ${studio.name} to stop? What it has not saved is lost; its next start begins from its newest checkpoint.`.trim(),
  ],
};
let subscriptions = null;
let memberships = [];
let viewerName = "";

async function loadViewer() {
  const { viewer } = await request(token.get(), VIEWER);
  token.share();
  memberships = viewer.memberships;
  viewerName = viewer.userName;
  setText(byId("who"), viewer.displayName);
  showSignedIn(true);
  fillForm();
  // Newest first as they come; what happened at the same moment keeps its order.
  const past = memberships.flatMap(({ workspace }) => (workspace.events?.nodes ?? []).toReversed());
  past.sort((one, other) => one.at.localeCompare(other.at)).forEach(showEvent);
  subscriptions = new SubscriptionClient(token.get(), showConnection);
  for (const { workspace } of memberships) subscribeTo(workspace);
}

function subscribeTo(workspace) {
  let after = workspace.eventCursor;
  const scope = { workspaceId: workspace.id };
  subscriptions.subscribe(STUDIOS, () => scope, (frame) => studioList.update(workspace.id, frame), showProblem);
  subscriptions.subscribe(EVENTS, () => ({ ...scope, after }), (frame) => {
    after = frame.cursor ?? after;
    showEvent(frame);
    if (["CheckpointEvent", "StudioStatusEvent"].includes(frame.__typename)) checkpointsDialog.refresh(frame.studioId);
  }, showProblem);
}

function showConnection(state, reason, code) {
  const badge = byId("connection");
  const [label, tone] = CONNECTION_LABELS[state];
  badge.hidden = false;
  badge.dataset.tone = tone;
  setText(badge, label);
  logDialog.showConnection(label);
  if (state !== "live") studioList.markLastKnown(); // until the first frame of the next connection
  if (state === "live" && byId("problem").dataset.code === "UNREACHABLE") hideProblem();
  if (state === "refused" && reason) showProblem({ message: reason });
  if (code === 4403) checkToken();
}

async function checkToken() {
  // The server closed the connection because of the token: if the token is not valid any more, sign out.
  try {
    await request(token.get(), VIEWER);
  } catch (error) {
    if (error.code === "UNAUTHENTICATED") signOut("Your access token has expired or was revoked. Sign in with another one.");
  }
}

function showSignedIn(signedIn) {
  byId("sign-in").hidden = signedIn;
  byId("dashboard").hidden = !signedIn;
  byId("to-studios").hidden = !signedIn;
  byId("sign-out").hidden = !signedIn;
}

function fillForm() {
  const canCreate = memberships.filter(({ workspace }) => workspace.viewerCanCreateStudios);
  byId("add").hidden = canCreate.length === 0;
  setChildren(byId("workspace"), canCreate.map(({ workspace }) => element("option", { value: workspace.id }, workspace.name)));
  fillChoices();
}

function fillChoices() {
  const chosen = memberships.find(({ workspace }) => workspace.id === byId("workspace").value);
  const options = (choices) => choices.map(({ id, name }) => element("option", { value: id }, name));
  setChildren(byId("template"), options((chosen?.workspace.templates ?? []).map(withStatus)));
  setChildren(byId("environment"), options((chosen?.workspace.computeEnvironments ?? []).filter(({ enabled }) => enabled)));
  askForExperimental();
}

function withStatus({ id, name, status }) {
  return { id, name: status === "RECOMMENDED" ? name : `${name} (${status.toLowerCase()})` };
}

function askForExperimental() {
  // Shows the box that accepts an experimental template while one is chosen; it must be checked then.
  const templates = memberships.flatMap(({ workspace }) => workspace.templates);
  const isExperimental = templates.some(({ id, status }) => id === byId("template").value && status === "EXPERIMENTAL");
  const box = byId("create").acceptExperimental;
  byId("experimental").hidden = !isExperimental;
  box.required = isExperimental;
  if (!isExperimental) box.checked = false;
}

async function act(action, studio, refusal) {
  if (refusal) return showProblem({ message: `${studio.name}: ${refusal}` });
  if (action === "CONNECT") return connect(studio);
  if (action === "CHECKPOINTS") return checkpointsDialog.open(studio);
  if (action === "LOG") return logDialog.open(subscriptions, studio, showProblem);
  if (action === "START" || action === "RETRY_BUILD") return startStudio({ START, RETRY_BUILD }[action], studio);
  if (!(await confirmed(action, studio))) return undefined;
  return send({ STOP, FORCE_STOP, DELETE }[action], { studioId: studio.id, idempotencyKey: crypto.randomUUID?.() });
}

async function startStudio(mutation, studio, acceptOlderCheckpoint = false) {
  const input = { studioId: studio.id, acceptOlderCheckpoint, idempotencyKey: crypto.randomUUID?.() };
  const result = await send(mutation, input, CHECKPOINT_MISSING);
  if (result?.code !== CHECKPOINT_MISSING) return result;
  // The user decides whether a session starts from older files than the newest, which are missing.
  return (await ask("Start without the newest files", `${studio.name}: ${result.message}`)) ? startStudio(mutation, studio, true) : undefined;
}

async function loadCheckpoints(studioId) {
  try {
    return (await request(token.get(), CHECKPOINTS, { studioId })).studio;
  } catch (error) {
    showProblem(error);
    return null;
  }
}

async function actOnCheckpoint(action, studio, checkpoint, name) {
  const idempotencyKey = crypto.randomUUID?.();
  const of = { checkpointId: checkpoint?.id, idempotencyKey };
  if (action === "CHECKPOINT_NOW") return send(CHECKPOINT_NOW, { studioId: studio.id, idempotencyKey });
  if (action === "START_FROM") return send(START, { studioId: studio.id, fromCheckpointId: checkpoint.id, idempotencyKey });
  if (action === "RENAME") return send(RENAME_CHECKPOINT, { ...of, name });
  if (action === "CLONE") return send(CLONE, { from: checkpoint ? { checkpointId: checkpoint.id } : { studioId: studio.id }, name, idempotencyKey });
  const question = `Delete the checkpoint ${checkpoint.name} of ${studio.name}? Its files cannot be brought back.`;
  return (await ask("Delete", question)) ? send(DELETE_CHECKPOINT, of) : null;
}

async function connect(studio) {
  // Opens the tab at once, because browsers allow it only during a click; the address follows when it is known.
  const tab = window.open("", "_blank");
  const payload = await send(CONNECT, { studioId: studio.id });
  if (!payload?.url) tab?.close();
  else if (tab) {
    tab.opener = null;
    tab.location.replace(payload.url);
  } else location.assign(payload.url);
}

async function send(mutation, input, expectedCode) {
  // Returns the result, also an error of the expected code; shows other errors and returns null.
  try {
    const [result] = Object.values(await request(token.get(), mutation, { input }));
    if (result.message && result.code !== expectedCode) throw result;
    hideProblem();
    return result;
  } catch (error) {
    showProblem(error);
    return null;
  }
}

function othersConnected({ connectedUsers }) {
  // Returns a sentence that names the other users who are connected; empty if there is none.
  const names = connectedUsers.filter(({ user }) => user.userName !== viewerName).map(({ user }) => user.displayName);
  if (names.length === 0) return "";
  return `${new Intl.ListFormat("en").format(names)} ${names.length === 1 ? "is" : "are"} connected.`;
}

async function confirmed(action, studio) {
  const [label, question] = CONFIRMATIONS[action] ?? [];
  const text = question?.(studio);
  return text ? ask(label, text) : true;
}

function ask(label, text) {
  const dialog = byId("confirm");
  setText(byId("confirm-text"), text);
  setText(byId("confirm-yes"), label);
  dialog.returnValue = "no";
  dialog.showModal();
  return new Promise((answer) => dialog.addEventListener("close", () => answer(dialog.returnValue === "yes"), { once: true }));
}

function showProblem(error) {
  if (!error) return;
  if (error.code === "UNAUTHENTICATED") return signOut("This access token is not valid. Sign in with another one.");
  byId("problem").dataset.code = error.code ?? "";
  setText(byId("problem").firstElementChild, error.message);
  byId("problem").hidden = false;
}

function hideProblem() {
  byId("problem").hidden = true;
}

async function signOut(message = "") {
  token.forgetEverywhere();
  await fetch("/logout", { method: "POST" }).catch(() => {});
  showSignedOut(message);
}

function showSignedOut(message) {
  subscriptions?.close();
  sessionStorage.setItem(SIGN_OUT_MESSAGE, message);
  location.reload();
}

async function signIn(event) {
  event.preventDefault();
  token.set(byId("token").value.trim());
  try {
    await loadViewer();
    hideProblem();
    await loginForSessions();
  } catch (error) {
    token.forget();
    showSignedIn(false);
    // The API's message is for programs: it mentions headers.
    const message = error.code === "UNAUTHENTICATED" ? "This is not a valid access token: it is mistyped, expired or revoked. Check it, or sign in with another one." : error.message;
    showProblem({ message });
    byId("token").focus();
  }
}

async function loginForSessions() {
  // Sets the login cookie, with which shared addresses of sessions open without a form. Connecting from this page works without it.
  await fetch("/login", { method: "POST", redirect: "manual", body: new URLSearchParams({ token: token.get() }) }).catch(() => {});
}

async function create(event) {
  event.preventDefault();
  const form = event.target;
  const input = {
    workspaceId: form.workspace.value,
    templateId: form.template.value,
    acceptExperimental: form.acceptExperimental.checked,
    computeEnvironmentId: form.environment.value,
    name: form.elements.name.value,
    autoStart: event.submitter?.value !== "add",
    idempotencyKey: crypto.randomUUID?.(),
  };
  if (await send(CREATE, input)) {
    announce(`${input.name} is added`);
    form.reset();
    fillChoices();
  }
}

async function start() {
  const signOutMessage = sessionStorage.getItem(SIGN_OUT_MESSAGE);
  sessionStorage.removeItem(SIGN_OUT_MESSAGE);
  byId("sign-in").addEventListener("submit", signIn);
  byId("create").addEventListener("submit", create);
  byId("workspace").addEventListener("change", fillChoices);
  byId("template").addEventListener("change", askForExperimental);
  byId("sign-out").addEventListener("click", () => signOut());
  byId("problem").lastElementChild.addEventListener("click", hideProblem);
  showSignedIn(false);
  if (signOutMessage) showProblem({ message: signOutMessage });
  token.handle(
    () => loadViewer().then(hideProblem, showProblem),
    () => showSignedOut("You signed out in another tab."),
  );
  if (token.get()) return loadViewer().catch(showProblem);
  byId("token").focus();
  if (signOutMessage === null) token.request(); // who has just signed out is not to be signed in by another tab
}

start();
