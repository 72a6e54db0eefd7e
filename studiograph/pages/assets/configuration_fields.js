// The fields of a Studio's configuration, in the forms that add, clone and edit Studios.

import { element, setChildren } from "./dom.js";

const NUMBERS = [
  { name: "cpu", label: "CPU cores", attributes: { min: 0, max: 100000, step: "any" } },
  { name: "memoryMiB", label: "Memory (MiB)", attributes: { min: 0, step: 1 } },
  { name: "gpu", label: "GPUs", attributes: { min: 0, step: 1 } },
  { name: "lifespanHours", label: "Lifespan (hours, 0: no limit)", attributes: { min: 0, max: 120, step: 1 } },
];
const FIELDS = [...NUMBERS.map(({ name }) => name), "description", "environment", "condaEnvironment"];

export class ConfigurationFields {
  #prefix;
  #numbers;
  #description;
  #variables;
  #conda;
  #original = {}; // what the form showed at first: only changes are sent
  #locked = [];

  // `prefix` begins the ids of the fields: a page may hold several of these forms.
  constructor(prefix, problem) {
    this.#prefix = prefix;
    this.#numbers = new Map(NUMBERS.map((field) => [field.name, element("input", { type: "number", ...field.attributes })]));
    this.#description = element("textarea", { rows: 2, maxlength: 2048 });
    this.#conda = element("textarea", { rows: 5, maxlength: 2048, class: "code", placeholder: "channels: [conda-forge]\ndependencies:\n  - numpy >=2", spellcheck: "false" });
    this.#variables = element("ol", { class: "variables" });
    this.problem = problem ?? element("ul", { class: "problems small", role: "alert" });
    this.node = element(
      "div",
      {},
      this.#labelled("description", "Description", this.#description),
      element("div", { class: "fields numbers" }, ...NUMBERS.map(({ name, label }) => this.#labelled(name, label, this.#numbers.get(name)))),
      element(
        "fieldset",
        { "data-field": "environment" },
        element("legend", {}, "Environment variables"),
        this.#variables,
        element("button", { type: "button", onclick: () => this.#addVariable({ key: "", value: "", secret: false }).querySelector("input").focus() }, "Add a variable"),
      ),
      this.#labelled("condaEnvironment", "Conda packages (an environment.yml)", this.#conda),
      this.problem,
    );
  }

  fill(configuration = {}, { locked = [] } = {}) {
    // Shows a configuration, or nothing: what stays empty is not sent. Locked fields show their value and cannot be changed.
    this.#locked = locked;
    for (const [name, input] of this.#numbers) {
      input.value = configuration[name] ?? "";
      input.disabled = locked.includes(name);
    }
    this.#description.value = configuration.description ?? "";
    this.#conda.value = configuration.condaEnvironment ?? "";
    this.#conda.disabled = locked.includes("condaEnvironment");
    this.#conda.closest("[data-field]").hidden = this.#conda.disabled && !this.#conda.value;
    setChildren(this.#variables, []);
    for (const variable of configuration.environment ?? []) this.#addVariable(variable);
    this.showProblems([]);
    this.#original = this.#shown();
  }

  showDefaults(defaults) {
    // Shows in grey what a number means that stays empty.
    for (const [name, input] of this.#numbers) input.placeholder = defaults[name] ?? "";
  }

  offerConda(offered) {
    // What was typed for another template stays, and the API says that it cannot be used.
    this.#conda.closest("[data-field]").hidden = !offered && !this.#conda.value;
  }

  has(name) {
    return FIELDS.includes(name);
  }

  values() {
    // Returns the fields that differ from what was filled in, as they stand in the inputs of mutations.
    const shown = this.#shown();
    const changed = FIELDS.filter((name) => !this.#locked.includes(name) && JSON.stringify(shown[name]) !== JSON.stringify(this.#original[name]));
    return Object.fromEntries(changed.map((name) => [name, shown[name]]));
  }

  showProblems(problems) {
    // Shows what the API refused, each at its field; `problems` are those of an InvalidInputError.
    for (const node of this.node.querySelectorAll("[aria-invalid]")) node.removeAttribute("aria-invalid");
    for (const { field } of problems) this.#node(field)?.setAttribute("aria-invalid", "true");
    setChildren(this.problem, problems.map(({ message }) => element("li", {}, message)));
    const first = this.node.querySelector("[aria-invalid]");
    first?.closest("details")?.setAttribute("open", "");
    first?.focus();
  }

  #node([name, index, part]) {
    if (name !== "environment") return this.node.querySelector(`[data-field="${CSS.escape(name)}"] :is(input, textarea)`);
    const row = this.#variables.children[Number(index)];
    return row?.querySelector(part === "value" ? "[data-part=value]" : "[data-part=key]");
  }

  #shown() {
    const values = Object.fromEntries([...this.#numbers].map(([name, input]) => [name, input.value === "" ? null : Number(input.value)]));
    const environment = [...this.#variables.children].map(variableOf).filter(({ key, value }) => key || value);
    return { ...values, description: this.#description.value || null, environment, condaEnvironment: this.#conda.value || null };
  }

  #labelled(name, label, input) {
    input.id = `${this.#prefix}-${name}`;
    return element("div", { "data-field": name }, element("label", { for: input.id }, label), input);
  }

  #addVariable({ key, value, secret }) {
    const row = element(
      "li",
      {},
      element("input", { "data-part": "key", "aria-label": "Name of the variable", placeholder: "NAME", maxlength: 255, value: key }),
      // The API never returns the value of a secret variable: if it stays empty, the value that is stored is kept.
      element("input", { "data-part": "value", "aria-label": "Value of the variable", placeholder: secret ? "stays as it is" : "value", value: value ?? "" }),
      element("label", {}, element("input", { type: "checkbox", "data-part": "secret", onchange: () => hideSecret(row) }), " secret"),
      element("button", { type: "button", "aria-label": `Remove the variable ${key}`, onclick: () => row.remove() }, "Remove"),
    );
    row.querySelector("[data-part=secret]").checked = secret;
    row.dataset.stored = String(secret && value === null);
    hideSecret(row);
    this.#variables.append(row);
    return row;
  }
}

function hideSecret(row) {
  const secret = row.querySelector("[data-part=secret]").checked;
  const value = row.querySelector("[data-part=value]");
  value.type = secret ? "password" : "text";
  value.autocomplete = "off";
}

function variableOf(row) {
  const [key, value, secret] = ["key", "value", "secret"].map((part) => row.querySelector(`[data-part=${part}]`));
  const keepsValue = row.dataset.stored === "true" && secret.checked && value.value === "";
  return { key: key.value.trim(), value: keepsValue ? null : value.value, secret: secret.checked };
}
