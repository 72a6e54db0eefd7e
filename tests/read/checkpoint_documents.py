"""Documents that read everything that is known of checkpoints."""

CHECKPOINTS = """
query ($id: ID!) { studio(id: $id) {
  checkpoints(first: 100, search: "analysis") { totalCount nodes {
    name status size savedAt pauseSeconds inherited author { userName } parent { name } studio { name } neededBy { kind studio { name } }
  } }
  lineage { ancestors { name } derived { studio { name } } }
} }
"""
