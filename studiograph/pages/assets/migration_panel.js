// The part of a Studio's view about migration: whether there is a newer template, and how each attempt went.

import { allow, byId, element, formatTime, isAllowed, setChildren, setText } from "./dom.js";
import { studioAddress } from "./lineage_tree.js";

const STATES = {
  MIGRATING: ["under way", "busy"],
  SUCCEEDED: ["no problem was found", "good"],
  WITH_ISSUES: ["runs, with problems", "bad"],
  FAILED: ["failed", "bad"],
  DISCARDED: ["discarded", "idle"],
};
const DIFFERENCES = { TOOL_VERSION: "version of the tool", CONNECT_VERSION: "version of the connect component", IMAGE: "image" };

export class MigrationPanel {
  #studio = null;

  // `act(action, studio)` migrates the Studio, or discards one that a migration added.
  constructor(act) {
    this.act = act;
    byId("migrate").addEventListener("click", () => isAllowed(byId("migrate")) && this.act("MIGRATE", this.#studio));
  }

  show(studio) {
    this.#studio = studio;
    const { migrationPlan: plan, migrationAttempts: attempts } = studio;
    allow(byId("migrate"), plan.canMigrate ? "" : blockerText(plan));
    setText(byId("migration-plan"), planText(plan));
    setChildren(byId("migration-differences"), plan.canMigrate ? plan.differences.map(differenceLine) : []);
    setChildren(byId("migration-attempts"), attempts.map((attempt) => this.#attempt(attempt)));
  }

  #attempt(attempt) {
    const { studio, studioName, original, originalName, fromTemplate, toTemplate, checkpoint, state, issues, actor, createdAt } = attempt;
    const [label, tone] = STATES[state];
    const facts = [
      `${original?.id === this.#studio.id ? "" : `of ${original?.name ?? originalName}, `}from ${checkpoint?.name ?? "a checkpoint that was deleted"}`,
      `${fromTemplate?.name ?? "a removed template"} → ${toTemplate?.name ?? "a removed template"}`,
      `${formatTime(createdAt)} by ${actor.name ?? "the system"}`,
    ];
    const name = studio ? element("a", { href: studioAddress(studio.id) }, studio.name) : studioName;
    return element(
      "li",
      { "data-state": state },
      element("div", { class: "head" }, element("strong", {}, name), element("span", { class: "badge", "data-tone": tone }, label)),
      element("div", { class: "muted small" }, facts.join(" · ")),
      element("ol", { class: "issues", "aria-label": "What is wrong, and what mends it" }, ...issues.map(issueLine)),
      ...(issues.some(({ kind }) => kind !== "CHECK_INCOMPLETE") && state !== "DISCARDED" ? [element("p", { class: "small" }, advice(originalName))] : []),
      ...(studio && state !== "DISCARDED" ? [element("div", { class: "actions" }, this.#discard(studio))] : []),
    );
  }

  #discard(studio) {
    const press = () => this.act("DISCARD", studio);
    return element("button", { type: "button", "aria-label": `Discard ${studio.name}`, onclick: press }, "Discard");
  }
}

function blockerText({ blockers }) {
  // Without a newer template nothing else matters.
  const decisive = blockers.filter(({ code }) => code === "NO_NEWER_TEMPLATE");
  return (decisive.length ? decisive : blockers).map(({ message }) => message).join(" ");
}

function planText({ canMigrate, blockers, fromTemplate, toTemplate, checkpoint }) {
  if (!canMigrate) return blockerText({ blockers });
  const from = fromTemplate ? ` in place of ${fromTemplate.name}` : "";
  return `${toTemplate.name} can be used${from}. A migration adds a new Studio, with the files of ${checkpoint.name} over the new template. This one stays as it is.`;
}

const differenceLine = ({ kind, before, after }) => element("li", {}, `${DIFFERENCES[kind] ?? kind.toLowerCase()}: ${before} → ${after}`);

const advice = (originalName) =>
  `To mend it: discard this attempt, start ${originalName}, run the commands in it, stop it, and migrate it again. A migration is best effort.`;

function issueLine({ message, commands }) {
  const lines = commands.length ? [element("pre", { class: "code", tabindex: 0 }, commands.join("\n"))] : [];
  return element("li", {}, message, ...lines);
}
