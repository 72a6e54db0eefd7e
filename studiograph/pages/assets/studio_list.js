// The list of the Studios of all the viewer's workspaces, updated by the `studios` subscription of each.

import { StudioCard, statusLabel } from "./studio_card.js";
import { byId, announce } from "./dom.js";

export class StudioList {
  #cards = new Map();
  #act;
  #only = null; // the id of the Studio whose own view is shown

  constructor(act) {
    this.#act = act;
  }

  update(workspaceId, frame) {
    // Shows one frame of a workspace's `studios` subscription.
    if (frame.__typename === "StudioListSnapshot") this.#snapshot(workspaceId, frame.studios);
    else if (frame.__typename === "StudioEntered" || frame.__typename === "StudioChanged") this.#put(frame.studio);
    else if (frame.__typename === "StudioLeft") this.#remove(frame.studioId);
    this.#showNone();
  }

  // Shows the card of one Studio only; of all for null.
  showOnly(studioId) {
    this.#only = studioId;
    for (const [id, card] of this.#cards) {
      card.node.hidden = this.#isHidden(id);
      card.details.hidden = studioId !== null;
    }
    this.#showNone();
  }

  #isHidden(studioId) {
    return this.#only !== null && this.#only !== studioId;
  }

  #showNone() {
    byId("none").hidden = this.#cards.size > 0 || this.#only !== null;
  }

  markLastKnown() {
    // The connection is lost: what the cards show was true when it broke, and may not be now.
    for (const card of this.#cards.values()) card.markLastKnown();
  }

  #snapshot(workspaceId, studios) {
    const present = new Set(studios.map((studio) => studio.id));
    for (const [id, card] of this.#cards) if (card.studio.workspace.id === workspaceId && !present.has(id)) this.#remove(id);
    for (const studio of studios) this.#put(studio);
  }

  #put(studio) {
    const card = this.#cards.get(studio.id);
    if (!card) return this.#add(studio);
    if (card.studio.status !== studio.status) announce(`${studio.name} is ${statusLabel(studio.status)}`);
    return card.update(studio);
  }

  #add(studio) {
    const card = new StudioCard(studio, this.#act);
    card.node.hidden = this.#isHidden(studio.id);
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
