// What the explorer opens with: a list, and the same list live.

export const EXAMPLES = [
  {
    query: `# Which workspaces am I in, and what is in them?
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
          nodes { id name status statusMessage template { name } }
        }
      }
    }
  }
}
`,
  },
  {
    query: `# Each status change, once and in order. Put the id of a workspace from the first tab into the variables
# below, press play, then start or stop a Studio on the page.
subscription Watch($workspaceId: ID!) {
  studioStatusChanged(scope: { workspaceId: $workspaceId }) {
    __typename
    ... on StudioStatusEvent { at studioName previousStatus status statusMessage stopReason cursor }
    ... on Heartbeat { at cursor }
  }
}
`,
    variables: `{ "workspaceId": "" }`,
  },
];
