# cython: language_level=3
"""Reads and writes the protobuf wire format, as protobuf's own runtime does.

Source: https://protobuf.dev/programming-guides/encoding/. Where that leaves a
choice (how long a tag may be, how deep groups may nest) this follows upb, the
runtime under Python's protobuf, so that both accept and reject the same bytes.
Every read is checked against the end of its message, and returns False if it is malformed.
"""

from libc.stdint cimport INT32_MAX, UINT32_MAX, int64_t, uint8_t, uint32_t, uint64_t
from libc.string cimport memcpy

cdef extern from *:
    # Cython's own macros: the compiler moves rare code out of the way of the usual code.
    bint likely(bint condition) noexcept nogil
    bint unlikely(bint condition) noexcept nogil
    # Fetches memory into the cache ahead of its use.
    void prefetch "__builtin_prefetch"(const void *) noexcept nogil
    int trailing_zeros "__builtin_ctzll"(uint64_t) noexcept nogil
    const bint IS_LITTLE_ENDIAN "(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__)"
    # The highest bit of each byte of a word.
    const uint64_t HIGH_BITS "0x8080808080808080ULL"

cdef enum WireType:
    VARINT = 0
    FIXED64 = 1
    LENGTH_DELIMITED = 2
    START_GROUP = 3
    END_GROUP = 4
    FIXED32 = 5

# How many messages and groups may nest in one another, the outermost included.
cdef enum:
    MAX_DEPTH = 100


cdef struct Reader:
    const uint8_t *at
    const uint8_t *end


cdef inline bint read_long_varint(Reader *reader, uint64_t *value, int longest) noexcept nogil:
    cdef uint64_t result = 0
    cdef int count = 0
    cdef uint8_t byte
    while count < longest and reader.at < reader.end:
        byte = reader.at[0]
        reader.at += 1
        result |= <uint64_t>(byte & 0x7F) << (7 * count)
        if byte < 0x80:
            value[0] = result
            return True
        count += 1
    return False


cdef inline bint read_varint(Reader *reader, uint64_t *value) noexcept nogil:
    """Read a varint of up to 10 bytes; bits over 64 are dropped, as upb drops them."""
    if likely(reader.at < reader.end and reader.at[0] < 0x80):
        value[0] = reader.at[0]
        reader.at += 1
        return True
    return read_long_varint(reader, value, 10)


cdef inline uint64_t load_word(const uint8_t *content) noexcept nogil:
    cdef uint64_t word
    memcpy(&word, content, 8)
    return word


cdef inline uint32_t load_half_word(const uint8_t *content) noexcept nogil:
    cdef uint32_t word
    memcpy(&word, content, 4)
    return word


cdef inline int load_varint(const uint8_t *content, uint64_t *value) noexcept nogil:
    """Read a varint of up to 8 bytes without a branch for each byte; return its size.

    Return 0 if it is longer. Eight bytes must be readable.
    """
    cdef uint64_t word = load_word(content), stops
    stops = ~word & HIGH_BITS
    if not IS_LITTLE_ENDIAN or stops == 0:
        return 0
    # Keep the bytes up to the first without the highest bit; then join pairs of 7 bits, of 14
    # and of 28.
    word &= (stops ^ (stops - 1)) & ~HIGH_BITS
    word = (word & 0x007F007F007F007FULL) | (word & 0x7F007F007F007F00ULL) >> 1
    word = (word & 0x00003FFF00003FFFULL) | (word & 0x3FFF00003FFF0000ULL) >> 2
    value[0] = (word & 0x000000000FFFFFFFULL) | (word & 0x0FFFFFFF00000000ULL) >> 4
    return trailing_zeros(stops) // 8 + 1


cdef inline bint read_any_tag(Reader *reader, uint32_t *tag) noexcept nogil:
    """Read a tag of up to 5 bytes, (field number << 3) | wire type; the number may be 0."""
    cdef uint64_t value
    if likely(reader.at < reader.end and reader.at[0] < 0x80):
        tag[0] = reader.at[0]
        reader.at += 1
        return True
    if not read_long_varint(reader, &value, 5) or value > UINT32_MAX:
        return False
    tag[0] = <uint32_t>value
    return True


cdef inline bint read_tag(Reader *reader, uint32_t *tag) noexcept nogil:
    """Read the tag of a message's field, whose number may not be 0."""
    return read_any_tag(reader, tag) and tag[0] >> 3 != 0


cdef inline bint read_delimited(Reader *reader, Reader *content) noexcept nogil:
    """Read a length of up to 5 bytes, and as many bytes of content."""
    cdef uint64_t length
    if likely(reader.at < reader.end and reader.at[0] < 0x80):
        length = reader.at[0]
        reader.at += 1
    elif not read_long_varint(reader, &length, 5) or length > INT32_MAX:
        return False
    if length > <uint64_t>(reader.end - reader.at):
        return False
    content.at = reader.at
    content.end = reader.at + length
    reader.at = content.end
    return True


cdef inline bint skip_bytes(Reader *reader, int count) noexcept nogil:
    if reader.end - reader.at < count:
        return False
    reader.at += count
    return True


cdef inline bint skip_scalar(Reader *reader, uint32_t tag) noexcept nogil:
    """Skip a value that holds no other fields."""
    cdef uint64_t value
    cdef Reader content
    cdef uint32_t wire_type = tag & 7
    if wire_type == VARINT:
        return read_varint(reader, &value)
    if wire_type == FIXED64:
        return skip_bytes(reader, 8)
    if wire_type == LENGTH_DELIMITED:
        return read_delimited(reader, &content)
    if wire_type == FIXED32:
        return skip_bytes(reader, 4)
    return False


cdef inline bint skip_value(Reader *reader, uint32_t tag, int depth) noexcept nogil:
    """Skip a value of any type.

    `depth` is how many groups may still nest in one another here.
    """
    cdef uint32_t open_groups[MAX_DEPTH]
    cdef int count = 0
    while True:
        if tag & 7 == START_GROUP:
            if count == depth:
                return False
            open_groups[count] = tag >> 3
            count += 1
        elif tag & 7 == END_GROUP:
            if count == 0 or open_groups[count - 1] != tag >> 3:
                return False
            count -= 1
        elif not skip_scalar(reader, tag):
            return False
        if count == 0:
            return True
        # upb accepts a field number of 0 within a group that it skips.
        if not read_any_tag(reader, &tag):
            return False


cdef inline bint read_field(
    Reader *reader, uint32_t *tag, Reader *content, int depth
) noexcept nogil:
    """Read a field; skip one that is not length-delimited, and set its tag to 0.

    In a hot loop the reader should be a local variable whose address is not taken. So this is in
    two parts: the usual field is read here, and any other from a copy of the reader.
    """
    cdef Reader rest = reader[0]
    cdef uint32_t header = 0
    if likely(rest.end - rest.at >= 2):
        header = rest.at[0] | <uint32_t>rest.at[1] << 8
    # Tag and length have one byte each, the field has a number and is length-delimited.
    if likely(header & 0x8087 == LENGTH_DELIMITED and header & 0x78):
        tag[0] = header & 0x7F
        content.at = rest.at + 2
        content.end = content.at + (header >> 8)
        reader.at = content.end
        return content.end <= reader.end
    if not read_any_field(&rest, tag, content, depth):
        return False
    reader.at = rest.at
    return True


cdef inline bint read_any_field(
    Reader *reader, uint32_t *tag, Reader *content, int depth
) noexcept nogil:
    if not read_tag(reader, tag):
        return False
    if tag[0] & 7 == LENGTH_DELIMITED:
        return read_delimited(reader, content)
    if not skip_value(reader, tag[0], depth):
        return False
    tag[0] = 0
    return True


cdef inline bint is_ascii(Reader text) noexcept nogil:
    cdef size_t size = text.end - text.at
    cdef uint64_t bits = 0
    # The last word overlaps the one before it.
    if size >= 8:
        bits = load_word(text.end - 8)
        while text.end - text.at > 8:
            bits |= load_word(text.at)
            text.at += 8
    elif size >= 4:
        bits = load_half_word(text.at) | load_half_word(text.end - 4)
    else:
        while text.at < text.end:
            bits |= text.at[0]
            text.at += 1
    return not bits & HIGH_BITS


cdef inline bint is_utf8(Reader text) noexcept nogil:
    """Return whether the bytes are UTF-8 (RFC 3629): no surrogates, nothing overlong."""
    return likely(is_ascii(text)) or is_any_utf8(text)


cdef inline bint is_any_utf8(Reader text) noexcept nogil:
    cdef uint8_t lead
    while text.at < text.end:
        lead = text.at[0]
        text.at += 1
        if lead >= 0x80 and not skip_continuation(&text, lead):
            return False
    return True


cdef inline bint skip_continuation(Reader *text, uint8_t lead) noexcept nogil:
    """Skip the bytes after the first one of a character; return False if they are not UTF-8."""
    # The first byte sets how many follow, and narrows the range of the second.
    cdef uint8_t low = 0x80, high = 0xBF
    cdef int rest
    if 0xC2 <= lead <= 0xDF:
        rest = 1
    elif 0xE0 <= lead <= 0xEF:
        rest = 2
        if lead == 0xE0:
            low = 0xA0
        elif lead == 0xED:
            high = 0x9F
    elif 0xF0 <= lead <= 0xF4:
        rest = 3
        if lead == 0xF0:
            low = 0x90
        elif lead == 0xF4:
            high = 0x8F
    else:
        return False
    if text.end - text.at < rest or not low <= text.at[0] <= high:
        return False
    text.at += 1
    while rest > 1:
        if text.at[0] & 0xC0 != 0x80:
            return False
        text.at += 1
        rest -= 1
    return True


cdef inline int varint_size(uint64_t value) noexcept nogil:
    cdef int size = 1
    while value >= 0x80:
        value >>= 7
        size += 1
    return size


cdef inline uint64_t delimited_size(uint64_t length) noexcept nogil:
    """Return the size of a length-delimited field of a number up to 15: tag, length, content."""
    return 1 + varint_size(length) + length


cdef inline uint8_t *write_varint(uint8_t *out, uint64_t value) noexcept nogil:
    while value >= 0x80:
        out[0] = <uint8_t>(value | 0x80)
        value >>= 7
        out += 1
    out[0] = <uint8_t>value
    return out + 1


cdef inline uint8_t *write_header(uint8_t *out, uint32_t field, uint64_t length) noexcept nogil:
    """Write the tag and the length of a length-delimited field of a number up to 15."""
    out[0] = <uint8_t>(field << 3 | LENGTH_DELIMITED)
    return write_varint(out + 1, length)


cdef inline uint8_t *write_number(uint8_t *out, uint32_t field, uint64_t value) noexcept nogil:
    """Write a varint field of a number up to 15; proto3 leaves out a value of 0."""
    if value == 0:
        return out
    out[0] = <uint8_t>(field << 3 | VARINT)
    return write_varint(out + 1, value)


cdef inline int number_size(uint64_t value) noexcept nogil:
    """Return the size of a varint field of a number up to 15."""
    return 1 + varint_size(value) if value else 0
