// The form that adds a Studio: name, template, environment and the whole configuration, with the quotas that its start must fit into.

import { ConfigurationFields } from "./configuration_fields.js";
import { CREATE, QUOTAS } from "./documents.js";
import { announce, byId, element, setChildren } from "./dom.js";
import { newKey, read, send } from "./send.js";

const DEFAULTS = { cpu: 2, memoryMiB: 8192, gpu: 0, lifespanHours: 8 };
const RESOURCES = { SESSIONS: "sessions", CPU: "CPU cores", MEMORY_MIB: "MiB of memory", GPU: "GPUs" };

export class AddForm {
  #workspaces = [];
  #fields = new ConfigurationFields("add");

  constructor() {
    byId("add-fields").append(this.#fields.node);
    byId("create").addEventListener("submit", (event) => this.#create(event));
    byId("workspace").addEventListener("change", () => this.#fillChoices());
    byId("template").addEventListener("change", () => this.#showTemplate());
    byId("environment").addEventListener("change", () => this.#showDefaults());
    byId("add").addEventListener("toggle", () => byId("add").open && this.#showQuotas());
  }

  // Shows the workspaces in which the viewer may add Studios; hides the form if there is none.
  show(workspaces) {
    this.#workspaces = workspaces;
    byId("add").hidden = workspaces.length === 0;
    setChildren(byId("workspace"), workspaces.map(option));
    this.#fillChoices();
  }

  get #workspace() {
    return this.#workspaces.find(({ id }) => id === byId("workspace").value);
  }

  #fillChoices() {
    setChildren(byId("template"), (this.#workspace?.templates ?? []).map(withStatus).map(option));
    setChildren(byId("environment"), (this.#workspace?.computeEnvironments ?? []).filter(({ enabled }) => enabled).map(option));
    this.#fields.fill();
    this.#showDefaults();
    this.#showTemplate();
    if (byId("add").open) this.#showQuotas();
  }

  #showTemplate() {
    // Shows the box that accepts an experimental template while one is chosen; it must be checked then. Conda packages need a template
    // whose image is built here.
    const template = this.#workspace?.templates.find(({ id }) => id === byId("template").value);
    const isExperimental = template?.status === "EXPERIMENTAL";
    const box = byId("create").acceptExperimental;
    byId("experimental").hidden = !isExperimental;
    box.required = isExperimental;
    if (!isExperimental) box.checked = false;
    this.#fields.offerConda(Boolean(template?.recipe));
  }

  #showDefaults() {
    // What an empty field means stands in it, in grey.
    const { capacity } = this.#workspace?.computeEnvironments.find(({ id }) => id === byId("environment").value) ?? {};
    const lifespanHours = this.#workspace?.settings?.lifespanHours;
    const defaults = Object.entries(DEFAULTS).map(([name, value]) => [name, Math.min(value, capacity?.[name] || value)]); // 0: not known yet
    this.#fields.showDefaults({ ...Object.fromEntries(defaults), ...(lifespanHours == null ? {} : { lifespanHours }) });
  }

  async #showQuotas() {
    const workspaceId = byId("workspace").value;
    const workspace = workspaceId && (await read(QUOTAS, { workspaceId }))?.node;
    if (workspaceId !== byId("workspace").value) return;
    setChildren(byId("quotas"), (workspace?.quotas ?? []).map(quotaLine));
  }

  async #create(event) {
    event.preventDefault();
    const form = event.target;
    const input = {
      workspaceId: form.workspace.value,
      templateId: form.template.value,
      acceptExperimental: form.acceptExperimental.checked,
      computeEnvironmentId: form.environment.value,
      name: form.elements.name.value,
      autoStart: event.submitter?.value !== "add",
      ...this.#fields.values(),
      idempotencyKey: newKey(),
    };
    // Only problems with the fields below are shown there: the others belong to the fields above, and stand over the page.
    const result = await send(CREATE, input, ({ problems }) => problems?.every(({ field }) => this.#fields.has(field[0])));
    this.#fields.showProblems(result?.problems ?? []);
    if (!result || result.problems) return;
    announce(`${input.name} is added`);
    form.reset();
    this.#fillChoices();
  }
}

const option = ({ id, name }) => element("option", { value: id }, name);

function withStatus({ id, name, status }) {
  return { id, name: status === "RECOMMENDED" ? name : `${name} (${status.toLowerCase()})` };
}

function quotaLine({ resource, scope, limit, used, computeEnvironment }) {
  const of = computeEnvironment ? computeEnvironment.name : scope.toLowerCase();
  const line = element("li", {}, element("meter", { min: 0, max: limit || 1, value: Math.min(used, limit || 1), high: limit * 0.8, "aria-hidden": "true" }), " ");
  line.append(`${used} of ${limit} ${RESOURCES[resource] ?? resource.toLowerCase()} in use (${of})`);
  return line;
}
