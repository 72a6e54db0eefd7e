// The small tree of a Studio's lineage: what it comes from above it, what was made from it below it.

import { element } from "./dom.js";

export const studioAddress = (studioId) => `#studio=${encodeURIComponent(studioId)}`;

// Returns the tree of `studio` as nested lists; null if it has no relatives.
export function lineageTree(studio) {
  const { ancestors, derived } = studio.lineage;
  if (!ancestors.length && !derived.length) return null;
  const below = derived.map(({ studio: made, checkpoint }) => branch(studioLabel(made), `from ${checkpoint.name}`, []));
  let tree = branch(element("strong", { "aria-current": "true" }, studio.name), "", below);
  // The nearest ancestor comes first: each wraps what stands below it.
  for (const { studio: source, names } of grouped(ancestors)) tree = branch(studioLabel(source), names.join(" ← "), [tree]);
  return element("ul", { class: "tree", "aria-label": `What ${studio.name} comes from, and what was made from it` }, tree);
}

function branch(label, note, children) {
  const line = [label, note ? element("span", { class: "muted small" }, ` ${note}`) : ""];
  return element("li", {}, ...line, ...(children.length ? [element("ul", {}, ...children)] : []));
}

function studioLabel(studio) {
  return studio ? element("a", { href: studioAddress(studio.id) }, studio.name) : element("span", { class: "muted" }, "a deleted Studio");
}

function grouped(checkpoints) {
  // Puts checkpoints of the same Studio that follow each other into one group.
  const groups = [];
  for (const { studio, name } of checkpoints) {
    const last = groups.at(-1);
    if (last && studio && last.studio?.id === studio.id) last.names.push(name);
    else groups.push({ studio, names: [name] });
  }
  return groups;
}
