"""Attempts to tell a later process something: which pages of a file are in memory.

All processes share these pages. One process drops some of them, and another one, which should know
nothing of the first, sees which ones are there: a bit for each.
"""

import ctypes
import mmap
import os

from .table import LIBC, Aim, attempt, system_call

PAGE_OUT = 21


@attempt()
def drop_pages_of_a_file(aim: Aim) -> bool:
    """drop pages of a file from memory (posix_fadvise)"""
    with open(os.__file__, "rb") as file:
        os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


@attempt()
def drop_mapped_pages_of_a_file(aim: Aim) -> bool:
    """drop pages of a file from memory (madvise)"""
    with (
        open(os.__file__, "rb") as file,
        mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as mapped,
    ):
        mapped.madvise(PAGE_OUT)
    return True


@attempt("depends")
def see_a_page_in_memory(aim: Aim) -> bool:
    """read a page of a file only if it is in memory (preadv2)"""
    with open(os.__file__, "rb") as file:
        try:
            return os.preadv(file.fileno(), [bytearray(1)], 0, os.RWF_NOWAIT) == 1
        except BlockingIOError:  # that is an answer, too
            return True


@attempt()
def see_mapped_pages_in_memory(aim: Aim) -> bool:
    """ask which pages of a file are in memory (mincore)"""
    size = os.sysconf("SC_PAGE_SIZE")
    LIBC.mmap.restype = ctypes.c_void_p
    with open(os.__file__, "rb") as file:
        place = LIBC.mmap(None, size, mmap.PROT_READ, mmap.MAP_SHARED, file.fileno(), 0)
    found = ctypes.create_string_buffer(1)
    return system_call(27, 232, ctypes.c_void_p(place), size, found) == 0


@attempt("depends")
def count_pages_in_memory(aim: Aim) -> bool:
    """count the pages of a file that are in memory (cachestat)"""
    all_of_it, found = (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)()
    with open(os.__file__, "rb") as file:
        return system_call(451, 451, file.fileno(), all_of_it, found, 0) == 0
