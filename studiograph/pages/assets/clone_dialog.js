// The dialog "Add as new": a Studio made from another one or from a checkpoint, with what may be changed and what is locked.

import { ConfigurationFields } from "./configuration_fields.js";
import { CLONE, PREVIEW_CLONE } from "./documents.js";
import { announce, byId, setText } from "./dom.js";
import { hideProblem, showProblem } from "./problem.js";
import { newKey, read, send } from "./send.js";

const MAX_NAME_LENGTH = 80;
const MAX_NAMES_TRIED = 20;

export class CloneDialog {
  #source = null; // the field `from` of the input
  #fields = new ConfigurationFields("clone");
  #answer = () => {};

  constructor() {
    this.dialog = byId("clone");
    byId("clone-fields").append(this.#fields.node);
    byId("clone-form").addEventListener("submit", (event) => this.#submit(event));
    byId("clone-cancel").addEventListener("click", () => this.dialog.close());
    this.dialog.addEventListener("close", () => {
      hideProblem();
      this.#answer(null);
    });
  }

  // Answers the result once the Studio is added; null if the user closed the dialog, or if the API refuses a clone of this source.
  async open(studio, checkpoint) {
    this.#source = checkpoint ? { checkpointId: checkpoint.id } : { studioId: studio.id };
    const { preview, name } = await this.#preview(studio.name);
    if (!preview) return null;
    if (!preview.wouldCreate) return showProblem(preview.refusals[0]) ?? null;
    const { wouldCreate, lockedFields } = preview;
    setText(byId("clone-title"), `Add as new, from ${checkpoint?.name ?? studio.name}`);
    const locked = `${wouldCreate.template.name} on ${wouldCreate.computeEnvironment.name}, from the files of ${wouldCreate.checkpoint.name}.`;
    setText(byId("clone-about"), `${locked} These, the lifespan and the Conda packages stay as they are in the source.`);
    this.#fields.fill({ ...wouldCreate, condaEnvironment: studio.configuration?.condaEnvironment }, { locked: lockedFields });
    byId("clone-name").value = name;
    this.dialog.showModal();
    byId("clone-name").select();
    return new Promise((answer) => (this.#answer = answer));
  }

  async #preview(name) {
    // Asks the API what would be created, under the first name of "copy", "copy 2" and so on that is free.
    for (let number = 1; number <= MAX_NAMES_TRIED; number++) {
      const ending = number === 1 ? " copy" : ` copy ${number}`;
      const tried = [...name].slice(0, MAX_NAME_LENGTH - ending.length).join("") + ending; // of characters, not of halves of them
      const preview = (await read(PREVIEW_CLONE, { input: { from: this.#source, name: tried } }))?.previewClone;
      const isTaken = preview?.refusals.some(({ field }) => field?.[0] === "name");
      if (!isTaken || number === MAX_NAMES_TRIED) return { preview, name: tried };
    }
    return {};
  }

  async #submit(event) {
    event.preventDefault();
    const input = { from: this.#source, name: byId("clone-name").value, autoStart: event.submitter?.value !== "add", ...this.#fields.values() };
    const result = await send(CLONE, { ...input, idempotencyKey: newKey() }, ({ problems }) => problems);
    this.#fields.showProblems(result?.problems ?? []);
    if (!result || result.problems) return;
    announce(`${input.name} is added`);
    this.#answer(result);
    this.dialog.close();
  }
}
