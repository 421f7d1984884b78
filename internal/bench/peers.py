"""Print how many seconds a parser takes for the files named in a list: MODULE LIST RUNS.

The median of some runs, the files held in memory, imports not counted.
"""

import statistics
import sys
import time
from pathlib import Path

module, file_list, runs = sys.argv[1:]
sources = [Path(name).read_bytes() for name in Path(file_list).read_text().split("\n")]
if module == "ast":
    from ast import parse
else:
    from libcst import parse_module as parse  # pyright: ignore[reportMissingImports]

seconds: list[float] = []
for _ in range(int(runs)):
    start = time.perf_counter()
    for source in sources:
        parse(source)
    seconds.append(time.perf_counter() - start)
print(statistics.median(seconds))
