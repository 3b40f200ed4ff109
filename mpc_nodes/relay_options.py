"""gRPC settings of both ends, and how errors cross the wire. Reasons: docs/spec/07-transport.md, "Limits"."""

from typing import Final

import grpc

from protocol.errors import Kind
from protocol.relay import PART_BYTES

ERROR_CODE: Final = "proofward-code"  # trailing metadata: the stable code of the error that ended a stream

STATUS: Final[dict[Kind, grpc.StatusCode]] = {
    Kind.INVALID: grpc.StatusCode.INVALID_ARGUMENT,
    Kind.DENIED: grpc.StatusCode.PERMISSION_DENIED,
    Kind.NOT_FOUND: grpc.StatusCode.NOT_FOUND,
    Kind.CONFLICT: grpc.StatusCode.ABORTED,
    Kind.REFUSED: grpc.StatusCode.FAILED_PRECONDITION,
    Kind.UNAVAILABLE: grpc.StatusCode.UNAVAILABLE,
    Kind.INTERNAL: grpc.StatusCode.INTERNAL,
}

_MESSAGE_BYTES: Final = PART_BYTES + (4 << 10)

_BOTH: Final[tuple[tuple[str, int], ...]] = (
    ("grpc.max_receive_message_length", _MESSAGE_BYTES),
    ("grpc.max_send_message_length", _MESSAGE_BYTES),
    ("grpc.max_metadata_size", 8 << 10),
    # Nothing is ever inflated: only `identity` is accepted, and a message marked as compressed stays as it is.
    ("grpc.compression_enabled_algorithms_bitset", 1),
    ("grpc.per_message_decompression", 0),
    # A peer that vanished without a word is noticed within keepalive time and timeout.
    ("grpc.keepalive_time_ms", 30_000),
    ("grpc.keepalive_timeout_ms", 10_000),
    ("grpc.keepalive_permit_without_calls", 1),
    ("grpc.http2.max_pings_without_data", 0),
    ("grpc.enable_http_proxy", 0),
)

SERVER_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    *_BOTH,
    ("grpc.so_reuseport", 0),  # a second hub on the same port is an error, not a lottery
    ("grpc.max_concurrent_streams", 2),  # one is needed; on reconnection the old one may still be closing
    ("grpc.max_connection_idle_ms", 30_000),  # a connection without a stream
    ("grpc.max_connection_age_ms", 24 * 3600 * 1000),  # certificates are checked again at least once a day
    ("grpc.max_connection_age_grace_ms", 60_000),
    ("grpc.server_handshake_timeout_ms", 10_000),
    ("grpc.http2.min_ping_interval_without_data_ms", 10_000),
)

CLIENT_OPTIONS: Final[tuple[tuple[str, int], ...]] = (
    *_BOTH,
    ("grpc.enable_retries", 0),  # reconnection is ours: a stream has a handshake
    # In spite of its name, what an attempt to connect has, TLS and all. Less than the hub gives it, and a node behind a slow
    # line, or a hub with much to do, is cut off for good: the next attempt is no faster.
    ("grpc.min_reconnect_backoff_ms", 10_000),
    ("grpc.use_local_subchannel_pool", 1),  # a new channel is a new connection, never a remembered failure
)
