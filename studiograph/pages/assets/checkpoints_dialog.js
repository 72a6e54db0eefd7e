// The dialog of a Studio's checkpoints: what they are and what needs them, and what can be done with each.

import { byId, element, formatBytes, formatTime, setChildren, setText } from "./dom.js";

const STATUS_TONES = { FINALIZED: "good", INTERIM: "busy", EMPTY: "idle", INVALID: "bad" };
const USES = { NEXT_START: "its next start continues from it", SESSION: "a session uses it" };

export class CheckpointsDialog {
  #studioId = null;
  #page = null; // the answer that is shown
  #reading = 0; // the number of the newest request: an older answer that comes late is dropped

  // `load(studioId, first)` answers the Studio with its checkpoints; `act(action, studio, checkpoint, values)` runs a mutation, and answers
  // null if it failed.
  constructor(load, act) {
    this.load = load;
    this.act = act;
    this.dialog = byId("checkpoints");
    this.dialog.addEventListener("close", () => (this.#studioId = null));
    byId("checkpoint-save").addEventListener("click", () => this.#run("CHECKPOINT_NOW"));
    byId("checkpoint-clone").addEventListener("click", () => this.#nameFor("CLONE", null));
    byId("checkpoint-name-form").addEventListener("submit", (event) => this.#submitName(event));
    byId("checkpoint-name-cancel").addEventListener("click", () => this.#hideName());
  }

  async open(studio) {
    this.#studioId = studio.id;
    this.#page = null;
    setText(byId("checkpoints-title"), `Checkpoints of ${studio.name}`);
    setChildren(byId("checkpoint-list"), []);
    setText(byId("checkpoint-lineage"), "");
    this.#hideName();
    this.dialog.showModal();
    await this.refresh(studio.id);
  }

  // Shows the newest state of the Studio's checkpoints, if the dialog is open for it.
  async refresh(studioId) {
    if (studioId !== this.#studioId) return;
    const reading = ++this.#reading;
    const studio = await this.load(studioId);
    if (studio && reading === this.#reading && studioId === this.#studioId) this.#show(studio);
  }

  #show(studio) {
    this.#page = studio;
    const { nodes, totalCount } = studio.checkpoints;
    const may = Object.fromEntries(studio.availableActions.map(({ action, allowed, reason }) => [action, allowed ? "" : (reason ?? "Not now.")]));
    this.#allow(byId("checkpoint-save"), may.CHECKPOINT_NOW);
    this.#allow(byId("checkpoint-clone"), may.CLONE);
    setText(byId("checkpoint-count"), totalCount > nodes.length ? `the newest ${nodes.length} of ${totalCount}` : "");
    byId("checkpoint-none").hidden = nodes.length > 0;
    const focused = document.activeElement?.dataset.key;
    setChildren(byId("checkpoint-list"), nodes.map((checkpoint) => this.#row(checkpoint, may)));
    if (focused) this.dialog.querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
    setText(byId("checkpoint-lineage"), lineageText(studio.lineage));
  }

  #row(checkpoint, may) {
    const badge = element("span", { class: "badge", "data-tone": STATUS_TONES[checkpoint.status] }, checkpoint.status.toLowerCase());
    const facts = [
      checkpoint.savedAt ? `saved ${formatTime(checkpoint.savedAt)}` : "not saved yet",
      checkpoint.size === null ? "" : formatBytes(checkpoint.size),
      checkpoint.pauseSeconds ? `paused the session for ${checkpoint.pauseSeconds.toFixed(1)} s` : "",
      `by ${checkpoint.author.displayName}`,
      checkpoint.parent ? `from ${checkpoint.parent.name}` : "",
      checkpoint.inherited ? `inherited from ${checkpoint.studio?.name ?? "a deleted Studio"}` : "",
    ];
    const needs = checkpoint.neededBy.map(({ kind, studio }) => `${studio?.name ?? "a Studio"}: ${USES[kind]}`);
    const usable = ["FINALIZED", "INTERIM"].includes(checkpoint.status) ? "" : "There are no files to start from.";
    const own = checkpoint.inherited ? "It belongs to another Studio." : "";
    const inUse = needs.length ? `It is needed. ${needs.join("; ")}.` : "";
    return element(
      "li",
      { "data-checkpoint": checkpoint.name },
      element("div", { class: "head" }, element("strong", {}, checkpoint.name), badge),
      element("div", { class: "muted small" }, facts.filter(Boolean).join(" · ")),
      element(
        "div",
        { class: "actions" },
        this.#button("START_FROM", "Start from here", checkpoint, own || usable || may.START),
        this.#button("CLONE", "Add as new", checkpoint, usable || may.CLONE),
        this.#button("RENAME", "Rename", checkpoint, own),
        this.#button("DELETE_CHECKPOINT", "Delete", checkpoint, own || inUse),
      ),
    );
  }

  #button(action, label, checkpoint, refusal) {
    const named = ["CLONE", "RENAME"].includes(action);
    const press = () => (named ? this.#nameFor(action, checkpoint) : this.#run(action, checkpoint));
    const button = element("button", { type: "button", "aria-label": `${label}: ${checkpoint.name}`, "data-key": `${action} ${checkpoint.id}` }, label);
    button.addEventListener("click", () => button.getAttribute("aria-disabled") !== "true" && press());
    this.#allow(button, refusal);
    return button;
  }

  #allow(button, refusal) {
    // A button that is not allowed can be focused and gives the reason, as on the cards.
    button.setAttribute("aria-disabled", String(Boolean(refusal)));
    button.title = refusal ?? "";
  }

  #nameFor(action, checkpoint) {
    // Asks for the name that the action needs.
    if (!checkpoint && byId("checkpoint-clone").getAttribute("aria-disabled") === "true") return;
    this.asked = { action, checkpoint };
    const source = checkpoint ? checkpoint.name : this.#page.name;
    setText(byId("checkpoint-name-label"), action === "RENAME" ? `New name of ${source}` : `Name of the new Studio made from ${source}`);
    byId("checkpoint-name").value = action === "RENAME" ? checkpoint.name : "";
    byId("checkpoint-name-form").hidden = false;
    byId("checkpoint-name").focus();
  }

  #hideName() {
    byId("checkpoint-name-form").hidden = true;
  }

  async #submitName(event) {
    event.preventDefault();
    const { action, checkpoint } = this.asked;
    if (await this.#run(action, checkpoint, byId("checkpoint-name").value)) this.#hideName();
  }

  async #run(action, checkpoint = null, name = null) {
    const button = { CHECKPOINT_NOW: byId("checkpoint-save") }[action];
    if (!this.#page || button?.getAttribute("aria-disabled") === "true") return null;
    const result = await this.act(action, this.#page, checkpoint, name);
    if (result && ["START_FROM", "CLONE"].includes(action)) this.dialog.close();
    else await this.refresh(this.#page.id);
    return result;
  }
}

function lineageText({ ancestors, derived }) {
  // The tree of a Studio in words: what it comes from, and what was made from it.
  const names = (checkpoints) => [...new Set(checkpoints.map(({ studio }) => studio?.name ?? "a deleted Studio"))];
  const lines = [];
  if (ancestors.length) lines.push(`Made from ${[...names(ancestors)].join(" ← ")}.`);
  const made = derived.filter(({ studio }) => studio).map(({ studio, checkpoint }) => `${studio.name} (from ${checkpoint.name})`);
  if (made.length) lines.push(`Made from it: ${made.join(", ")}.`);
  return lines.join(" ");
}
