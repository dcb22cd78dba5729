//! QUIC Initials.
