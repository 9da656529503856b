"""The machine and the processes on it.

Where node_exporter has a name for a figure, it is that name: rules that were written for it work as they are. A
container's limit counts as the machine's where it is tighter.
"""

from ragkeeper.core.instruments import Counter, Gauge, Label, Metric

CPU_MODES = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
ROLES = ("api", "worker", "parser")

_CPU = Label("cpu")
_DEVICE = Label("device")
_FILE_SYSTEM = (_DEVICE, Label("fstype"), Label("mountpoint"))
_ROLE = (Label("role", ROLES),)

CPU_SECONDS = Counter(
    "node_cpu_seconds_total",
    "Time of each processor by what it was spent on.",
    (_CPU, Label("mode", CPU_MODES)),
    "seconds",
)
LOAD_1 = Gauge("node_load1", "Processes that ran or waited, mean of 1 minute.", looked_up=True)
LOAD_5 = Gauge("node_load5", "The same of 5 minutes.", looked_up=True)
LOAD_15 = Gauge("node_load15", "The same of 15 minutes.", looked_up=True)
CLOCK = Gauge("node_time_seconds", "What the machine's clock shows.", unit="seconds", looked_up=True)
CLOCK_STEP = Gauge(
    "rag_clock_step_seconds",
    "By how much the machine's clock was set within the last hour, forward or back.",
    unit="seconds",
    looked_up=True,
)
MEMORY_TOTAL = Gauge(
    "node_memory_MemTotal_bytes",
    "Memory of the machine, or of the container where that has less.",
    unit="bytes",
    looked_up=True,
)
MEMORY_AVAILABLE = Gauge(
    "node_memory_MemAvailable_bytes",
    "What programs can still get of it without swapping.",
    unit="bytes",
    looked_up=True,
)
MEMORY_FREE = Gauge(
    "node_memory_MemFree_bytes", "Memory of the machine that nothing at all is in.", unit="bytes", looked_up=True
)
SWAP_TOTAL = Gauge("node_memory_SwapTotal_bytes", "Swap space.", unit="bytes", looked_up=True)
SWAP_FREE = Gauge("node_memory_SwapFree_bytes", "Swap space that is not used.", unit="bytes", looked_up=True)
NETWORK_RECEIVED = Counter(
    "node_network_receive_bytes_total",
    "Bytes that came in, by network device; `lo` is this machine itself. Those of containers on it are left out.",
    (_DEVICE,),
    "bytes",
)
NETWORK_SENT = Counter(
    "node_network_transmit_bytes_total", "Bytes that went out, by network device.", (_DEVICE,), "bytes"
)
DISK_SIZE = Gauge(
    "node_filesystem_size_bytes", "Size of each file system that the product writes to.", _FILE_SYSTEM, "bytes"
)
DISK_AVAILABLE = Gauge(
    "node_filesystem_avail_bytes", "What the server's user can still write to it.", _FILE_SYSTEM, "bytes"
)
DISK_FREE = Gauge("node_filesystem_free_bytes", "The same with what is reserved for root.", _FILE_SYSTEM, "bytes")
INODES = Gauge("node_filesystem_files", "Files that it can hold; 0 where there is no such limit.", _FILE_SYSTEM)
INODES_FREE = Gauge("node_filesystem_files_free", "Files that it can still hold.", _FILE_SYSTEM)
DISK_READ_ONLY = Gauge("node_filesystem_readonly", "1 while it is mounted read-only.", _FILE_SYSTEM)

PROCESSORS = Gauge(
    "rag_usable_processors", "Processors that the server may use, a container's share included.", looked_up=True
)
MACHINE_MEMORY = Gauge(
    "rag_machine_memory_bytes", "Memory of the machine, whatever a container has.", unit="bytes", looked_up=True
)
CONTAINER_MEMORY = Gauge(
    "rag_container_memory_limit_bytes", "The container's limit; NaN where there is none.", unit="bytes", looked_up=True
)
PROCESSES = Gauge("rag_processes", "Processes of the server, by what they do.", _ROLE)
PROCESS_CPU = Counter(
    "rag_process_cpu_seconds_total",
    "Processor time: `api`, which answers; `worker`, which cuts and embeds documents, does jobs and builds an index; "
    "`parser`, which reads files.",
    _ROLE,
    "seconds",
)
PROCESS_MEMORY = Gauge("rag_process_resident_memory_bytes", "Memory in use, shared pages included.", _ROLE, "bytes")
PROCESS_OWN_MEMORY = Gauge("rag_process_unique_memory_bytes", "Memory that ends with the process.", _ROLE, "bytes")
PROCESS_READ = Counter("rag_process_read_bytes_total", "Bytes read from disks.", _ROLE, "bytes")
PROCESS_WRITTEN = Counter("rag_process_written_bytes_total", "Bytes written to disks.", _ROLE, "bytes")
PROCESS_FILES = Gauge("rag_process_open_files", "Open files and connections.", _ROLE)
PROCESS_MOST_FILES = Gauge("rag_process_max_open_files", "How many one process may have open.", looked_up=True)
PROCESS_THREADS = Gauge("rag_process_threads", "Threads.", _ROLE)

TABLE: tuple[Metric, ...] = (
    CPU_SECONDS,
    LOAD_1,
    LOAD_5,
    LOAD_15,
    CLOCK,
    CLOCK_STEP,
    MEMORY_TOTAL,
    MEMORY_AVAILABLE,
    MEMORY_FREE,
    SWAP_TOTAL,
    SWAP_FREE,
    NETWORK_RECEIVED,
    NETWORK_SENT,
    DISK_SIZE,
    DISK_AVAILABLE,
    DISK_FREE,
    INODES,
    INODES_FREE,
    DISK_READ_ONLY,
    PROCESSORS,
    MACHINE_MEMORY,
    CONTAINER_MEMORY,
    PROCESSES,
    PROCESS_CPU,
    PROCESS_MEMORY,
    PROCESS_OWN_MEMORY,
    PROCESS_READ,
    PROCESS_WRITTEN,
    PROCESS_FILES,
    PROCESS_MOST_FILES,
    PROCESS_THREADS,
)
