"""`python -m wingbeat.cli`."""

import sys

from wingbeat.cli import main

sys.exit(main())
