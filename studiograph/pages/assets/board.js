// The Studios of all the viewer's workspaces, kept up to date by the `studios` stream of each.

import { Card, statusWord } from "./card.js";
import { byId, say } from "./dom.js";

export class Board {
  #cards = new Map();
  #act;

  constructor(act) {
    this.#act = act;
  }

  take(workspaceId, frame) {
    // One frame of a workspace's stream.
    if (frame.__typename === "StudioListSnapshot") this.#snapshot(workspaceId, frame.studios);
    else if (frame.__typename === "StudioEntered" || frame.__typename === "StudioChanged") this.#put(frame.studio);
    else if (frame.__typename === "StudioLeft") this.#remove(frame.studioId);
    byId("none").hidden = this.#cards.size > 0;
  }

  #snapshot(workspaceId, studios) {
    const there = new Set(studios.map((studio) => studio.id));
    for (const [id, card] of this.#cards) if (card.studio.workspace.id === workspaceId && !there.has(id)) this.#remove(id);
    for (const studio of studios) this.#put(studio);
  }

  #put(studio) {
    const card = this.#cards.get(studio.id);
    if (!card) return this.#add(studio);
    if (card.studio.status !== studio.status) say(`${studio.name} is ${statusWord(studio.status)}`);
    return card.update(studio);
  }

  #add(studio) {
    const card = new Card(studio, this.#act);
    this.#cards.set(studio.id, card);
    byId("studios").append(card.node);
  }

  #remove(id) {
    const card = this.#cards.get(id);
    if (!card) return;
    const focused = card.node.contains(document.activeElement);
    card.node.remove();
    this.#cards.delete(id);
    if (focused) byId("studios").focus();
  }
}
