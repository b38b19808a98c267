"""The figures that are taken of every run."""

from benchmark.measures.growth import Growth
from benchmark.measures.measure import Measure
from benchmark.measures.peak_memory import PeakMemory
from benchmark.measures.rows_per_second import RowsPerSecond
from benchmark.measures.wal_per_row import WalPerRow
from benchmark.measures.wall_seconds import WallSeconds

RATE = RowsPerSecond()
MEMORY = PeakMemory()
HEAP = Growth("heap", "pg_table_size")
INDEXES = Growth("index", "pg_indexes_size")
WAL = WalPerRow()
TAKEN: tuple[Measure, ...] = (
    RATE,
    WallSeconds(),
    MEMORY,
    HEAP,
    INDEXES,
    WAL,
)
