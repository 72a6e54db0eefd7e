// The GraphQL documents of the page `/`.

const CARD_FRAGMENT = `fragment CardFields on Studio {
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

const ERROR_FIELDS = "... on Error { code message field }";
const PROBLEM_FIELDS = "... on Error { code message field } ... on InvalidInputError { problems { field message } }";

const EVENT_FRAGMENT = `fragment EventFields on Event {
  __typename cursor at actor { name cause }
  ... on StudioEvent { studioName studioId }
  ... on MemberEvent { user { displayName } role }
  ... on TemplateEvent { templateChange: change templateName }
  ... on StudioStatusEvent { previousStatus status statusMessage stopReason }
  ... on CheckpointEvent { checkpointChange: change checkpointName }
  ... on MigrationEvent { migrationState: state }
  ... on ConnectedUsersEvent { presenceChange: change user { displayName } }
  ... on ConnectionErrorEvent { reason }
  ... on DisruptionWarningEvent { reason }
}`;

export const VIEWER = `query Viewer {
  viewer {
    userName displayName
    memberships {
      role
      workspace {
        id name eventCursor viewerCanCreateStudios
        settings { lifespanHours }
        templates { id name status recipe }
        computeEnvironments { id name enabled capacity { cpu memoryMiB gpu } }
        events(first: 20) { nodes { ...EventFields } }
      }
    }
  }
}
${EVENT_FRAGMENT}`;

export const STUDIOS = `subscription Studios($workspaceId: ID!) {
  studios(workspaceId: $workspaceId) {
    __typename
    ... on StudioListSnapshot { studios { ...CardFields } }
    ... on StudioEntered { studio { ...CardFields } }
    ... on StudioChanged { studio { ...CardFields } }
    ... on StudioLeft { studioId }
  }
}
${CARD_FRAGMENT}`;

export const EVENTS = `subscription Events($workspaceId: ID!, $after: Cursor) {
  studioEvents(scope: { workspaceId: $workspaceId }, after: $after) {
    ...EventFields
    ... on Heartbeat { cursor }
    ... on Resync { cursor }
  }
}
${EVENT_FRAGMENT}`;

export const LOGS = `subscription Logs($studioId: ID!, $afterOffset: BigInt) {
  studioLogs(studioId: $studioId, afterOffset: $afterOffset) {
    __typename
    ... on LogChunk { nextOffset text skipped }
  }
}`;

export const STUDIO = `query Studio($studioId: ID!) {
  studio(id: $studioId) {
    id name status description revision createdAt
    availableActions { action allowed reason }
    owner { displayName }
    template { name toolVersion status recipe }
    computeEnvironment { name }
    configuration { cpu memoryMiB gpu lifespanHours condaEnvironment environment { key value secret } }
    checkpoints(first: 50) {
      totalCount
      nodes {
        id name status savedAt size pauseSeconds inherited
        author { displayName } parent { name } studio { name }
        neededBy { kind studio { name } }
      }
    }
    lineage { ancestors { name studio { id name } } derived { studio { id name } checkpoint { name } } }
    migrationAttempts {
      state createdAt originalName studioName actor { name }
      original { id name } studio { id name }
      fromTemplate { name } toTemplate { name } checkpoint { name }
      issues { kind message commands }
    }
  }
  migrationPlan(studioId: $studioId) {
    canMigrate
    blockers { code message }
    fromTemplate { name } toTemplate { name } checkpoint { name }
    differences { kind before after }
  }
}`;

export const QUOTAS = `query Quotas($workspaceId: ID!) {
  node(id: $workspaceId) { ... on Workspace { quotas { resource scope limit used computeEnvironment { name } } } }
}`;

export const PREVIEW_CLONE = `query PreviewClone($input: CloneStudioInput!) {
  previewClone(input: $input) {
    lockedFields
    refusals { code message field }
    wouldCreate {
      description cpu memoryMiB gpu lifespanHours
      environment { key value secret }
      checkpoint { name } template { name } computeEnvironment { name }
    }
  }
}`;

export const CHECKPOINT_NOW = `mutation CheckpointNow($input: CheckpointNowInput!) { checkpointNow(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const RENAME_CHECKPOINT = `mutation RenameCheckpoint($input: RenameCheckpointInput!) { renameCheckpoint(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const DELETE_CHECKPOINT = `mutation DeleteCheckpoint($input: DeleteCheckpointInput!) { deleteCheckpoint(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const CLONE = `mutation Clone($input: CloneStudioInput!) { cloneStudio(input: $input) { __typename ... on StudioPayload { studio { id name } } ${PROBLEM_FIELDS} } }`;

export const MIGRATE = `mutation Migrate($input: MigrateStudioInput!) { migrateStudio(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const DISCARD_MIGRATION = `mutation DiscardMigration($input: DiscardMigrationInput!) { discardMigration(input: $input) { __typename ${ERROR_FIELDS} } }`;

export const CREATE = `mutation Create($input: CreateStudioInput!) { createStudio(input: $input) { __typename ... on StudioPayload { studio { id } } ${PROBLEM_FIELDS} } }`;
export const UPDATE = `mutation Update($input: UpdateStudioInput!) { updateStudio(input: $input) { __typename ${PROBLEM_FIELDS} } }`;
export const START = `mutation Start($input: StartStudioInput!) { startStudio(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const STOP = `mutation Stop($input: StopStudioInput!) { stopStudio(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const FORCE_STOP = `mutation ForceStop($input: StudioActionInput!) { forceStopStudio(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const RETRY_BUILD = `mutation RetryBuild($input: StudioActionInput!) { retryBuild(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const DELETE = `mutation Delete($input: StudioActionInput!) { deleteStudio(input: $input) { __typename ${ERROR_FIELDS} } }`;
export const CONNECT = `mutation Connect($input: StudioActionInput!) { connectStudio(input: $input) { __typename ... on ConnectStudioPayload { url } ${ERROR_FIELDS} } }`;
