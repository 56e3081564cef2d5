"""Programs that try to reach the host, its processes, network, files and rights: none succeeds."""

from __future__ import annotations

import os
import platform
import signal
import socket
from pathlib import Path

import pytest
from sandbox_attempts import LIMITS, held, needs_sandbox, run

from arcmill.sandbox import Limits, Sandbox
from arcmill.sandbox.launch import NOBODY, interpreter, readable


@needs_sandbox
def test_no_network(sandbox):
    with socket.socket() as server, socket.socket(socket.AF_UNIX) as abstract:
        server.bind(("127.0.0.1", 0))
        server.listen()
        name = f"arcmill-test-{os.getpid()}"
        abstract.bind(f"\0{name}")
        abstract.listen()
        port = server.getsockname()[1]
        held(run(sandbox, f"""
            attempt(socket.create_connection, ("127.0.0.1", {port}), 1)
            attempt(socket.create_connection, ("1.1.1.1", 53), 1)
            attempt(socket.getaddrinfo, "example.org", 80)
            attempt(lambda: socket.socket(socket.AF_UNIX).connect("\\0{name}"))
            for family in (socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK, socket.AF_PACKET, 40, 38):  # vsock, alg
                for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM, socket.SOCK_RAW):
                    attempt(socket.socket, family, kind)
            """), 20)  # fmt: skip


@needs_sandbox
def test_unix_sockets_of_the_host_are_out_of_reach(sandbox, tmp_path):
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(tmp_path / "s"))
        server.listen()
        os.chmod(tmp_path / "s", 0o777)
        held(run(sandbox, f"attempt(socket.socket(socket.AF_UNIX).connect, {str(tmp_path / 's')!r})"))


@needs_sandbox
def test_nothing_of_the_host_can_be_read(sandbox, tmp_path):
    (tmp_path / "secret").write_text("secret")
    paths = [
        "/etc/shadow", "/etc/passwd", "/etc/hostname", str(Path.home()), str(tmp_path / "secret"), str(Path.cwd()),
        __file__, "/proc/self/environ", "/proc/1/environ", "/proc/self/mem", "/proc/kcore", "/proc/net/tcp", "/proc/cpuinfo",
        "/sys/kernel", "/sys/class/net", "/run", "/var/log", "/root", "/home", "/boot", "/usr/bin/env", "/bin/sh",
        "/dev/sda", "/dev/vda", "/dev/mem", "/dev/kmsg", "/dev/tty", "/dev/pts", "/dev/fuse", "/dev/kvm", "/dev/net/tun",
        "../../etc/shadow", "/proc/self/root/etc/shadow", "/proc/self/cwd", "/proc/self/fd/0", "/tmp/../etc/shadow",
    ]  # fmt: skip
    held(run(sandbox, f"""
        for path in {paths!r}:
            attempt(lambda: os.listdir(path) if os.path.isdir(path) else open(path, "rb").read(9))
        """), len(paths))  # fmt: skip


@needs_sandbox
def test_only_the_interpreter_s_paths_are_there(sandbox):
    program = """
    seen = []
    for folder, folders, files in os.walk("/"):
        if folder.startswith(LIBRARY): folders.clear()
        else: seen += [os.path.join(folder, name) for name in files]
    print(*sorted(seen), sep="\\n")
    """
    python = interpreter()
    shown = run(sandbox, program.replace("LIBRARY", repr(python.library))).stdout.decode().split()
    devices = {f"/dev/{name}" for name in ("null", "zero", "full", "random", "urandom")}
    known = {*devices, python.executable, *python.libraries, "/etc/ld.so.cache"}
    assert {path for path in shown if not path.startswith("/usr/share/zoneinfo/")} <= known


@needs_sandbox
def test_nothing_can_be_written_outside_tmp(sandbox):
    python = interpreter()
    ran = run(sandbox, f"""
        for path in ["/x", "/dev/x", "/proc/x", "/etc/x", "/usr/x", "/lib/x", {python.library[0]!r} + "/x", "/dev/../x",
                     {python.executable!r}, "/proc/sys/kernel/core_pattern"]:
            attempt(open, path, "w")
        attempt(os.remove, {python.executable!r})
        attempt(os.remove, {python.library[0]!r} + "/os.py")
        attempt(os.rename, {python.library[0]!r}, "/tmp/x")
        attempt(os.chmod, {python.executable!r}, 0o777)
        attempt(os.link, {python.executable!r}, "/tmp/python")
        attempt(os.mkdir, "/new")
        attempt(os.rmdir, "/tmp")
        attempt(os.mknod, "/tmp/device", 0o60666, os.makedev(8, 0))
        attempt(os.truncate, {python.library[0]!r} + "/os.py", 0)
        """)  # fmt: skip
    held(ran, 19)
    assert os.path.getsize(python.executable) > 1000


@needs_sandbox
def test_links_in_tmp_lead_nowhere(sandbox, tmp_path):
    target = tmp_path / "target"
    target.write_text("host")
    held(run(sandbox, f"""
        os.symlink({str(target)!r}, "link"); os.symlink("/", "root"); os.symlink("/proc/self/root", "self")
        for path in ("link", "root{target}", "self{target}", "root/etc/shadow"):
            attempt(lambda: open(path).read())
            attempt(open, path, "w")
        here = os.open("/", os.O_RDONLY)
        for _ in range(50): os.chdir("..")
        attempt(lambda: os.open("../../../.." + {str(target)!r}, os.O_RDONLY, dir_fd=here))
        """), 9)  # fmt: skip
    assert target.read_text() == "host"


@needs_sandbox
@pytest.mark.parametrize("name", ["../x", "/x", "a/../../x", "", "a\0b"])
def test_files_stay_in_the_folder(sandbox, name):
    with pytest.raises(ValueError, match="not a name inside"):
        sandbox.run("", files={name: b""})


@needs_sandbox
def test_the_environment_holds_no_secret(sandbox, monkeypatch):
    monkeypatch.setenv("API_KEY", "secret-value")
    with Sandbox(LIMITS, workers=1) as fresh:
        ran = run(fresh, """
            print("out" if "secret-value" in repr(os.environ) or libc.getenv(b"API_KEY") else "held")
            import sys
            print("out" if "secret-value" in repr(sys.argv + sys.orig_argv) else "held")
            """)  # fmt: skip
    held(ran, 2)


@needs_sandbox
def test_no_descriptor_is_inherited(sandbox, tmp_path):
    with open(tmp_path / "open", "w") as file, socket.socket() as server:
        for shared in (file.fileno(), server.fileno()):
            os.set_inheritable(shared, True)
        with Sandbox(LIMITS, workers=1) as fresh:
            ran = run(fresh, """
                import stat
                for descriptor in range(1024):
                    try: mode = os.fstat(descriptor).st_mode
                    except OSError: continue
                    print("held" if descriptor < 3 and stat.S_ISFIFO(mode) else "out", descriptor, oct(mode))
                attempt(os.write, 0, b"x")
                attempt(os.read, 1, 1)
                """)  # fmt: skip
    held(ran, 5)


@needs_sandbox
def test_the_host_s_processes_are_neither_seen_nor_signalled(sandbox):
    # 1 and 2 are the sandbox's own; a test run whose shell has ended is a child of the host's 1.
    ours = [process for process in (os.getpid(), os.getppid()) if process > 2]
    ran = run(sandbox, f"""
        for process in [*{ours}, *range(3, 3000)]:
            try: os.kill(process, 0)
            except ProcessLookupError: continue
            print("out", process)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.kill(1, signal.SIGKILL)
        os.kill(1, signal.SIGTERM)
        attempt(os.kill, -1, signal.SIGTERM)
        print("held" if os.getppid() == 0 and os.getpid() == 2 else "out")
        """)  # fmt: skip
    held(ran)
    assert ran.exit == 0


@needs_sandbox
def test_killing_its_parent_ends_nothing_but_the_program(sandbox):
    for program in ("os.kill(os.getppid(), 9)", "os.kill(1, 9)", "os.kill(-1, 9); time.sleep(9)", "os.killpg(0, 9)"):
        run(sandbox, program)
    assert sandbox.run("print(1)").stdout == b"1\n"


@needs_sandbox
def test_no_privilege_and_no_way_to_one(sandbox):
    ran = run(sandbox, f"""
        print("held" if os.getresuid() == ({NOBODY},) * 3 and os.getresgid() == ({NOBODY},) * 3 else "out", os.getresuid())
        for action, *arguments in ((os.setuid, 0), (os.setgid, 0), (os.setgroups, [0]), (os.chroot, "/tmp"), (os.nice, -20),
                                   (os.setresuid, 0, 0, 0), (os.chown, "/tmp", 0, 0)):
            attempt(action, *arguments)
        caps = (ctypes.c_uint32 * 6)()
        libc.capget((ctypes.c_uint32 * 2)(0x20080522, 0), caps)
        print("held" if not any(caps) else "out", list(caps))
        print("held" if libc.prctl(39, 0, 0, 0, 0) == 1 else "out", "no new privileges")
        for resource_ in (6, 9, 0, 1, 7):  # processes, address space, CPU, file size, open files
            import resource
            soft, hard = resource.getrlimit(resource_)
            attempt(resource.setrlimit, resource_, (hard + 1, hard + 1))
        attempt(resource.prlimit, 1, resource.RLIMIT_CPU, (1, 1))
        """)  # fmt: skip
    held(ran, 15)


@needs_sandbox
def test_system_calls_that_a_program_has_no_need_of(sandbox):
    ran = run(sandbox, """
        call("ptrace", 0, 0, 0, 0)
        call("ptrace", 16, 1, 0, 0)
        for kind in (0x10000000, 0x00020000, 0x20000000, 0x40000000, 0x04000000, 0x08000000, 0x02000000, 0x80):
            call("unshare", kind)
        call("mount", b"tmpfs", b"/tmp", b"tmpfs", 0, None)
        call("mount", b"proc", b"/proc", b"proc", 0, None)
        call("umount2", b"/proc", 2)
        call("chroot", b"/tmp")
        call("setns", 0, 0)
        call("sethostname", b"x", 1)
        call("setdomainname", b"x", 1)
        call("clock_settime", 0, bytes(16))
        call("settimeofday", bytes(16), None)
        call("swapon", b"/tmp", 0)
        call("reboot", 0)
        call("memfd_create", b"x", 0)
        call("personality", 0x0040000)
        call("process_vm_readv", 1, None, 0, None, 0, 0)
        call("vmsplice", 0, None, 0, 0)
        call("inotify_init")
        call("shmget", 1, 4096, 0o1600)
        call("prctl", 4, 1, 0, 0, 0)
        call("prctl", 22, 1, 0, 0, 0)
        call("ioctl", 0, 0x5412, b"x")
        """)  # fmt: skip
    held(ran, 28)


@needs_sandbox
@pytest.mark.skipif(platform.machine() != "x86_64", reason="numbers of x86-64")
def test_system_calls_by_number(sandbox):
    # add_key, request_key, keyctl, bpf, io_uring_*, userfaultfd, perf_event_open, kexec_load, kexec_file_load, init_module,
    # finit_module, open_by_handle_at, clone3, pidfd_getfd, process_madvise, landlock, seccomp, modify_ldt, iopl, mount_setattr,
    # fsopen, move_mount, open_tree, pivot_root, quotactl, syslog, acct, lookup_dcookie, uselib, kcmp, and numbers of tomorrow
    numbers = [248, 249, 250, 321, 425, 426, 427, 323, 298, 246, 320, 175, 313, 304, 435, 438, 440, 444, 317, 154, 172, 442,
               430, 429, 428, 155, 179, 103, 163, 212, 134, 312, 470, 500, 1000]  # fmt: skip
    ran = run(sandbox, f"for n in {numbers}: number(n, 0, 0, 0, 0, 0)")
    held(ran, len(numbers))
    foreign = run(sandbox, "number(0x40000000 + 39)")  # an x32 number
    assert foreign.exit == -signal.SIGSYS and foreign.stdout == b""


@needs_sandbox
def test_a_new_namespace_by_clone(sandbox):
    held(run(sandbox, f"""
        for kind in (0x10000000, 0x20000000, 0x00020000, 0x40000000):
            number({56 if platform.machine() == "x86_64" else 220}, kind | signal.SIGCHLD, 0, 0, 0, 0)
        """), 4)  # fmt: skip


@needs_sandbox
def test_a_set_uid_program_gains_nothing(sandbox):
    ran = run(sandbox, """
        import shutil, subprocess
        attempt(os.chmod, "/tmp", 0o7777)
        """)  # fmt: skip
    assert ran.exit == 0
    shown = run(sandbox, """
        import shutil, subprocess
        shutil.copyfile(sys.executable, "own"); os.chmod("own", 0o4755)
        print(subprocess.run(["./own", "-I", "-S", "-c", "import os; print(os.geteuid())"], capture_output=True))
        """, limits=Limits(file_size=64 << 20))  # fmt: skip
    assert f"{NOBODY}".encode() in shown.stdout or b"stdout=b''" in shown.stdout


def test_what_only_root_can_read_is_not_for_the_sandbox(tmp_path):
    assert not readable(str(tmp_path / "absent"))
    assert readable("/usr/bin/env")
