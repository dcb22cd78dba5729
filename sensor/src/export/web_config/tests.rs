//! Tests of what a web file may say. Certificates are tested with real clients in `tests/web.rs`.

use std::fs;

use tempfile::TempDir;

use super::*;

/// A hash of "secret".
const HASH: &str = "$2y$04$a0IKJWDhWW2LT7OnGKAZrekoXQQtZ.fekmmMb1Nn/fzur3qllTN7q";

fn load(text: &str) -> Result<WebConfig, String> {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("web.yml");
    fs::write(&path, text).unwrap();
    WebConfig::load(&path).map_err(|it| {
        let shown = it.to_string();
        let folder = format!("{}/", folder.path().display());
        shown.replace(&folder, "")
    })
}

#[test]
fn an_empty_file_says_nothing() {
    for text in [
        "",
        "# nothing\n",
        "---\n",
        "tls_server_config:\nbasic_auth_users:\n",
        "rate_limit: {}\n",
    ] {
        let config = load(text).unwrap();
        assert!(config.tls.is_none() && config.users.is_empty() && config.rate.is_none());
        assert!(!config.requires_authentication(), "{text:?}");
    }
}

#[test]
fn everything_that_is_kept_is_read() {
    let text = format!(
        "http_server_config:\n  http2: false\n  headers:\n    X-Frame-Options: deny\n    \
         Strict-Transport-Security: max-age=600\n    X-XSS-Protection: ''\nbasic_auth_users:\n  \
         anna: {HASH}\nrate_limit:\n  interval: 1m0.5s\n  burst: 20\n"
    );
    let config = load(&text).unwrap();
    assert!(config.requires_authentication());
    assert_eq!(config.users.get("anna").map(String::as_str), Some(HASH));
    let headers: Vec<_> = config
        .headers
        .iter()
        .map(|it| (it.0.as_str(), it.1.to_str().unwrap()))
        .collect();
    assert_eq!(
        headers,
        [
            ("strict-transport-security", "max-age=600"),
            ("x-frame-options", "deny")
        ]
    );
    let expected = Rate {
        interval: Duration::from_millis(60_500),
        burst: 20,
    };
    assert_eq!(config.rate, Some(expected));
}

#[test]
fn what_is_wrong_is_said_with_line_and_key() {
    let cases = [
        (
            "basic_auth_user:\n  a: b\n",
            "web.yml:1: ",
            "basic_auth_user",
        ),
        (
            "\ntls_server_config:\n  cert_fil: x\n",
            "web.yml:3: ",
            "cert_fil",
        ),
        ("a: [\n", "web.yml:", ""),
        ("- a\n", "web.yml:1: ", ""),
        (
            "http_server_config:\n  http2: true\n",
            "web.yml:2: http_server_config.http2: ",
            "not supported",
        ),
        (
            "http_server_config:\n  headers:\n    Server: x\n",
            "web.yml:3: http_server_config.headers.Server: ",
            "X-Frame-Options",
        ),
        (
            "http_server_config:\n  headers:\n    X-Frame-Options: allow\n",
            "web.yml:3: http_server_config.headers.X-Frame-Options: ",
            "deny or sameorigin",
        ),
        (
            "basic_auth_users:\n  a: secret\n",
            "web.yml:2: basic_auth_users.a: ",
            "no bcrypt hash",
        ),
        (
            "basic_auth_users:\n  a: $2y$31$a0IKJWDhWW2LT7OnGKAZrekoXQQtZ.fekmmMb1Nn/fzur3qllTN7q\n",
            "web.yml:2: basic_auth_users.a: ",
            "31",
        ),
        (
            "rate_limit:\n  interval: soon\n  burst: 1\n",
            "web.yml:2: rate_limit.interval: ",
            "100ms",
        ),
        (
            "rate_limit:\n  interval: 1s\n  burst: 0\n",
            "web.yml:3: rate_limit.burst: ",
            "between 1 and",
        ),
        (
            "rate_limit:\n  burst: 3\n",
            "web.yml:2: rate_limit.burst: ",
            "interval",
        ),
        (
            "tls_server_config:\n  client_auth_type: RequireAndVerifyClientCert\n",
            "web.yml: tls_server_config: cert",
            "missing",
        ),
    ];
    for (text, start, what) in cases {
        let error = load(text).unwrap_err();
        assert!(
            error.starts_with(start) && error.contains(what),
            "{text}: {error}"
        );
        assert!(!error.contains("secret"), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}

#[cfg(feature = "tls")]
#[test]
fn a_file_that_is_named_is_looked_for_beside_the_web_file() {
    let text = "tls_server_config:\n  cert_file: no.pem\n  key_file: no.key\n";
    let error = load(text).unwrap_err();
    assert!(
        error.starts_with("web.yml:2: tls_server_config.cert_file: no.pem cannot be read"),
        "{error}"
    );
}

#[cfg(feature = "tls")]
#[test]
fn ways_to_ask_for_certificates_that_prove_nothing_are_refused() {
    for word in ["RequestClientCert", "RequireAnyClientCert", "Nonsense"] {
        let text = format!("tls_server_config:\n  cert: x\n  key: x\n  client_auth_type: {word}\n");
        let error = load(&text).unwrap_err();
        let start = "web.yml:4: tls_server_config.client_auth_type: ";
        assert!(error.starts_with(start) && error.contains(word), "{error}");
    }
}

#[test]
fn a_new_version_holds_and_a_broken_one_does_not() {
    let folder = TempDir::new().unwrap();
    let path = folder.path().join("web.yml");
    let with = |name: &str| format!("basic_auth_users:\n  {name}: {HASH}\n");
    fs::write(&path, with("anna")).unwrap();
    let keeper = Keeper::open(Some(path.clone())).unwrap();
    let now = Instant::now();
    assert!(!keeper.is_due(now));
    assert!(keeper.is_due(now + LOOK_EVERY * 2));
    assert!(matches!(keeper.look(now), Look::Same));
    fs::write(&path, with("bert")).unwrap();
    assert!(matches!(keeper.look(now), Look::Changed));
    assert!(keeper.current().users.contains_key("bert"));
    for broken in ["", "nonsense\n", "rate_limit: {}\n"] {
        fs::write(&path, broken).unwrap();
        assert!(matches!(keeper.look(now), Look::Broken(_)), "{broken:?}");
        assert!(matches!(keeper.look(now), Look::Same), "it is said once");
        assert!(keeper.current().users.contains_key("bert"));
    }
    fs::remove_file(&path).unwrap();
    assert!(matches!(keeper.look(now), Look::Broken(_)));
    fs::write(&path, with("anna")).unwrap();
    assert!(matches!(keeper.look(now), Look::Changed));
}
