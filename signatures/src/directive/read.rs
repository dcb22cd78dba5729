//! Reading the keys of a directive.

use crate::day::Day;
use crate::document::{At, Report, Table, check_id, is_id, shown};
use crate::signature::Category;

use super::{
    Authority, Citation, Countable, Directive, Element, Filler, MAX_ELEMENTS, MAX_MILESTONES,
    MAX_VENDORS, Milestone, Profile, Step,
};

/// Reads a directive; `None` if something is wrong with it, which is then reported.
pub(super) fn directive(document: &Table<'_>, report: &mut Report<'_>) -> Option<Directive> {
    const KEYS: &[&str] = &[
        "id",
        "name",
        "issuer",
        "title",
        "date",
        "scope",
        "vendors",
        "counts",
        "milestone",
        "element",
        "source",
    ];
    document.only(KEYS, report);
    let id = document.text("id", "write `id = \"us-bod-17-01\"`", report);
    if let Some(id) = &id {
        check_id("id", id, document, report);
    }
    let name = document.text("name", "write what people call it", report);
    let issuer = document.text("issuer", "write who issued it", report);
    let title = document.text("title", "write its full title", report);
    let date = day(document, "date", report);
    let scope = document.text("scope", "say whom and what it binds", report);
    let vendors = vendors(document, report);
    let profile = document
        .table("counts", "say which findings count", report)
        .and_then(|it| profile(&it, report));
    let milestones = milestones(document, report);
    let elements = elements(document, report);
    let citations = citations(document, report);
    let owned = |text: At<&str>| text.value.to_owned();
    Some(Directive {
        id: owned(id?),
        name: owned(name?),
        issuer: owned(issuer?),
        title: owned(title?),
        date: date?.value,
        scope: owned(scope?),
        vendors,
        profile: profile?,
        milestones,
        elements,
        citations,
    })
}

/// The day of a key that must be there.
pub(crate) fn day(table: &Table<'_>, key: &str, report: &mut Report<'_>) -> Option<At<Day>> {
    let right = format!("write `{key} = \"2026-01-31\"`");
    let text = table.text(key, &right, report)?;
    match text.value.parse() {
        Ok(value) => Some(At {
            value,
            span: text.span,
        }),
        Err(right) => {
            let (title, found) = (&table.title, shown(text.value));
            report.wrong(&text.span, format!("{title}: `{key}` is {found}; {right}"));
            None
        }
    }
}

/// The vendors, in alphabetical order.
fn vendors(document: &Table<'_>, report: &mut Report<'_>) -> Vec<String> {
    let texts = document.texts("vendors", report);
    if texts.is_empty() {
        let message = "directive: `vendors` is empty; write the ids of packs, as in \
                       `vendors = [\"kaspersky\"]`";
        report.wrong(document.span(), message);
    }
    if let Some(beyond) = texts.get(MAX_VENDORS) {
        let message = format!("directive: `vendors` has more than {MAX_VENDORS} of them");
        report.wrong(&beyond.span, message);
    }
    let mut vendors: Vec<String> = Vec::new();
    for text in texts {
        let found = shown(text.value);
        if !is_id(text.value) {
            let message = format!(
                "directive: `vendors` holds {found}; write the id of a pack, of lower-case \
                 letters, digits and single hyphens"
            );
            report.wrong(&text.span, message);
        } else if vendors.iter().any(|it| it == text.value) {
            let message = format!("directive: `vendors` holds {found} twice; remove one");
            report.wrong(&text.span, message);
        } else {
            vendors.push(text.value.to_owned());
        }
    }
    vendors.sort();
    vendors
}

fn profile(table: &Table<'_>, report: &mut Report<'_>) -> Option<Profile> {
    const FLAGS: [(&str, Countable, &str); 4] = [
        (
            "embedded",
            Countable::Embedded,
            "write true if engines inside other companies' products count, else false",
        ),
        (
            "downloads",
            Countable::Download,
            "write true if fetching an installer counts, else false",
        ),
        (
            "browsing",
            Countable::Browsing,
            "write true if reading the vendor's web sites counts, else false",
        ),
        (
            "embeds",
            Countable::Embeds,
            "write true if parts of the vendor in other companies' pages count, else false",
        ),
    ];
    let known: Vec<&str> = [
        "verdicts",
        "excluded_products",
        "excluded_categories",
        "reading",
    ]
    .into_iter()
    .chain(FLAGS.iter().map(|it| it.0))
    .collect();
    table.only(&known, report);
    let mut counts = table.words("verdicts", Countable::VERDICTS, report);
    for (key, kind, right) in FLAGS {
        if table.needed_flag(key, right, report) == Some(true) {
            counts.push(kind);
        }
    }
    if counts.is_empty() {
        let message = "counts: nothing counts; list `verdicts` that do";
        report.wrong(table.span(), message);
    }
    counts.sort_unstable();
    counts.dedup();
    let excluded = table.texts("excluded_products", report);
    let reading = table.text(
        "reading",
        "say how the instrument was read, and why this counts",
        report,
    )?;
    Some(Profile {
        counts,
        excluded_products: excluded.iter().map(|it| it.value.to_owned()).collect(),
        excluded_categories: table.words("excluded_categories", Category::ALL, report),
        reading: reading.value.to_owned(),
    })
}

/// The milestones, in the order of their days.
fn milestones(document: &Table<'_>, report: &mut Report<'_>) -> Vec<Milestone> {
    let tables = document.tables("milestone", report);
    if let Some(beyond) = tables.get(MAX_MILESTONES) {
        let message = format!("directive: it has more than {MAX_MILESTONES} milestones");
        report.wrong(beyond.span(), message);
    }
    let mut milestones = Vec::new();
    let mut lines: [Option<(Day, usize)>; Step::ALL.len()] = Default::default();
    for mut table in tables {
        table.only(&["step", "date", "text"], report);
        let date = day(&table, "date", report);
        if let Some(date) = &date {
            table.title = format!("milestone {}", date.value);
        }
        let step = match table.optional_text("step", report) {
            None => None,
            Some(text) => table.word_of("step", &text, Step::ALL, report),
        };
        let text = table.text("text", "say what is due on that day", report);
        let (Some(date), Some(text)) = (date, text) else {
            continue;
        };
        if let Some(step) = step {
            let line = report.line(date.span.start);
            if let Some((_, first)) = lines[step as usize] {
                let message = format!(
                    "{}: the milestone on line {first} is `{step}` too; leave `step` out of one",
                    table.title
                );
                report.wrong(table.span(), message);
            }
            lines[step as usize] = Some((date.value, line));
        }
        milestones.push(Milestone {
            step,
            date: date.value,
            text: text.value.to_owned(),
        });
    }
    let steps = Step::ALL.iter().zip(lines);
    let steps: Vec<(&Step, (Day, usize))> =
        steps.filter_map(|(step, it)| Some((step, it?))).collect();
    for pair in steps.windows(2) {
        if let [(before, (day, _)), (step, (next, line))] = pair
            && next < day
        {
            let message =
                format!("milestone {next}: `{step}` lies before `{before}` on {day}; change one");
            report.wrong_on(*line, message);
        }
    }
    milestones.sort_by_key(|it| (it.date, it.step));
    milestones
}

/// The elements of reports, in the order of the file.
fn elements(document: &Table<'_>, report: &mut Report<'_>) -> Vec<Element> {
    let tables = document.tables("element", report);
    if let Some(beyond) = tables.get(MAX_ELEMENTS) {
        let message = format!("directive: it has more than {MAX_ELEMENTS} elements");
        report.wrong(beyond.span(), message);
    }
    let mut elements: Vec<Element> = Vec::new();
    for mut table in tables {
        table.only(&["step", "letter", "text", "filler"], report);
        let letter = table.text("letter", "write how the directive numbers it", report);
        if let Some(letter) = &letter {
            table.title = format!("element {}", shown(letter.value));
        }
        let step = table.word("step", Step::ALL, report);
        let text = table.text("text", "say what has to be told", report);
        let filler = table.word("filler", Filler::ALL, report);
        let (Some(step), Some(letter), Some(text), Some(filler)) = (step, letter, text, filler)
        else {
            continue;
        };
        let is_there = |it: &Element| it.step == step && it.letter == letter.value;
        if elements.iter().any(is_there) {
            let message = format!("{}: there are two for `{step}`; remove one", table.title);
            report.wrong(&letter.span, message);
        }
        elements.push(Element {
            step,
            letter: letter.value.to_owned(),
            text: text.value.to_owned(),
            filler,
        });
    }
    elements
}

fn citations(document: &Table<'_>, report: &mut Report<'_>) -> Vec<Citation> {
    let tables = document.tables("source", report);
    if tables.is_empty() {
        let message = "directive: it has no [[source]]; cite where it is written";
        report.wrong_on(1, message);
    }
    let mut citations = Vec::new();
    for table in tables {
        table.only(&["text", "url", "date", "confidence"], report);
        let text = table.text("text", "write the citation", report);
        let url = table.optional_text("url", report);
        let date = table.optional_text("date", report);
        let authority = table.word("confidence", Authority::ALL, report);
        let owned = |text: At<&str>| text.value.to_owned();
        if let (Some(text), Some(authority)) = (text, authority) {
            citations.push(Citation {
                text: owned(text),
                url: url.map(owned),
                date: date.map(owned),
                authority,
            });
        }
    }
    citations
}
