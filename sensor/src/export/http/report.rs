//! The report over the web: `/report?directive=ID&format=html`.
//!
//! Several directives are parted by commas, `directive=all` is all that are in force, and without one
//! the report is on all that was found. What is asked for is found among the directives in force
//! before anything is made, so that clients cannot have reports made, and kept, under ids of their own
//! invention.

use std::sync::Arc;

use phonehome_signatures::Directives;

use super::answer::{Answer, Kind};
use crate::export::report::{self, Ask, Origin, Report};
use crate::export::{Snapshot, json};
use crate::time::Timestamp;

/// Which report is asked for.
#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
pub(super) struct Wanted {
    /// A bit for each directive in force, in their order; none for an inventory.
    chosen: u64,
    format: Format,
}

#[derive(Clone, Copy, Debug, Eq, Ord, PartialEq, PartialOrd)]
enum Format {
    Html,
    Csv,
    Json,
    Markdown,
}

impl Wanted {
    /// Reads the query of a request: `directive` and `format`; the rest does not matter.
    ///
    /// # Errors
    ///
    /// The answer to a query that asks for what there is not.
    pub(super) fn of(query: Option<&str>, in_force: &Directives) -> Result<Self, Answer> {
        let mut wanted = Self {
            chosen: 0,
            format: Format::Html,
        };
        let pairs = query.unwrap_or_default().split('&');
        for (key, value) in pairs.filter_map(|it| it.split_once('=')) {
            match key {
                "directive" => {
                    for id in value.split(',') {
                        wanted.chosen |= bits_of(id, in_force)?;
                    }
                }
                "format" => wanted.format = format(value)?,
                _ => {}
            }
        }
        Ok(wanted)
    }

    /// Makes the report. `in_force` are the directives among which it was chosen.
    pub(super) fn make(
        self,
        snapshot: &Snapshot,
        in_force: &Arc<Directives>,
        now: Option<Timestamp>,
    ) -> Answer {
        let ids: Vec<&str> = in_force
            .list()
            .iter()
            .enumerate()
            .filter(|it| self.chosen & bit(it.0) != 0)
            .map(|it| it.1.id.as_str())
            .collect();
        let Ok(chosen) = in_force.choose(&ids) else {
            return Answer::text(500, "the report could not be made\n");
        };
        let snapshot = Snapshot {
            directives: Arc::new(chosen),
            ..snapshot.clone()
        };
        let ask = Ask {
            made: now.unwrap_or_default(),
            sensor: snapshot.own.as_ref().and_then(|it| it.sensor.clone()),
            origin: Origin::Running,
        };
        let report = Report::new(&snapshot, ask);
        match self.format {
            Format::Html => match report::html::html(&report) {
                Some(html) => Answer::page(html, report::html::STYLE),
                None => Answer::text(500, "the report could not be written\n"),
            },
            Format::Csv => Answer::new(200, Kind::Csv, report::csv::csv(&report).into_bytes()),
            Format::Markdown => {
                let text = report::markdown::markdown(&report);
                Answer::new(200, Kind::Markdown, text.into_bytes())
            }
            Format::Json => match serde_json::to_vec(&json::report(&report, json::MAX_SERVED)) {
                Ok(body) => Answer::new(200, Kind::Json, body),
                Err(_) => Answer::text(500, "the report could not be written\n"),
            },
        }
    }
}

/// The bits of the directives that an id stands for.
fn bits_of(id: &str, in_force: &Directives) -> Result<u64, Answer> {
    let list = in_force.list();
    let places = list.iter().enumerate();
    let bits: u64 = places
        .filter(|(_, it)| id == "all" || it.id == id)
        .fold(0, |bits, (place, _)| bits | bit(place));
    if bits == 0 {
        let ids: Vec<&str> = list.iter().map(|it| it.id.as_str()).collect();
        let ids = match ids.as_slice() {
            [] => "none".to_owned(),
            ids => ids.join(", "),
        };
        let text = format!("no directive with this id is in force; in force: {ids}\n");
        return Err(Answer::text(404, &text));
    }
    Ok(bits)
}

/// The bit of a place in the list, of which at most eight are in force.
const fn bit(place: usize) -> u64 {
    1 << (place % 64)
}

fn format(word: &str) -> Result<Format, Answer> {
    match word {
        "html" => Ok(Format::Html),
        "csv" => Ok(Format::Csv),
        "json" => Ok(Format::Json),
        "md" => Ok(Format::Markdown),
        _ => Err(Answer::text(
            400,
            "there is no such format; write html, csv, json or md\n",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn in_force() -> Directives {
        let ids = ["us-bod-17-01", "us-ndaa-1634"];
        Directives::builtin().unwrap().choose(&ids).unwrap()
    }

    fn chosen(query: &str) -> Result<u64, u16> {
        let wanted = Wanted::of(Some(query), &in_force());
        wanted.map(|it| it.chosen).map_err(|it| it.code)
    }

    #[test]
    fn a_query_chooses_among_the_directives_in_force() {
        assert_eq!(chosen(""), Ok(0));
        assert_eq!(chosen("directive=us-ndaa-1634&x=y"), Ok(2));
        assert_eq!(chosen("directive=us-bod-17-01,us-ndaa-1634"), Ok(3));
        assert_eq!(
            chosen("directive=us-bod-17-01&directive=us-ndaa-1634"),
            Ok(3)
        );
        assert_eq!(chosen("directive=all&format=csv"), Ok(3));
        assert_eq!(chosen("directive=us-tiktok-act"), Err(404));
        assert_eq!(chosen("directive="), Err(404));
        assert_eq!(chosen("format=pdf"), Err(400));
        let nothing = Wanted::of(Some("directive=all"), &Directives::default());
        assert_eq!(nothing.unwrap_err().code, 404);
    }
}
