"""The limits of what a request may ask for. Validation, messages and the API's descriptions read them here."""

MAX_NAME_LENGTH = 80
"""Characters in the name of a Studio, checkpoint, workspace, template or access token, without outer blanks (B15, B32, B94)."""
MAX_DESCRIPTION_LENGTH = 2048
"""Characters in a Studio's description (B15)."""
MAX_LABELS = 25
"""Labels of one Studio (B86)."""
MIN_LABEL_LENGTH, MAX_LABEL_LENGTH = 2, 39
"""Characters in the key, and in the value, of a label."""
MAX_CONDA_ENVIRONMENT_LENGTH = 2048
"""Characters in the text of a Studio's Conda environment (B76)."""
MAX_LIFESPAN_HOURS = 120
"""Hours after which a session is stopped at the latest, unless its lifespan is 0, which means unlimited (B13)."""
MAX_GRACE_SECONDS = 3600
"""Seconds between the request to stop a Studio and the stop: a longer plan is a lifespan (B57)."""
MAX_ENV_VARS = 100
"""Environment variables of one Studio (B16)."""
MAX_ENV_VAR_KEY_LENGTH = 255
"""Characters in the key of an environment variable."""
MAX_ENV_VAR_BYTES = 32 * 1024
"""Bytes in the value of an environment variable, in UTF-8."""
MIN_CPU = 0.01
"""Cores: the least that an engine can limit. Less would be rounded to 0, which is no limit."""
MIN_MEMORY_MIB = 64
"""MiB of memory: no tool starts in less."""
MAX_CPU, MAX_MEMORY_MIB, MAX_GPU = 4096, 2**26, 64
"""Cores, MiB and GPUs of any machine there is: what a request may ask for where the compute environment's capacity is not known."""
MAX_IDLE_MINUTES = 7 * 24 * 60
"""Minutes without use that a workspace can set as its idle limit: a week (B93)."""
MIN_CHECKPOINT_INTERVAL_SECONDS, MAX_CHECKPOINT_INTERVAL_SECONDS = 10, 24 * 60 * 60
"""Seconds between two saves of a running session that a workspace can set: a save may pause the session (B93)."""
MAX_KEPT_CHECKPOINTS = 10_000
"""The number of checkpoints of each Studio that a workspace can set to be kept (B35)."""
MAX_QUOTA = 2**31 - 1
"""The largest limit of a quota: what an Int of GraphQL and a column of the databases hold (B18)."""
MAX_TEMPLATES = 200
"""Templates of one workspace: a list of them has no pages."""
MAX_IMAGE_LENGTH = 512
"""Characters in the image of a template, which is a reference or a command line."""
MAX_READY_PATH_LENGTH = 512
"""Characters in the path at which a tool shows that it is ready."""
MAX_ICON_URL_LENGTH = 2048
"""Characters in the https URL of an icon."""
MAX_ICON_DATA_LENGTH = 32 * 1024
"""Characters in the data URL of an icon, which every list of templates carries."""
MAX_IDEMPOTENCY_KEY_LENGTH = 128
"""Characters in an idempotency key (B95); its column is as wide."""
IDEMPOTENCY_KEY_LIFETIME_HOURS = 24
"""Hours for which a repeated call with an idempotency key gets the first result (B95)."""
