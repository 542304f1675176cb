"""Attempts to read, change or replace files outside."""

import ctypes
import os
import stat

from .table import LIBC, Aim, attempt, read, system_call, write


def unchanged(world) -> bool:
    return world.is_tampered_with()


@attempt("depends")
def read_shadow(aim: Aim) -> bool:
    """read /etc/shadow"""
    return "root:" in read("/etc/shadow")


@attempt()
def read_ssh_key(aim: Aim) -> bool:
    """read a private key in ~/.ssh"""
    return aim["token"] in read(f"{aim['home']}/.ssh/id_ed25519")


@attempt()
def list_home(aim: Aim) -> bool:
    """list the user's home folder"""
    return ".ssh" in os.listdir(aim["home"])


@attempt()
def read_study(aim: Aim) -> bool:
    """read the study"""
    return aim["token"] in read(f"{aim['study']}/study.db")


@attempt()
def read_another_candidate(aim: Aim) -> bool:
    """read another candidate's code"""
    return aim["token"] in read(f"{aim['study']}/candidate-1/model.py")


@attempt()
def read_validation_answers(aim: Aim) -> bool:
    """read the answers, beside the training data"""
    return aim["token"] in read(f"{aim['data']}/../answers.npy")


@attempt()
def read_by_a_symbolic_link(aim: Aim) -> bool:
    """make a symbolic link to a secret and read it"""
    os.symlink(aim["secret"], "link")
    return aim["token"] in read("link")


@attempt()
def read_by_a_link_in_the_code(aim: Aim) -> bool:
    """read a secret by a link that the candidate's folder contains"""
    return aim["token"] in read(f"{aim['code']}/link")


@attempt("depends")
def read_by_a_hard_link(aim: Aim) -> bool:
    """make a hard link to a secret and read it"""
    os.link(aim["secret"], "hard")
    return aim["token"] in read("hard")


@attempt()
def read_by_parents(aim: Aim) -> bool:
    """climb to the root by `..` and read a secret"""
    return aim["token"] in read("../" * 40 + aim["secret"].lstrip("/"))


@attempt()
def read_by_own_root(aim: Aim) -> bool:
    """read a secret by /proc/self/root"""
    return aim["token"] in read(f"/proc/self/root{aim['secret']}")


@attempt("depends")
def read_by_root_of_a_process(aim: Aim) -> bool:
    """read a secret by /proc/PID/root of another process"""
    return aim["token"] in read(f"/proc/{aim['victim']}/root{aim['secret']}")


@attempt("depends")
def read_by_root_of_process_1(aim: Aim) -> bool:
    """read a secret by /proc/1/root"""
    return aim["token"] in read(f"/proc/1/root{aim['secret']}")


@attempt("depends")
def read_by_folder_of_a_process(aim: Aim) -> bool:
    """read a secret by /proc/PID/cwd of another process"""
    return aim["token"] in read(f"/proc/{aim['victim']}/cwd/secret")


@attempt("depends")
def read_by_descriptors_of_a_process(aim: Aim) -> bool:
    """open a file that another process has open, by /proc/PID/fd"""
    folder = f"/proc/{aim['victim']}/fd"
    return any(
        aim["token"] in read(f"{folder}/{name}")
        for name in os.listdir(folder)
        if os.path.isfile(f"{folder}/{name}")
    )


@attempt()
def read_by_a_path_descriptor(aim: Aim) -> bool:
    """open a secret with O_PATH and open it again by /proc/self/fd"""
    number = os.open(aim["secret"], os.O_PATH)
    return aim["token"] in read(f"/proc/self/fd/{number}")


@attempt()
def read_below_a_folder_descriptor(aim: Aim) -> bool:
    """open the root folder and a secret relative to it"""
    root = os.open("/", os.O_PATH)
    number = os.open(aim["secret"].lstrip("/"), os.O_RDONLY, dir_fd=root)
    return aim["token"].encode() in os.read(number, 1000)


@attempt()
def read_by_another_program(aim: Aim) -> bool:
    """read a secret by `cat`"""
    return aim["token"] in os.popen(f"cat {aim['secret']}").read()


@attempt("depends")
def read_by_a_file_handle(aim: Aim) -> bool:
    """open_by_handle_at of a file handle"""
    handle = ctypes.create_string_buffer(136)
    ctypes.c_uint32.from_buffer(handle).value = 128
    mount = ctypes.c_int()
    path = aim["secret"].encode()
    system_call(303, 264, -100, path, handle, ctypes.byref(mount), 0)
    folder = os.open(os.path.dirname(aim["secret"]), os.O_RDONLY)
    number = system_call(304, 265, folder, handle, os.O_RDONLY)
    return aim["token"].encode() in os.read(number, 1000)


@attempt("depends")
def read_the_disk(aim: Aim) -> bool:
    """make a device file of the disk and read it"""
    device = os.stat(aim["home"]).st_dev
    os.mknod("disk", stat.S_IFBLK | 0o600, device)
    with open("disk", "rb") as file:
        return len(file.read(512)) == 512


@attempt("depends")
def read_kernel_messages(aim: Aim) -> bool:
    """read /dev/kmsg or /dev/mem"""
    for name in ("/dev/kmsg", "/dev/mem"):
        try:
            os.close(os.open(name, os.O_RDONLY | os.O_NONBLOCK))
        except OSError:
            continue
        return True
    return False


@attempt(evidence=unchanged)
def write_code(aim: Aim) -> bool:
    """append to the candidate's code"""
    return write(f"{aim['code']}/model.py")


@attempt(evidence=unchanged)
def replace_code(aim: Aim) -> bool:
    """move another file over the candidate's code"""
    write("new.py", aim["token"], "w")
    os.replace("new.py", f"{aim['code']}/model.py")
    return True


@attempt(evidence=unchanged)
def add_compiled_code(aim: Aim) -> bool:
    """add a file to __pycache__ of the candidate's code"""
    os.makedirs(f"{aim['code']}/__pycache__", exist_ok=True)
    return write(f"{aim['code']}/__pycache__/model.pyc")


@attempt(evidence=unchanged)
def write_data(aim: Aim) -> bool:
    """change training data"""
    return write(f"{aim['data']}/train.bin")


@attempt(evidence=unchanged)
def truncate_data(aim: Aim) -> bool:
    """truncate training data"""
    os.truncate(f"{aim['data']}/train.bin", 0)
    return True


@attempt(evidence=unchanged)
def delete_data(aim: Aim) -> bool:
    """delete training data"""
    os.unlink(f"{aim['data']}/spare.bin")
    return True


@attempt(evidence=unchanged)
def change_permissions_of_data(aim: Aim) -> bool:
    """change permissions of the data, then the data"""
    os.chmod(f"{aim['data']}/train.bin", 0o600)
    return True


@attempt(evidence=unchanged)
def change_times_of_data(aim: Aim) -> bool:
    """set the time of the data back"""
    os.utime(f"{aim['data']}/train.bin", (0, 0))
    return True


@attempt(evidence=unchanged)
def write_study(aim: Aim) -> bool:
    """write a better score into the study"""
    return write(f"{aim['study']}/study.db")


@attempt(evidence=unchanged)
def write_a_score_file(aim: Aim) -> bool:
    """add a file to the study's folder"""
    return write(f"{aim['study']}/score.json")


@attempt(evidence=lambda world: world.common_file.exists())
def write_common_folder(aim: Aim) -> bool:
    """leave a file in /tmp for the next candidate"""
    return write(aim["common_file"])


@attempt("depends")
def write_setting_of_the_kernel(aim: Aim) -> bool:
    """write /proc/sys/kernel/core_pattern (what it holds already)"""
    path = "/proc/sys/kernel/core_pattern"
    return write(path, read(path), "w")


@attempt("depends")
def mount(aim: Aim) -> bool:
    """mount a file system"""
    os.mkdir("mounted")
    if LIBC.mount(b"none", b"mounted", b"tmpfs", 0, None) < 0:
        return False
    LIBC.umount2(b"mounted", 2)
    return True


@attempt("unsafe")
def remount(aim: Aim) -> bool:
    """remount the code writable"""
    return LIBC.mount(None, aim["code"].encode(), None, 32 | 4096, None) == 0


@attempt("unsafe")
def unmount(aim: Aim) -> bool:
    """unmount a file system to see what is below it"""
    return any(LIBC.umount2(path, 2) == 0 for path in (b"/tmp", b"/proc", b"/dev"))


@attempt("depends")
def change_root(aim: Aim) -> bool:
    """chroot"""
    os.chroot(".")
    return True


@attempt("depends")
def become_root(aim: Aim) -> bool:
    """setuid(0)"""
    os.setuid(0)
    return True


@attempt("depends")
def become_root_by_a_program(aim: Aim) -> bool:
    """execute a program that is set-user-id"""
    programs = [name for name in ("/usr/bin/su", "/usr/bin/mount") if os.path.exists(name)]
    no_new_privileges = LIBC.prctl(39, 0, 0, 0, 0) == 1
    return not no_new_privileges and any(os.stat(name).st_mode & stat.S_ISUID for name in programs)
