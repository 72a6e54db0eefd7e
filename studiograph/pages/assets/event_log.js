// The list of the latest events, newest first, each with its actor.

import { statusLabel } from "./studio_card.js";
import { byId, formatTime, element } from "./dom.js";

const MAX_EVENTS = 30;
const MIGRATIONS = {
  MIGRATING: "migration to a newer template began",
  SUCCEEDED: "migration succeeded",
  WITH_ISSUES: "migration found problems",
  FAILED: "migration failed",
  DISCARDED: "migration was discarded",
};
const DESCRIPTIONS = {
  StudioStatusEvent: (event) => ` ${event.previousStatus ? statusChange(event.status, event.statusMessage ?? "") : "was added"}`,
  CheckpointEvent: (event) => `: checkpoint ${event.checkpointName} ${event.checkpointChange.toLowerCase()}`,
  MigrationEvent: (event) => `: ${MIGRATIONS[event.migrationState]}`,
  ConnectedUsersEvent: (event) => `: ${event.user?.displayName ?? "somebody"} ${event.presenceChange.toLowerCase()}`,
  ConnectionErrorEvent: (event) => `: ${event.reason}`,
  DisruptionWarningEvent: (event) => `: ${event.reason}`,
  StudioEditedEvent: () => " was edited",
  StudioDeletedEvent: () => " was deleted",
  TemplateEvent: (event) => ` was ${event.templateChange.toLowerCase()}`,
  MemberEvent: (event) => (event.role ? ` has the role ${event.role} now` : " left the workspace"),
};

function statusChange(status, message) {
  // A message that begins with the status is not repeated: "is starting", not "is starting: Starting."
  const label = statusLabel(status);
  if (message.toLowerCase().startsWith(label)) return `is ${label}${message.slice(label.length).replace(/\.$/, "")}`;
  return [status === "BUILD_FAILED" ? "was not built" : `is ${label}`, message].filter(Boolean).join(": ");
}

function actorName(actor) {
  return actor.name ?? `the system (${actor.cause})`;
}

export function showEvent(event) {
  // Adds an event to the list. Frames that are no events (heartbeats) are ignored.
  const describe = DESCRIPTIONS[event.__typename];
  if (!describe) return;
  const line = element(
    "li",
    {},
    element("strong", {}, event.studioName ?? event.templateName ?? event.user?.displayName ?? "Somebody"),
    `${describe(event)} `,
    element("div", { class: "muted small" }, element("time", { datetime: event.at }, formatTime(event.at)), ` · by ${actorName(event.actor)}`),
  );
  const list = byId("events");
  list.prepend(line);
  while (list.children.length > MAX_EVENTS) list.lastElementChild.remove();
  byId("no-events").hidden = true;
}
