"""Writes a classic capture file to standard output with its frames in order of time.

Usage: sort_frames.py FILE
"""

import struct
import sys


def main(path):
    with open(path, "rb") as file:
        data = file.read()
    order = "<" if data[:4] in (b"\x4d\x3c\xb2\xa1", b"\xd4\xc3\xb2\xa1") else ">"
    frames, at = [], 24
    while at + 16 <= len(data):
        seconds, fraction, held, _ = struct.unpack_from(order + "IIII", data, at)
        frames.append(((seconds, fraction), data[at : at + 16 + held]))
        at += 16 + held
    frames.sort(key=lambda it: it[0])
    sys.stdout.buffer.write(data[:24] + b"".join(record for _, record in frames))


if __name__ == "__main__":
    main(sys.argv[1])
