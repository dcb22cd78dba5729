//! HTTP/1 request heads.
