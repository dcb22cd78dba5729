//! HTTP/1.1 messages (RFC 9112).

use super::rng::Rng;

/// Builds a request for any page of `host`; a port other than 80 stands in the Host header.
pub(crate) fn request(host: &str, port: u16, rng: &mut Rng) -> Vec<u8> {
    let authority = if port == 80 {
        host.to_owned()
    } else {
        format!("{host}:{port}")
    };
    let page = rng.below(100_000);
    format!(
        "GET /items/{page}?from=list HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: Mozilla/5.0 (X11; \
         Linux x86_64) Gecko/20100101\r\nAccept: text/html,*/*;q=0.8\r\nAccept-Language: \
         en\r\nConnection: keep-alive\r\n\r\n"
    )
    .into_bytes()
}

/// Builds the header of a response with a body of `len` octets.
pub(crate) fn response(len: u64) -> Vec<u8> {
    format!(
        "HTTP/1.1 200 OK\r\nServer: example\r\nContent-Type: application/octet-stream\r\n\
         Content-Length: {len}\r\n\r\n"
    )
    .into_bytes()
}
