// The dialog that shows the output of a session or a build as it comes.

import { LOGS } from "./documents.js";
import { byId, setText } from "./dom.js";

const MAX_CHARACTERS = 200_000; // shown on the page; the API stores more

export class LogDialog {
  #unsubscribe = () => {};
  #ended = true;
  #connectionState = "";

  constructor() {
    byId("log").addEventListener("close", () => this.#unsubscribe());
  }

  open(subscriptions, studio, onProblem) {
    const text = byId("log-text");
    let after = null;
    setText(byId("log-title"), `Log of ${studio.name}`);
    setText(text, "");
    this.#ended = false;
    this.showConnection(this.#connectionState);
    const onFrame = (frame) => {
      if (frame.nextOffset !== undefined) after = frame.nextOffset;
      if (frame.__typename === "LogChunk") this.#add(text, frame);
    };
    const onEnd = (error) => {
      this.#ended = true;
      setText(byId("log-state"), error?.message ?? (text.textContent ? "complete" : "nothing was printed"));
      if (error) onProblem(error);
    };
    this.#unsubscribe = subscriptions.subscribe(LOGS, () => ({ studioId: studio.id, afterOffset: after }), onFrame, onEnd);
    byId("log").showModal();
  }

  showConnection(state) {
    // Shows the state of the connection, as long as more output may come.
    this.#connectionState = state;
    if (!this.#ended) setText(byId("log-state"), state);
  }

  #add(node, { text, skipped }) {
    const atEnd = node.scrollHeight - node.scrollTop - node.clientHeight < 40;
    const gap = skipped ? `\n… ${skipped} bytes are no longer stored …\n` : "";
    node.textContent = (node.textContent + gap + text).slice(-MAX_CHARACTERS);
    if (atEnd) node.scrollTop = node.scrollHeight;
  }
}
