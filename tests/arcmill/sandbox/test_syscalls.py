"""The filter of system calls, followed as the kernel would, on each machine."""

from __future__ import annotations

import pytest

from arcmill.sandbox.syscalls import JUDGED, MACHINES, allowed, filter_program


def test_the_filter_s_numbers_are_the_kernel_s():
    library = _libseccomp()
    if library is None:
        pytest.skip("no libseccomp to compare with")
    for machine, (audit, column) in MACHINES.items():
        table = {**allowed(machine), **{name: (x86, arm)[column] for name, x86, arm, *_ in JUDGED}}
        assert len(table) > 150 and len(set(table.values())) == len(table)
        for name, number in table.items():
            assert library.seccomp_syscall_resolve_name_arch(audit, name.encode()) == number, (machine, name)


def _libseccomp():
    import ctypes

    try:
        return ctypes.CDLL("libseccomp.so.2")
    except OSError:
        return None


def test_the_filter_denies_by_name():
    denied = "ptrace mount umount2 chroot unshare setns bpf keyctl add_key io_uring_setup userfaultfd perf_event_open kexec_load "
    denied += "memfd_create splice tee vmsplice setuid setresuid clock_settime sethostname process_vm_readv clone3 init_module"
    for machine in MACHINES:
        assert not set(denied.split()) & set(allowed(machine))
        assert len(filter_program(machine)) // 8 < 4096


def simulate(program: bytes, number: int, audit: int, *arguments: int) -> int:
    """What a filter returns for a call (the classic BPF that it uses)."""
    import struct

    data = struct.pack("<IIQ6Q", number, audit, 0, *arguments, *[0] * (6 - len(arguments)))
    accumulator = place = 0
    while True:
        operation, if_true, if_false, value = struct.unpack_from("<HBBI", program, 8 * place)
        place += 1
        if operation == 0x20:
            accumulator = struct.unpack_from("<I", data, value)[0]
        elif operation == 0x06:
            return value
        else:
            holds = {0x15: accumulator == value, 0x35: accumulator >= value, 0x45: bool(accumulator & value)}[operation]
            place += if_true if holds else if_false


@pytest.mark.parametrize("machine", MACHINES)
def test_the_filter_on_each_machine(machine):
    program, (audit, column) = filter_program(machine), MACHINES[machine]
    judged = {name: ((x86, arm)[column], argument) for name, x86, arm, argument, *_ in JUDGED}
    known = {*allowed(machine).values(), *(number for number, _ in judged.values())}
    for number in range(1000):
        verdict = simulate(program, number, audit, *[0xFFFFFFFF] * 6)
        if number in allowed(machine).values():
            assert verdict == 0x7FFF0000
        else:
            assert verdict == (0x50001 if number in known else 0x50026), number
    for other, (foreign, _) in MACHINES.items():
        if other != machine:
            assert simulate(program, 0, foreign) == 0x80000000
    assert simulate(program, 0x40000000, audit) == simulate(program, 0xFFFFFFFF, audit) == 0x80000000
    for name, good, bad in (
        ("clone", (0x01200011, 0x003D0F00), (0x10000011, 0x00020011, 0x20000011, 0x40000011)),
        ("socket", (1,), (0, 2, 10, 16, 17, 38, 40)),
        ("socketpair", (1,), (2,)),
        ("prctl", (15, 38), (4, 22, 24, 35, 47)),
        ("ioctl", (0x5401, 0x5413), (0x5412, 0x541C, 0x8933)),
    ):
        number, argument = judged[name]
        before = [0] * argument
        assert all(simulate(program, number, audit, *before, value) == 0x7FFF0000 for value in good), name
        assert all(simulate(program, number, audit, *before, value) == 0x50001 for value in bad), name
    assert simulate(program, judged["socket"][0], audit, 1 << 32 | 2) == 0x50001  # the kernel too reads 32 bits
