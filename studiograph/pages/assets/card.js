// One Studio on the page: made once, then changed in place, so that the keyboard's focus stays where it is.

import { clock, element, setChildren, setText } from "./dom.js";

const TONES = { RUNNING: "good", STARTING: "busy", BUILDING: "busy", STOPPING: "busy", ERRORED: "bad", BUILD_FAILED: "bad", STOPPED: "idle" };
// A seldom one shows only when it is allowed.
const ACTIONS = [
  { action: "START", label: "Start", first: true },
  { action: "CONNECT", label: "Connect", first: true },
  { action: "RETRY_BUILD", label: "Build again", first: true, seldom: true },
  { action: "STOP", label: "Stop" },
  { action: "FORCE_STOP", label: "Force stop", seldom: true },
  { action: "DELETE", label: "Delete" },
];

export const statusWord = (status) => status.toLowerCase().replaceAll("_", " ");

// What goes on at this moment, such as a step of a build.
const underWay = ({ progress }) => {
  const step = progress.find(({ state }) => state === "IN_PROGRESS");
  return step && `${step.name}${step.message ? `: ${step.message}` : ""}`;
};

export class Card {
  constructor(studio, act) {
    this.name = element("h3");
    this.badge = element("span", { class: "badge" });
    this.about = element("div", { class: "soft small about" });
    this.message = element("div", { class: "soft small" });
    this.people = element("ul", { class: "people", "aria-label": "Connected" });
    this.buttons = new Map(ACTIONS.map((kind) => [kind.action, this.#button(kind, act)]));
    this.log = element("button", { type: "button", class: "plain", onclick: () => act("LOG", this.studio) }, "Log");
    this.node = element(
      "article",
      { class: "card", "data-studio": studio.id },
      element("div", { class: "head" }, this.name, this.badge, this.about),
      this.message,
      this.people,
      element("div", { class: "acts" }, ...this.buttons.values(), this.log),
    );
    this.update(studio);
  }

  update(studio) {
    this.studio = studio;
    setText(this.name, studio.name);
    setText(this.badge, statusWord(studio.status));
    this.badge.dataset.tone = TONES[studio.status];
    const place = studio.computeEnvironment ? ` on ${studio.computeEnvironment.name}` : "";
    setText(this.about, `${studio.template.name}${place} · ${studio.workspace.name} · since ${clock(studio.statusSince)}`);
    setText(this.message, [studio.statusMessage, underWay(studio)].filter(Boolean).join(" "));
    this.#showPeople(studio.connectedUsers);
    this.log.hidden = !studio.lastStartedAt;
    this.log.setAttribute("aria-label", `Log of ${studio.name}`);
    clearTimeout(this.later);
    const focused = document.activeElement;
    for (const available of studio.availableActions) this.#allow(available);
    if (focused.hidden && this.node.contains(focused)) this.#nextFor();
  }

  #nextFor() {
    // The button that was pressed is gone, such as Start of what runs: the keyboard goes on with what is done next, and ends nothing.
    const next = ACTIONS.filter(({ first }) => first).map(({ action }) => this.buttons.get(action));
    [...next, this.log].find((button) => !button.hidden && button.getAttribute("aria-disabled") !== "true")?.focus();
  }

  #showPeople(users) {
    this.people.hidden = users.length === 0;
    setChildren(
      this.people,
      users.map(({ user, tabs }) => element("li", {}, tabs > 1 ? `${user.displayName} (${tabs} tabs)` : user.displayName)),
    );
  }

  #button({ action, label, first, seldom }, act) {
    // A button that is not allowed stays reachable and says why; `disabled` would hide the reason from the keyboard.
    const press = () => act(action, this.studio, made.getAttribute("aria-disabled") === "true" ? made.title : "");
    const made = element("button", { type: "button", class: first ? "first" : "", onclick: press }, label);
    made.dataset.seldom = Boolean(seldom);
    return made;
  }

  #offers(wanted) {
    return this.studio.availableActions.some(({ action, allowed }) => action === wanted && allowed);
  }

  #allow({ action, allowed, reason, until }) {
    const button = this.buttons.get(action);
    if (!button) return;
    // Nothing is sent when the time has come: a status that lasts does not change.
    if (until) this.later = setTimeout(() => this.#allow({ action, allowed: true }), Date.parse(until) - Date.now());
    button.setAttribute("aria-disabled", String(!allowed));
    button.setAttribute("aria-label", `${button.textContent} ${this.studio.name}`);
    button.title = allowed ? "" : (reason ?? "");
    if (action === "CONNECT") button.hidden = !allowed && this.studio.status !== "STARTING";
    if (button.dataset.seldom === "true") button.hidden = !allowed;
    if (action === "START") button.hidden = this.studio.status === "RUNNING" || this.#offers("RETRY_BUILD");
  }
}
