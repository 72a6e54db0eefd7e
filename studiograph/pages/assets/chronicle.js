// The latest events, newest first, each with who or what caused it.

import { statusWord } from "./card.js";
import { byId, clock, element } from "./dom.js";

const SHOWN = 30;
const WORDS = {
  StudioStatusEvent: (event) => ` ${event.previousStatus ? became(event.status, event.statusMessage ?? "") : "was added"}`,
  CheckpointEvent: (event) => `: checkpoint ${event.checkpointName} ${event.checkpointChange.toLowerCase()}`,
  ConnectedUsersEvent: (event) => `: ${event.user?.displayName ?? "somebody"} ${event.presenceChange.toLowerCase()}`,
  ConnectionErrorEvent: (event) => `: ${event.reason}`,
  DisruptionWarningEvent: (event) => `: ${event.reason}`,
  StudioEditedEvent: () => " was edited",
  StudioDeletedEvent: () => " was deleted",
  MemberEvent: (event) => (event.role ? ` has the role ${event.role} now` : " left the workspace"),
};

function became(status, message) {
  // A message that begins with the status says it already: "is starting", not "is starting: Starting."
  const word = statusWord(status);
  if (message.toLowerCase().startsWith(word)) return `is ${word}${message.slice(word.length).replace(/\.$/, "")}`;
  return [status === "BUILD_FAILED" ? "was not built" : `is ${word}`, message].filter(Boolean).join(": ");
}

function by(actor) {
  return actor.name ?? `the system (${actor.cause})`;
}

export function chronicle(event) {
  // Frames that are no events have no words here.
  const words = WORDS[event.__typename];
  if (!words) return;
  const line = element(
    "li",
    {},
    element("strong", {}, event.studioName ?? event.user?.displayName ?? "Somebody"),
    `${words(event)} `,
    element("div", { class: "soft small" }, element("time", { datetime: event.at }, clock(event.at)), ` · by ${by(event.actor)}`),
  );
  const list = byId("events");
  list.prepend(line);
  while (list.children.length > SHOWN) list.lastElementChild.remove();
  byId("no-events").hidden = true;
}
