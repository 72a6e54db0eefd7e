"""How long documents of allowed size hold the event loop until they are ready or refused. The bound is 50 ms.

python -m benchmarks.bench_validation
"""

import gc
import time
from contextlib import suppress

from schema.build import build_schema, core_schema
from schema.documents import Documents
from schema.limits import Limits
from schema.request_errors import OperationRejected
from tests.contract.adversarial_documents import alone, mixed

SHOWN = 10
MIXED = 500


def main() -> None:
    """Prints the slowest documents, in milliseconds of processor time."""
    api = core_schema(build_schema())
    documents = alone() | {f"mixed {seed}": mixed(seed) for seed in range(MIXED)}
    taken: dict[str, float] = {}
    for name, text in documents.items():
        gc.collect()  # a collection of all objects belongs to no single document
        cache = Documents(api, Limits(), suggestions=True)
        started = time.process_time()
        with suppress(OperationRejected):
            cache.get(text)
        taken[name] = (time.process_time() - started) * 1000
    for name in sorted(taken, key=taken.__getitem__, reverse=True)[:SHOWN]:
        print(f"{taken[name]:6.1f} ms  {name}")


if __name__ == "__main__":
    main()
