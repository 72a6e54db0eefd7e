// The list of a Studio's checkpoints: what they are and what needs them, and what can be done with each.

import { allow, byId, element, formatBytes, formatTime, isAllowed, setChildren, setText } from "./dom.js";

const STATUS_TONES = { FINALIZED: "good", INTERIM: "busy", EMPTY: "idle", INVALID: "bad" };
const USES = { NEXT_START: "its next start continues from it", SESSION: "a session uses it" };

export class CheckpointList {
  #studio = null;
  #renamed = null;

  // `act(action, studio, checkpoint, name)` does what a button says.
  constructor(act) {
    this.act = act;
    byId("checkpoint-save").addEventListener("click", () => isAllowed(byId("checkpoint-save")) && this.act("CHECKPOINT_NOW", this.#studio));
    byId("checkpoint-name-form").addEventListener("submit", (event) => this.#rename(event));
    byId("checkpoint-name-cancel").addEventListener("click", () => this.#hideName());
  }

  show(studio) {
    if (studio.id !== this.#studio?.id) this.#hideName();
    this.#studio = studio;
    const { nodes, totalCount } = studio.checkpoints;
    const may = Object.fromEntries(studio.availableActions.map(({ action, allowed, reason }) => [action, allowed ? "" : (reason ?? "Not now.")]));
    allow(byId("checkpoint-save"), may.CHECKPOINT_NOW);
    setText(byId("checkpoint-count"), totalCount > nodes.length ? `the newest ${nodes.length} of ${totalCount}` : "");
    byId("checkpoint-none").hidden = nodes.length > 0;
    const focused = document.activeElement?.dataset.key;
    setChildren(byId("checkpoint-list"), nodes.map((checkpoint) => this.#row(checkpoint, may)));
    if (focused) byId("checkpoint-list").querySelector(`[data-key="${CSS.escape(focused)}"]`)?.focus();
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
    const needs = checkpoint.neededBy.map(({ kind, studio }) => `${studio?.name ?? "a Studio"}: ${USES[kind] ?? kind.toLowerCase()}`);
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
    const press = () => (action === "RENAME" ? this.#askName(checkpoint) : this.act(action, this.#studio, checkpoint));
    const button = element("button", { type: "button", "aria-label": `${label}: ${checkpoint.name}`, "data-key": `${action} ${checkpoint.id}` }, label);
    button.addEventListener("click", () => isAllowed(button) && press());
    allow(button, refusal);
    return button;
  }

  #askName(checkpoint) {
    this.#renamed = checkpoint;
    setText(byId("checkpoint-name-label"), `New name of ${checkpoint.name}`);
    byId("checkpoint-name").value = checkpoint.name;
    byId("checkpoint-name-form").hidden = false;
    byId("checkpoint-name").focus();
  }

  #hideName() {
    byId("checkpoint-name-form").hidden = true;
  }

  async #rename(event) {
    event.preventDefault();
    if (await this.act("RENAME", this.#studio, this.#renamed, byId("checkpoint-name").value)) this.#hideName();
  }
}
