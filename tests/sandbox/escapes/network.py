"""Attempts to reach a network, or any process by a socket."""

import ctypes
import mmap
import os
import socket

from .table import Aim, attempt, system_call


def heard(name: str):
    return lambda world: name in world.heard()


def _send(family: int, kind: int, address, name: str) -> bool:
    with socket.socket(family, kind) as sender:
        sender.settimeout(2)
        sender.connect(address)
        sender.send(name.encode())
    return True


@attempt(evidence=heard("tcp"))
def tcp(aim: Aim) -> bool:
    """TCP to a server of this machine"""
    return _send(socket.AF_INET, socket.SOCK_STREAM, ("127.0.0.1", aim["tcp"]), "tcp")


@attempt("depends", evidence=heard("tcp6"))
def tcp6(aim: Aim) -> bool:
    """TCP over IPv6"""
    return _send(socket.AF_INET6, socket.SOCK_STREAM, ("::1", aim["tcp6"]), "tcp6")


@attempt(evidence=heard("udp"))
def udp(aim: Aim) -> bool:
    """UDP, which Landlock does not know"""
    return _send(socket.AF_INET, socket.SOCK_DGRAM, ("127.0.0.1", aim["udp"]), "udp")


@attempt("depends", evidence=heard("udp6"))
def udp6(aim: Aim) -> bool:
    """UDP over IPv6"""
    return _send(socket.AF_INET6, socket.SOCK_DGRAM, ("::1", aim["udp6"]), "udp6")


@attempt(evidence=heard("unix"))
def unix(aim: Aim) -> bool:
    """a socket in the file system, as of Docker or PostgreSQL"""
    return _send(socket.AF_UNIX, socket.SOCK_STREAM, aim["unix"], "unix")


@attempt(evidence=heard("unix-readable"))
def unix_in_a_readable_folder(aim: Aim) -> bool:
    """a socket in a folder that may be read"""
    return _send(socket.AF_UNIX, socket.SOCK_STREAM, aim["unix-readable"], "unix-readable")


@attempt(evidence=heard("abstract"))
def abstract_unix(aim: Aim) -> bool:
    """an abstract socket, as of X11 or D-Bus"""
    return _send(socket.AF_UNIX, socket.SOCK_STREAM, f"\0{aim['abstract']}", "abstract")


@attempt(evidence=heard("shell"))
def tcp_of_the_shell(aim: Aim) -> bool:
    """TCP by another program, /dev/tcp of bash"""
    return os.system(f"bash -c 'echo shell > /dev/tcp/127.0.0.1/{aim['tcp']}' 2>/dev/null") == 0


@attempt("depends")
def domain_name(aim: Aim) -> bool:
    """ask a name server"""
    return bool(socket.getaddrinfo("example.org", 443))


@attempt("depends")
def far_datagram(aim: Aim) -> bool:
    """send a datagram to a name server far away"""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("9.9.9.9", 53)) == 1


@attempt()
def listen(aim: Aim) -> bool:
    """listen for connections"""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
    return True


def _opens(family: int, kind: int = socket.SOCK_RAW, protocol: int = 0) -> bool:
    with socket.socket(family, kind, protocol):
        return True


@attempt("depends")
def netlink(aim: Aim) -> bool:
    """a netlink socket: interfaces and routes of the machine"""
    return _opens(socket.AF_NETLINK)


@attempt("depends")
def packet(aim: Aim) -> bool:
    """a packet socket: everything on the wire"""
    return _opens(socket.AF_PACKET)


@attempt("depends")
def icmp(aim: Aim) -> bool:
    """a raw socket: ping"""
    return _opens(socket.AF_INET, socket.SOCK_RAW, 1)


@attempt("depends")
def vsock(aim: Aim) -> bool:
    """a socket to the host of a virtual machine"""
    return _opens(40, socket.SOCK_STREAM)


@attempt("depends")
def kernel_crypto(aim: Aim) -> bool:
    """a socket of the kernel's crypto"""
    return _opens(38, socket.SOCK_SEQPACKET)


@attempt("depends")
def bluetooth(aim: Aim) -> bool:
    """a Bluetooth socket"""
    return _opens(31, socket.SOCK_RAW, 1)


@attempt("depends")
def io_uring(aim: Aim) -> bool:
    """io_uring, which makes sockets without `socket`"""
    return system_call(425, 425, 4, ctypes.create_string_buffer(120)) >= 0


@attempt("depends")
def socket_of_x32(aim: Aim) -> bool:
    """`socket` by its x32 number"""
    return system_call(0x40000000 + 41, 198, socket.AF_INET, socket.SOCK_STREAM, 0) >= 0


@attempt("depends")
def socket_of_32_bits(aim: Aim) -> bool:
    """`socket` by the 32-bit entry of the kernel"""
    if os.uname().machine != "x86_64":
        return False
    code = (
        b"\x53\xb8\x67\x01\x00\x00\xbb\x02\x00\x00\x00\xb9\x01\x00\x00\x00\x31\xd2\xcd\x80\x5b\xc3"
    )
    page = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    page.write(code)
    address = ctypes.addressof(ctypes.c_char.from_buffer(page))
    return ctypes.CFUNCTYPE(ctypes.c_int)(address)() >= 0
