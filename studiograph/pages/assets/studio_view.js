// A Studio's own view, at `#studio=<id>`: its card, configuration, lineage, migration and checkpoints.

import { CheckpointList } from "./checkpoint_list.js";
import { ConfigurationFields } from "./configuration_fields.js";
import { allow, byId, element, formatTime, isAllowed, setChildren, setText } from "./dom.js";
import { lineageTree } from "./lineage_tree.js";
import { MigrationPanel } from "./migration_panel.js";
import { showProblem } from "./problem.js";

const REFRESHING_EVENTS = ["CheckpointEvent", "StudioStatusEvent", "StudioEditedEvent", "StudioDeletedEvent", "MigrationEvent"];
const ADDRESS = /^#studio=(.+)$/;

export class StudioView {
  #studioId = null;
  #studio = null; // the newest answer
  #reading = 0; // the number of the newest request: an older answer that comes late is dropped
  #edited = null; // the answer that the form changes: the edit is refused if another one came between
  #filledName = ""; // what the form showed at first: only a change of it is sent
  #fields = new ConfigurationFields("edit");

  // `load(studioId)` answers the Studio, null if it is not there, undefined if that is not known now; `actions` has what its buttons do; `onShow(studioId)` is told which Studio the view
  // shows, null for none.
  constructor(load, actions, onShow) {
    this.load = load;
    this.actions = actions;
    this.onShow = onShow;
    this.checkpoints = new CheckpointList((...asked) => this.#act(...asked));
    this.migration = new MigrationPanel((...asked) => this.#act(...asked));
    byId("edit-fields").append(this.#fields.node);
    byId("edit-open").addEventListener("click", () => isAllowed(byId("edit-open")) && this.#openEdit());
    byId("edit-cancel").addEventListener("click", () => this.#closeEdit());
    byId("edit").addEventListener("submit", (event) => this.#edit(event));
    byId("studio-clone").addEventListener("click", () => isAllowed(byId("studio-clone")) && this.#act("CLONE", this.#studio));
  }

  // Shows what the address of the page says.
  async follow() {
    const studioId = addressedStudio();
    if (studioId === this.#studioId) return;
    this.#studioId = studioId;
    this.#studio = null;
    this.#closeEdit();
    byId("studio-parts").hidden = true;
    byId("studio-view").hidden = !studioId;
    this.onShow(studioId);
    if (studioId) await this.refresh(studioId);
  }

  // Shows what an event changed, if it concerns the Studio that is shown. A new Studio may have been made from it.
  handleEvent({ __typename, studioId, previousStatus }) {
    if (__typename === "Resync") return this.refresh(this.#studioId); // events may have been missed
    if (!REFRESHING_EVENTS.includes(__typename)) return undefined;
    const isNew = __typename === "StudioStatusEvent" && previousStatus === null;
    return this.refresh(isNew ? this.#studioId : studioId);
  }

  refreshShown() {
    return this.refresh(this.#studioId);
  }

  // Shows the newest state of the Studio, if the view shows it. While the server cannot be asked, what is shown stays.
  async refresh(studioId) {
    if (!studioId || studioId !== this.#studioId) return;
    const reading = ++this.#reading;
    const studio = await this.load(studioId);
    if (studio === undefined || reading !== this.#reading || studioId !== this.#studioId) return;
    byId("studio-gone").hidden = Boolean(studio);
    byId("studio-parts").hidden = !studio;
    if (studio) this.#show(studio);
  }

  #show(studio) {
    this.#studio = studio;
    const may = Object.fromEntries(studio.availableActions.map(({ action, allowed, reason }) => [action, allowed ? "" : (reason ?? "Not now.")]));
    allow(byId("edit-open"), may.EDIT);
    allow(byId("studio-clone"), may.CLONE);
    setChildren(byId("configuration"), facts(studio).flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]));
    const tree = lineageTree(studio);
    setChildren(byId("lineage"), tree ? [tree] : [element("p", { class: "muted small" }, "It comes from no other Studio, and no other was made from it.")]);
    this.checkpoints.show(studio);
    this.migration.show(studio);
  }

  #openEdit() {
    this.#edited = this.#studio;
    const { name, configuration, description, template } = this.#edited;
    this.#filledName = name;
    byId("edit-name").value = name;
    this.#fields.fill({ ...configuration, description });
    this.#fields.offerConda(Boolean(template.recipe));
    byId("edit").hidden = false;
    byId("edit-open").hidden = true;
    byId("edit-name").focus();
  }

  #closeEdit() {
    byId("edit").hidden = true;
    byId("edit-open").hidden = false;
  }

  async #edit(event) {
    event.preventDefault();
    const { id, revision } = this.#edited;
    const name = byId("edit-name").value;
    const changes = { ...(name === this.#filledName ? {} : { name }), ...this.#fields.values() };
    const result = await this.actions.edit({ studioId: id, expectedRevision: revision, ...changes });
    this.#fields.showProblems(result?.problems ?? []);
    await this.refresh(id);
    if (result?.code === "STALE_REVISION") return this.#offerAgain();
    if (!result || result.problems) return undefined;
    this.#closeEdit();
    return byId("edit-open").focus();
  }

  #offerAgain() {
    // Somebody else edited the Studio meanwhile. The form keeps what was typed, and sends only that.
    this.#edited = this.#studio;
    showProblem({ message: `${this.#studio.name} was edited meanwhile. Read above what it says now. To make your changes too, save again.` });
  }

  async #act(...asked) {
    const result = await this.actions.onPart(...asked);
    await this.refreshShown();
    return result;
  }
}

function addressedStudio() {
  // The id in the address of the page, null for none. An address that cannot be decoded is the id of no Studio.
  const text = ADDRESS.exec(location.hash)?.[1];
  try {
    return text ? decodeURIComponent(text) : null;
  } catch {
    return text;
  }
}

function facts({ description, template, computeEnvironment, owner, createdAt, configuration }) {
  // What the configuration says, as pairs of a name and a value. 0 means the environment's default, or none.
  const { cpu, memoryMiB, gpu, lifespanHours, environment, condaEnvironment } = configuration;
  const variables = environment.map(({ key, value, secret }) => element("div", {}, element("code", {}, `${key}=${secret ? "••••" : value}`)));
  return [
    ["Description", description ?? "none"],
    ["Template", `${template.name} (${template.toolVersion}, ${template.status.toLowerCase()})`],
    ["Runs on", computeEnvironment?.name ?? "a compute environment that was removed"],
    ["Resources", [`${cpu || "all"} CPU cores`, memoryMiB ? `${memoryMiB} MiB of memory` : "memory without limit", gpu ? `${gpu} GPUs` : "no GPU"].join(", ")],
    ["Lifespan", lifespanHours ? `${lifespanHours} hours after each start` : "no limit"],
    ["Variables", variables.length ? element("div", {}, ...variables) : "none"],
    ...(condaEnvironment ? [["Conda packages", element("pre", { class: "code" }, condaEnvironment)]] : []),
    ["Added", `${formatTime(createdAt)} by ${owner.displayName}`],
  ];
}
