"""How many heaps a process of many threads has; in processes of their own, because the setting cannot be undone."""

import subprocess
import sys

PROGRAM = """
import ctypes, threading
from magnum.cmd.heap import share_one_heap
if {shared}:
    share_one_heap()
there, leave = threading.Barrier(9), threading.Event()
def allocate():
    kept = ctypes.CDLL(None).malloc(1000)
    there.wait()
    leave.wait()
threads = [threading.Thread(target=allocate) for _ in range(8)]
for thread in threads:
    thread.start()
there.wait()
# What a heap may grow to is reserved: 64 MiB, of which next to nothing is readable.
print(sum(1 for line in open("/proc/self/maps") if is_reserved(line)))
leave.set()
"""
IS_RESERVED = """
def is_reserved(line):
    first, last = (int(end, 16) for end in line.split()[0].split("-"))
    return line.split()[1] == "---p" and 60 << 20 < last - first <= 64 << 20
"""


def heaps(*, shared: bool) -> int:
    program = IS_RESERVED + PROGRAM.format(shared=shared)
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True, timeout=60)
    return int(done.stdout)


def test_threads_share_one_heap():
    assert heaps(shared=False) > 1
    assert heaps(shared=True) == 0
