"""The figures that are taken of every run."""

from benchmark.measure import Measure
from benchmark.measures.peak_memory import PeakMemory
from benchmark.measures.rows_per_second import RowsPerSecond
from benchmark.measures.wall_seconds import WallSeconds

RATE = RowsPerSecond()
TAKEN: tuple[Measure, ...] = (RATE, WallSeconds(), PeakMemory())
