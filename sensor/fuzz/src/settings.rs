//! Settings: of the sensor, and of its web server.

use phonehome::config::{KEYS, Layers, effective};
use phonehome::export::web_config::WebConfig;

use super::files::with_file;
use super::input::Input;

/// Variables of the environment, and a settings file. What is in effect can be written as a file, which
/// gives it again.
///
/// One octet with a number of variables, each an octet for its key and one for the length of its value,
/// and the value; then the file.
pub(crate) fn settings(octets: &[u8]) {
    let mut input = Input::new(octets);
    let count = input.u8() % 8;
    let mut environment = Vec::new();
    // Paths are relative to the file that has them; those of the environment are not.
    let keys = || KEYS.iter().filter(|it| !matches!(it.takes, "FILE" | "DIR"));
    for _ in 0..count {
        let Some(key) = keys().nth(usize::from(input.u8()) % keys().count()) else {
            return;
        };
        let len = usize::from(input.u8());
        let value = String::from_utf8_lossy(input.take(len)).into_owned();
        environment.push((key.variable(), value));
    }
    let text = String::from_utf8_lossy(input.rest());
    let lines = text.split('\n').count();
    let loaded = with_file(text.as_bytes(), |path| {
        let layers = Layers {
            file: Some(path.to_owned()),
            environment,
            flags: Vec::new(),
        };
        layers.load()
    });
    match loaded {
        Err(wrongs) => {
            assert!(!wrongs.0.is_empty(), "wrong, and nothing said");
            for wrong in &wrongs.0 {
                assert!(!wrong.message.is_empty());
                if let phonehome::config::Origin::File(_, line) = &wrong.origin {
                    assert!((1..=lines as u64).contains(&(*line as u64)), "{wrong}");
                }
            }
        }
        Ok(loaded) => {
            let again = with_file(effective(&loaded).as_bytes(), |path| {
                let layers = Layers {
                    file: Some(path.to_owned()),
                    ..Layers::default()
                };
                layers.load()
            });
            match again {
                Ok(again) => assert_eq!(again.config, loaded.config),
                Err(wrongs) => panic!("what is in effect is wrong as a file: {wrongs}"),
            }
        }
    }
}

/// A web file.
pub(crate) fn web_config(octets: &[u8]) {
    let text = String::from_utf8_lossy(octets);
    // YAML has more ends of lines than most.
    let ends = ['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}'];
    let lines = text.split(ends).count() as u64;
    let loaded = with_file(text.as_bytes(), |path| {
        let loaded = WebConfig::load(path);
        if let Err(error) = &loaded
            && error.path == path
            && let Some(line) = error.line
        {
            assert!((1..=lines).contains(&line), "{error} of {lines} lines");
        }
        loaded
    });
    match loaded {
        Ok(config) => drop(config.requires_authentication()),
        Err(error) => assert!(!error.message.is_empty()),
    }
}
