//! Makes a line of an event.

use std::fmt::{self, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};

use crossbeam_channel::Sender;
use serde_json::{Map, Value};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Metadata, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use super::{Format, Level, Line};

/// Makes lines and puts them into the queue.
#[derive(Debug)]
pub(super) struct Lines {
    /// The newest [`Level`], as its number.
    pub(super) level: Arc<AtomicU8>,
    pub(super) shape: Shape,
    pub(super) queue: Sender<Line>,
    pub(super) lost: Arc<AtomicU64>,
}

/// What lines look like.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) enum Shape {
    /// `2026-11-24T15:10:04.123Z warn  text key=value`.
    Text,
    /// `<4>text key=value` (sd-daemon(3)).
    Journal,
    /// `{"ts":"…","level":"warn","message":"text","key":"value"}`.
    Json,
}

impl Shape {
    pub(super) fn of(format: Format) -> Self {
        match format {
            Format::Json => Self::Json,
            Format::Auto if std::env::var_os(JOURNAL).is_some() => Self::Journal,
            Format::Auto | Format::Text => Self::Text,
        }
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        *metadata.level() <= self.most()
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.most())
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut said = Said::default();
        event.record(&mut said);
        let line = line(self.shape, *event.metadata().level(), &said);
        if self.queue.try_send(Line::Text(line.into_bytes())).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Lines {
    fn most(&self) -> LevelFilter {
        match self.level.load(Ordering::Relaxed) {
            it if it == Level::Error as u8 => LevelFilter::ERROR,
            it if it == Level::Warn as u8 => LevelFilter::WARN,
            it if it == Level::Info as u8 => LevelFilter::INFO,
            it if it == Level::Debug as u8 => LevelFilter::DEBUG,
            _ => LevelFilter::TRACE,
        }
    }
}

/// What an event says.
#[derive(Debug, Default)]
struct Said {
    message: String,
    fields: Vec<(&'static str, String)>,
}

impl Visit for Said {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record(field, format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.record(field, value.to_owned());
    }

    fn record_error(&mut self, field: &Field, value: &(dyn std::error::Error + 'static)) {
        self.record(field, value.to_string());
    }
}

impl Said {
    fn record(&mut self, field: &Field, text: String) {
        if field.name() == "message" {
            self.message = text;
        } else {
            self.fields.push((field.name(), text));
        }
    }
}

fn line(shape: Shape, level: tracing::Level, said: &Said) -> String {
    let (word, priority) = match level {
        tracing::Level::ERROR => ("error", 3),
        tracing::Level::WARN => ("warn", 4),
        tracing::Level::INFO => ("info", 6),
        _ if level == tracing::Level::DEBUG => ("debug", 7),
        _ => ("trace", 7),
    };
    let mut line = match shape {
        Shape::Text => format!("{:.3} {word:<5} ", jiff::Timestamp::now()),
        Shape::Journal => format!("<{priority}>"),
        Shape::Json => return json(word, said),
    };
    escape(&mut line, &said.message);
    for (key, value) in &said.fields {
        let _ = write!(line, " {key}=");
        escape(&mut line, value);
    }
    line.push('\n');
    line
}

fn json(level: &str, said: &Said) -> String {
    let mut object = Map::new();
    let mut put = |key: &str, value: String| object.insert(key.to_owned(), Value::String(value));
    put("ts", format!("{:.3}", jiff::Timestamp::now()));
    put("level", level.to_owned());
    put("message", said.message.clone());
    for (key, value) in &said.fields {
        put(key, value.clone());
    }
    Value::Object(object).to_string() + "\n"
}

/// Appends a text with its control characters escaped, and those that turn the direction of writing.
fn escape(line: &mut String, text: &str) {
    for it in text.chars() {
        if it.is_control()
            || matches!(it, '\u{200e}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        {
            line.extend(it.escape_default());
        } else {
            line.push(it);
        }
    }
}

/// What systemd sets where standard error is read by the journal.
const JOURNAL: &str = "JOURNAL_STREAM";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_line_whatever_is_in_it() {
        let said = Said {
            message: "broken\n<3>pack \u{1b}[31m\u{202e}".to_owned(),
            fields: vec![("file", "a\r\nb".to_owned())],
        };
        let text = line(Shape::Text, tracing::Level::WARN, &said);
        let (time, rest) = text.split_once(' ').unwrap();
        assert!(time.parse::<jiff::Timestamp>().is_ok(), "{time}");
        let expected = "broken\\n<3>pack \\u{1b}[31m\\u{202e} file=a\\r\\nb\n";
        assert_eq!(rest, format!("warn  {expected}"));
        let text = line(Shape::Journal, tracing::Level::WARN, &said);
        assert_eq!(text, format!("<4>{expected}"));
        let text = line(Shape::Json, tracing::Level::WARN, &said);
        assert_eq!(text.matches('\n').count(), 1);
        let object: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(object["level"], "warn");
        assert_eq!(object["message"], said.message);
        assert_eq!(object["file"], "a\r\nb");
    }

    #[test]
    fn the_journal_hears_of_the_level_by_priority() {
        for (level, priority) in [
            (tracing::Level::ERROR, "<3>"),
            (tracing::Level::WARN, "<4>"),
            (tracing::Level::INFO, "<6>"),
            (tracing::Level::DEBUG, "<7>"),
            (tracing::Level::TRACE, "<7>"),
        ] {
            assert_eq!(
                line(Shape::Journal, level, &Said::default()),
                format!("{priority}\n")
            );
        }
    }

    #[test]
    fn a_full_queue_loses_lines_and_counts_them() {
        use tracing_subscriber::layer::SubscriberExt;

        let (queue, lines) = crossbeam_channel::bounded(2);
        let lost = Arc::new(AtomicU64::new(0));
        let level = Arc::new(AtomicU8::new(Level::Warn as u8));
        let layer = Lines {
            level,
            shape: Shape::Journal,
            queue,
            lost: Arc::clone(&lost),
        };
        let log = tracing_subscriber::registry().with(layer);
        tracing::subscriber::with_default(log, || {
            for number in 0..5 {
                tracing::info!(number, "not logged");
                tracing::warn!(number, "logged");
            }
        });
        assert_eq!(lost.load(Ordering::Relaxed), 3);
        let Ok(Line::Text(first)) = lines.recv() else {
            panic!("no line");
        };
        assert_eq!(first, b"<4>logged number=0\n");
    }
}
