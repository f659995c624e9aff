"""De-aggregation: the events that a producer packed into one record of a data stream.

The format is that of the Kinesis Producer Library ("KPL aggregated record format",
`aggregation-format.md` of awslabs/amazon-kinesis-producer): four magic bytes, a protobuf message,
and the MD5 of the message. It is parsed without protobuf, as this module goes into every Lambda
zip, and faster than through it, as only three fields matter.
"""

from __future__ import annotations

import hashlib

MAGIC = b"\xf3\x89\x9a\xc2"
DIGEST_BYTES = 16

# Tags of protobuf: the field's number shifted by three, and its wire type.
_KEY_TABLE = 1 << 3 | 2
_RECORD = 3 << 3 | 2
_KEY_INDEX = 1 << 3
_HASH_KEY_INDEX = 2 << 3
_DATA = 3 << 3 | 2

_LONGEST_VARINT_BYTES = 10


def deaggregate(data: bytes) -> list[tuple[bytes, str]] | None:
    """The records packed into `data`, each with its partition key; None if it is a plain record.

    As the Kinesis Client Library does, a record whose checksum or message is wrong counts as a
    plain one, so that nothing is thrown away: whoever reads it finds that it holds no event. Unlike
    that library, packed records outside the shard's hash range are kept.
    """
    if data[:4] != MAGIC or len(data) <= len(MAGIC) + DIGEST_BYTES:
        return None
    message = data[len(MAGIC) : -DIGEST_BYTES]
    if hashlib.md5(message, usedforsecurity=False).digest() != data[-DIGEST_BYTES:]:
        return None
    try:
        return _parse(message)
    except (IndexError, ValueError):
        return None


def _parse(message: bytes) -> list[tuple[bytes, str]]:
    """All records of the message; IndexError or ValueError where it is no such message.

    A packed record is nearly always the short index of its key, perhaps one of its hash key, and
    then the data to its end. Those are taken here, in one loop that calls nothing: it is what makes
    de-aggregation cheap.
    """
    keys: list[str] = []
    records: list[tuple[bytes, str]] = []
    add = records.append
    position, end = 0, len(message)
    while position < end:
        if message[position] != _RECORD:
            position = _other_field(message, position, keys)
            continue
        length, start = message[position + 1], position + 2
        if length > 127:
            length += (message[start] << 7) - 128
            start += 1
            if length > 16_383:
                length, start = _varint(message, position + 1)
        stop = start + length
        if stop > end:
            raise ValueError("record is cut off")
        index, tag, size, data = (
            message[start + 1],
            message[start + 2],
            message[start + 3],
            start + 4,
        )
        if tag == _HASH_KEY_INDEX and size < 128 and message[start] == _KEY_INDEX:
            tag, size, data = message[data], message[data + 1], data + 2
        if size > 127:
            size += (message[data] << 7) - 128
            data += 1
        if message[start] == _KEY_INDEX and index < 128 and tag == _DATA and data + size == stop:
            add((message[data:stop], keys[index]))
        else:
            add(_unusual_record(message, start, stop, keys))
        position = stop
    if not records:
        raise ValueError("no record")
    return records


def _other_field(message: bytes, position: int, keys: list[str]) -> int:
    """Take a partition key into `keys`, pass over whatever else it is; returns where it ends."""
    tag, position = _varint(message, position)
    if tag & 7 != 2:
        return _after_scalar(message, position, tag)
    length, position = _varint(message, position)
    stop = position + length
    if stop > len(message):
        raise ValueError("field is cut off")
    if tag == _KEY_TABLE:
        keys.append(message[position:stop].decode())
    return stop


def _unusual_record(message: bytes, position: int, stop: int, keys: list[str]) -> tuple[bytes, str]:
    """Any order of fields, long indexes, hash keys and tags."""
    index, data = None, None
    while position < stop:
        tag, position = _varint(message, position)
        if tag & 7 != 2:
            if tag == _KEY_INDEX:
                index, position = _varint(message, position)
            else:
                position = _after_scalar(message, position, tag)
            continue
        length, position = _varint(message, position)
        if tag == _DATA:
            data = message[position : position + length]
        position += length
    if index is None or data is None or position != stop:
        raise ValueError("record has no key, or no data, or is cut off")
    return data, keys[index]


def _varint(message: bytes, position: int) -> tuple[int, int]:
    """A number of seven bits a byte, the lowest first, and where it ends."""
    number = 0
    for place in range(_LONGEST_VARINT_BYTES):
        byte = message[position + place]
        number |= (byte & 127) << 7 * place
        if byte < 128:
            return number, position + place + 1
    raise ValueError("number is too long")


def _after_scalar(message: bytes, position: int, tag: int) -> int:
    """Where an unknown field that is no bytes ends."""
    kind = tag & 7
    if kind == 0:
        return _varint(message, position)[1]
    if kind in (1, 5):
        return position + (8 if kind == 1 else 4)
    raise ValueError("field of a kind that protobuf no longer has")
