// The page `/`: signs in, subscribes, and puts its parts together. Everything it shows comes from the API.

import { AddForm } from "./add_form.js";
import { SubscriptionClient, request } from "./client.js";
import { CloneDialog } from "./clone_dialog.js";
import { EVENTS, STUDIO, STUDIOS, VIEWER } from "./documents.js";
import { byId, setText } from "./dom.js";
import { showEvent } from "./event_log.js";
import { LogDialog } from "./log_dialog.js";
import { handleUnauthenticated, hideProblem, showProblem } from "./problem.js";
import { StudioActions } from "./studio_actions.js";
import { StudioList } from "./studio_list.js";
import { StudioView } from "./studio_view.js";
import { token } from "./token.js";

const CONNECTION_LABELS = { live: ["live", "good"], reconnecting: ["reconnecting", "busy"], refused: ["not connected", "bad"] };
const SIGN_OUT_MESSAGE = "studiograph.signOutMessage";
let subscriptions = null;
let viewer = null;
let isConnectionLost = false;

const logDialog = new LogDialog();
const cloneDialog = new CloneDialog();
const addForm = new AddForm();
const actions = new StudioActions(
  () => viewer.userName,
  (studio) => logDialog.open(subscriptions, studio, showProblem),
  (studio, checkpoint) => cloneDialog.open(studio, checkpoint),
);
const studioList = new StudioList((...pressed) => actions.onCard(...pressed));
const studioView = new StudioView(loadStudio, actions, showStudioOrAll);

async function loadViewer() {
  ({ viewer } = await request(token.get(), VIEWER));
  token.share();
  setText(byId("who"), viewer.displayName);
  showSignedIn(true);
  const workspaces = viewer.memberships.map(({ workspace }) => workspace);
  addForm.show(workspaces.filter(({ viewerCanCreateStudios }) => viewerCanCreateStudios));
  // Newest first as they come; what happened at the same moment keeps its order.
  const past = workspaces.flatMap(({ events }) => (events?.nodes ?? []).toReversed());
  past.sort((one, other) => one.at.localeCompare(other.at)).forEach(showEvent);
  subscriptions = new SubscriptionClient(token.get(), showConnection);
  workspaces.forEach(subscribeTo);
  studioView.follow();
}

async function loadStudio(studioId) {
  // Returns null for a Studio that is not there, and undefined where the server cannot tell.
  try {
    const { studio, migrationPlan } = await request(token.get(), STUDIO, { studioId });
    return studio && { ...studio, migrationPlan };
  } catch (error) {
    if (error.code === "BAD_ID") return null;
    return showProblem(error);
  }
}

function subscribeTo(workspace) {
  let after = workspace.eventCursor;
  const scope = { workspaceId: workspace.id };
  const onEnd = (error) => {
    showProblem(error);
    studioView.refreshShown();
  };
  subscriptions.subscribe(STUDIOS, () => scope, (frame) => studioList.update(workspace.id, frame), onEnd);
  subscriptions.subscribe(EVENTS, () => ({ ...scope, after }), (frame) => {
    after = frame.cursor ?? after;
    showEvent(frame);
    studioView.handleEvent(frame);
  }, onEnd);
}

function showStudioOrAll(studioId) {
  // The own view of a Studio takes the place of the list: its card stays, the others and the form go.
  studioList.showOnly(studioId);
  byId("all-studios").hidden = !studioId;
  byId("add-part").hidden = Boolean(studioId);
  setText(byId("studios-title"), studioId ? "Studio" : "Studios");
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
  if (state === "live" && isConnectionLost) studioView.refreshShown();
  isConnectionLost = state !== "live";
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

async function start() {
  const signOutMessage = sessionStorage.getItem(SIGN_OUT_MESSAGE);
  sessionStorage.removeItem(SIGN_OUT_MESSAGE);
  handleUnauthenticated(signOut);
  byId("sign-in").addEventListener("submit", signIn);
  byId("sign-out").addEventListener("click", () => signOut());
  window.addEventListener("hashchange", () => viewer && studioView.follow());
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
