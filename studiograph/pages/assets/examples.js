// The documents that the explorer opens with: a query of Studios, and a subscription to their status.

const LIST = `# Which workspaces am I in, and what is in them?
# Press the play button. The next tab watches the same Studios live.
query Studios {
  viewer {
    userName
    memberships {
      role
      workspace {
        id
        slug
        studios(first: 20) {
          nodes {
            id
            name
            status
            statusMessage
            template { name }
          }
        }
      }
    }
  }
}
`;

const WATCH = `# Each status change, once and in order. Press play, then start or stop a Studio on the page.
subscription Watch($workspaceId: ID!) {
  studioStatusChanged(scope: { workspaceId: $workspaceId }) {
    __typename
    ... on StudioStatusEvent {
      at
      studioName
      previousStatus
      status
      statusMessage
      stopReason
      cursor
    }
    ... on Heartbeat { at cursor }
  }
}
`;

export const FIRST_WORKSPACE = "query FirstWorkspace { viewer { memberships { workspace { id } } } }";

export function examples(workspaceId) {
  return [{ query: LIST }, { query: WATCH, variables: JSON.stringify({ workspaceId }, null, 2) }];
}
