"""How a process keeps its memory; in processes of their own, because the settings cannot be undone."""

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


FREED_AND_WANTED_AGAIN = """
import ctypes
from magnum.cmd.heap import share_one_heap
if {told}:
    share_one_heap()
libc = ctypes.CDLL(None)
libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
libc.free(libc.malloc(8 << 20))
block = libc.malloc(4 << 20)
[heap] = [line.split()[0] for line in open("/proc/self/maps") if line.endswith("[heap]\\n")]
first, last = (int(end, 16) for end in heap.split("-"))
print(first <= block < last)
"""


def keeps_what_was_large(*, told: bool) -> bool:
    command = [sys.executable, "-c", FREED_AND_WANTED_AGAIN.format(told=told)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return done.stdout == "True\n"


def test_large_blocks_go_back_to_the_system_though_one_was_freed_before():
    assert keeps_what_was_large(told=False)
    assert not keeps_what_was_large(told=True)
