// The card of one Studio: created once, then updated in place, so that the keyboard focus stays where it is.

import { allow, element, formatTime, isAllowed, setChildren, setText } from "./dom.js";
import { studioAddress } from "./lineage_tree.js";

const TONES = { RUNNING: "good", STARTING: "busy", BUILDING: "busy", STOPPING: "busy", ERRORED: "bad", BUILD_FAILED: "bad", STOPPED: "idle" };
// An optional action shows only while it is allowed.
const ACTIONS = [
  { action: "START", label: "Start", primary: true },
  { action: "CONNECT", label: "Connect", primary: true },
  { action: "RETRY_BUILD", label: "Build again", primary: true, optional: true },
  { action: "STOP", label: "Stop" },
  { action: "FORCE_STOP", label: "Force stop", optional: true },
  { action: "DELETE", label: "Delete" },
];

export const statusLabel = (status) => status.toLowerCase().replaceAll("_", " ");

const STEP_LABELS = { SUCCEEDED: "done", IN_PROGRESS: "now", PENDING: "to do", ERRORED: "failed" };

export class StudioCard {
  constructor(studio, act) {
    this.name = element("a", { href: studioAddress(studio.id) });
    this.badge = element("span", { class: "badge" });
    this.about = element("div", { class: "muted small about" });
    this.message = element("div", { class: "muted small" });
    this.steps = element("ol", { class: "steps small", "aria-label": "Steps" });
    this.people = element("ul", { class: "people", "aria-label": "Connected" });
    this.buttons = new Map(ACTIONS.map((kind) => [kind.action, this.#button(kind, act)]));
    this.log = element("button", { type: "button", class: "plain", onclick: () => act("LOG", this.studio) }, "Log");
    this.details = element("a", { href: studioAddress(studio.id), class: "details-link" }, "Details");
    this.node = element(
      "article",
      { class: "card", "data-studio": studio.id },
      element("div", { class: "head" }, element("h3", {}, this.name), this.badge, this.about),
      this.message,
      this.steps,
      this.people,
      element("div", { class: "actions" }, ...this.buttons.values(), this.details, this.log),
    );
    this.update(studio);
  }

  update(studio) {
    this.studio = studio;
    setText(this.name, studio.name);
    setText(this.badge, statusLabel(studio.status));
    this.badge.dataset.tone = TONES[studio.status];
    const location = studio.computeEnvironment ? ` on ${studio.computeEnvironment.name}` : "";
    setText(this.about, `${studio.template.name}${location} · ${studio.workspace.name} · since ${formatTime(studio.statusSince)}`);
    setText(this.message, studio.statusMessage ?? "");
    this.#showSteps(studio);
    this.#showPeople(studio.connectedUsers);
    this.log.hidden = !studio.lastStartedAt;
    this.log.setAttribute("aria-label", `Log of ${studio.name}`);
    this.details.setAttribute("aria-label", `Details of ${studio.name}`);
    clearTimeout(this.allowTimer);
    const focused = document.activeElement;
    for (const available of studio.availableActions) this.#allow(available);
    if (focused.hidden && this.node.contains(focused)) this.#focusNext();
  }

  markLastKnown() {
    // Says that the status may be outdated, until the next update.
    setText(this.badge, `last known: ${statusLabel(this.studio.status)}`);
    this.badge.dataset.tone = "idle";
    this.steps.hidden = true;
  }

  #showSteps({ status, progress }) {
    // The steps of the start, stop or build that is going on, or that failed.
    this.steps.hidden = !["busy", "bad"].includes(TONES[status]) || progress.every(({ state }) => state === "SUCCEEDED");
    setChildren(
      this.steps,
      progress.map(({ name, state, message }) => {
        const current = state === "IN_PROGRESS";
        const text = current && message ? `${name}: ${message}` : name;
        return element("li", { "data-state": state, "aria-current": current ? "step" : null }, text, element("span", { class: "skip" }, ` (${STEP_LABELS[state]})`));
      }),
    );
  }

  #focusNext() {
    // The pressed button is hidden now (Start of a running Studio): focus the next primary action, never one that ends something.
    const next = ACTIONS.filter(({ primary }) => primary).map(({ action }) => this.buttons.get(action));
    [...next, this.log].find((button) => !button.hidden && isAllowed(button))?.focus();
  }

  #showPeople(users) {
    this.people.hidden = users.length === 0;
    setChildren(
      this.people,
      users.map(({ user, tabs }) => element("li", {}, tabs > 1 ? `${user.displayName} (${tabs} tabs)` : user.displayName)),
    );
  }

  #button({ action, label, primary, optional }, act) {
    const press = () => act(action, this.studio, isAllowed(button) ? "" : button.title);
    const button = element("button", { type: "button", class: primary ? "primary" : "", onclick: press }, label);
    button.dataset.optional = Boolean(optional);
    return button;
  }

  #isAllowed(name) {
    return this.studio.availableActions.some(({ action, allowed }) => action === name && allowed);
  }

  #allow({ action, allowed, reason, until }) {
    const button = this.buttons.get(action);
    if (!button) return;
    // The server sends nothing at that time, because the status does not change.
    if (until) this.allowTimer = setTimeout(() => this.#allow({ action, allowed: true }), Date.parse(until) - Date.now());
    allow(button, allowed ? "" : (reason ?? "Not now."));
    button.setAttribute("aria-label", `${button.textContent} ${this.studio.name}`);
    if (action === "CONNECT") button.hidden = !allowed && this.studio.status !== "STARTING";
    if (button.dataset.optional === "true") button.hidden = !allowed;
    if (action === "START") button.hidden = this.studio.status === "RUNNING" || this.#isAllowed("RETRY_BUILD");
  }
}
