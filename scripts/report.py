#!/usr/bin/env python3
"""Makes a page of measured results: scripts/report.py --help.

The program is convbench's own, which `convbench bench --report` runs.
"""

import os
import runpy

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

runpy.run_path(
    os.path.join(ROOT, "Sources", "convbench", "Report", "ReportPage"),
    run_name="__main__")
