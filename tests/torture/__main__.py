"""`python -m tests.torture`; see `tests.torture.run`."""

import os
import sys

if __name__ == "__main__":
    # Before torch and numpy are imported: threads of theirs would not survive a fork.
    os.environ |= {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}

    from tests.torture.run import main

    sys.exit(main())
