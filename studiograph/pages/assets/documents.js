// Everything this page asks of the API.

const CARD = `fragment Card on Studio {
  id name status statusMessage statusSince url
  template { name }
  computeEnvironment { name }
  progress { name state message }
  lastStartedAt
  owner { userName }
  workspace { id name }
  availableActions { action allowed reason until }
  connectedUsers { user { userName displayName } tabs }
}`;

const OUTCOME = "... on Error { code message field }";

const LINE = `fragment Line on Event {
  __typename cursor at actor { name cause }
  ... on StudioEvent { studioName }
  ... on MemberEvent { user { displayName } role }
  ... on StudioStatusEvent { previousStatus status statusMessage stopReason }
  ... on CheckpointEvent { checkpointChange: change checkpointName }
  ... on ConnectedUsersEvent { presenceChange: change user { displayName } }
  ... on ConnectionErrorEvent { reason }
  ... on DisruptionWarningEvent { reason }
}`;

export const VIEWER = `query Viewer {
  viewer {
    userName displayName
    memberships {
      role
      workspace { id name eventCursor viewerCanCreateStudios templates { id name status } computeEnvironments { id name enabled } events(first: 20) { nodes { ...Line } } }
    }
  }
}
${LINE}`;

export const STUDIOS = `subscription Studios($workspaceId: ID!) {
  studios(workspaceId: $workspaceId) {
    __typename
    ... on StudioListSnapshot { studios { ...Card } }
    ... on StudioEntered { studio { ...Card } }
    ... on StudioChanged { studio { ...Card } }
    ... on StudioLeft { studioId }
  }
}
${CARD}`;

export const EVENTS = `subscription Events($workspaceId: ID!, $after: Cursor) {
  studioEvents(scope: { workspaceId: $workspaceId }, after: $after) {
    ...Line
    ... on Heartbeat { cursor }
    ... on Resync { cursor }
  }
}
${LINE}`;

export const LOGS = `subscription Logs($studioId: ID!, $afterOffset: BigInt) {
  studioLogs(studioId: $studioId, afterOffset: $afterOffset) {
    __typename
    ... on LogChunk { nextOffset text skipped }
  }
}`;

export const CREATE = `mutation Create($input: CreateStudioInput!) { createStudio(input: $input) { __typename ... on StudioPayload { studio { id } } ${OUTCOME} } }`;
export const START = `mutation Start($input: StartStudioInput!) { startStudio(input: $input) { __typename ${OUTCOME} } }`;
export const STOP = `mutation Stop($input: StopStudioInput!) { stopStudio(input: $input) { __typename ${OUTCOME} } }`;
export const FORCE_STOP = `mutation ForceStop($input: StudioActionInput!) { forceStopStudio(input: $input) { __typename ${OUTCOME} } }`;
export const RETRY_BUILD = `mutation RetryBuild($input: StudioActionInput!) { retryBuild(input: $input) { __typename ${OUTCOME} } }`;
export const DELETE = `mutation Delete($input: StudioActionInput!) { deleteStudio(input: $input) { __typename ${OUTCOME} } }`;
export const CONNECT = `mutation Connect($input: StudioActionInput!) { connectStudio(input: $input) { __typename ... on ConnectStudioPayload { url } ${OUTCOME} } }`;
